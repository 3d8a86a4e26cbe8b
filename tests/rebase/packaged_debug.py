#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debugging information as a distribution packages it (libc6-dbg: by build-id, compressed, shared by dwz) names functions of a
prelinked C library, static ones too, and their lines, as those of the original: eu-addr2line, gdb and eu-stack do, also in a live process.
The same comes from a debuginfod server, which is asked for the very same build-id.  addr2line of binutils has no lines, and
bpftrace no static functions, as README says.

LONG=1: every function of every library that libc6-dbg is for, processes, the server and bpftrace."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from harness import alone_in_the_system, compile_c, expect, expect_equal, need, prelink, run, scratch, skip

need("gcc", "gdb", "addr2line", "eu-addr2line", "eu-stack", "nm")
LONG = bool(os.environ.get("LONG"))
alone_in_the_system()
DEBUG, SLOT = "/usr/lib/debug", 0x3100000000
FUNCTION = "__libc_start_call_main"  # static, in every process
here = scratch()
os.mkdir(here + "/prelinked")
QUIET = {**os.environ, "DEBUGINFOD_URLS": ""}


def debug_of(path):
    number = re.search(r"Build ID: (\w+)", run(["readelf", "-n", path]).stdout)[1]
    return f"{DEBUG}/.build-id/{number[:2]}/{number[2:]}.debug"


def lines(command, path, addresses, environment=QUIET):
    """What COMMAND says of each of ADDRESSES in PATH, and that it knows them all, or not (elfutils since 0.192)."""
    done = run([*command, "-e", path], None, input="".join(f"{address:#x}\n" for address in addresses), env=environment)
    return done.stdout.replace(path, "FILE") + f"\nexit status {done.returncode}"


def gdb_lines(path, addresses):
    """As gdb tells lines, which are of the debugging information: what it says of symbols depends on which it looks at first."""
    said = run(["gdb", "-q", "-nx", "-batch", *(word for address in addresses for word in ("-ex", f"info line *{address:#x}")), path], env=QUIET).stdout
    return "\n".join(re.findall(r'^Line \d+ of "[^"]*"|^No line', said, re.M))


def different(before, after):
    """The first lines of AFTER that are not those of BEFORE."""
    return "\n".join([f"{one} and not {other}" for one, other in zip(after.split("\n"), before.split("\n")) if one != other][:5])


@contextlib.contextmanager
def running(directory, *command, state="S"):
    """A process of COMMAND with the libraries of DIRECTORY, when it sleeps, or runs."""
    with subprocess.Popen(command or ["/bin/sleep", "600"], env={**QUIET, "LD_LIBRARY_PATH": directory}) as process:
        while f"{directory}/libc.so.6" not in open(f"/proc/{process.pid}/maps").read() or open(f"/proc/{process.pid}/stat").read().split()[2] != state:
            time.sleep(0.1)
        yield process.pid
        process.kill()


def frames(command, pid, environment):
    """Names of the frames of a process, up to main's caller's, as COMMAND tells them."""
    said = run([*command, str(pid)], env=environment, status=None).stdout
    return [re.sub(r"^0x\w+", "program", name) for name in re.findall(r"^#\d+ +(?:0x\w+ +)?(?:in )?(\S+)", said, re.M)]


libc = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
if not os.path.exists(debug_of(libc)):
    skip("libc6-dbg is not installed, or for another libc; tests/run installs it")
os.mkdir(here + "/plain")
names = [name for name in os.listdir(os.path.dirname(libc)) if re.fullmatch(r"lib(c|m|pthread|resolv|nss_files|anl|mvec|thread_db|BrokenLocale)\.so\.\d+", name)]
checked = 0
for number, name in enumerate(sorted(names) if LONG else ["libc.so.6"]):
    plain, moved = (f"{here}/{directory}/{name}" for directory in ("plain", "prelinked"))
    shutil.copy(os.path.realpath(os.path.join(os.path.dirname(libc), name)), plain)
    shutil.copy(plain, moved)
    prelink("-r", hex(SLOT + number * 0x10000000), "-N", moved)
    slot = SLOT + number * 0x10000000
    found = re.findall(r"^([0-9a-f]+) ([0-9a-f]+) [tTwWi] ", run(["nm", "-S", debug_of(plain)], status=None).stdout, re.M)
    addresses = sorted({int(address, 16) + int(size, 16) // 2 for address, size in found})[::1 if LONG else 10]
    before, after = (lines(["eu-addr2line", "-f", "-i"], path, [address + bias for address in addresses]) for path, bias in ((plain, 0), (moved, slot)))
    expect(name != "libc.so.6" or "malloc.c" in before, f"eu-addr2line does not find the debugging information: {before[:300]}")
    expect(before == after, f"eu-addr2line, {name}: {different(before, after)}")
    # binutils' own has the functions, by the symbol table, and no lines, as README says.
    before, after = (lines(["addr2line", "-f"], path, [address + bias for address in addresses]) for path, bias in ((plain, 0), (moved, slot)))
    named = [[line != "??" for line in text.split("\n")[::2]] for text in (before, after)]
    expect(not [i for i, (one, other) in enumerate(zip(*named)) if one and not other], f"addr2line, {name}: names fewer functions")
    expect(name != "libc.so.6" or "malloc.c:?" in after, "addr2line tells lines: README says that it does not")
    some = addresses[::1 if LONG else 40]
    before, after = gdb_lines(plain, some), gdb_lines(moved, [address + slot for address in some])
    expect(before == after, f"gdb, {name}: {different(before, after)}")
    checked += len(addresses)
print(f"{checked} functions of {len(names) if LONG else 1} libraries have the same names and lines in eu-addr2line and gdb, a name in addr2line", flush=True)

if not LONG:
    sys.exit(0)
GDB = ["gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled on", "-ex", "bt", "-p"]
told = {}
for directory in ("plain", "prelinked"):
    with running(f"{here}/{directory}") as pid:
        told[directory] = frames(["eu-stack", "-p"], pid, QUIET), frames(GDB, pid, QUIET)
for one, other, tool in zip(*told.values(), ("eu-stack", "gdb")):
    expect(FUNCTION in one, f"{tool} does not find the debugging information: {one}")
    expect_equal(other, one, f"{tool} in a process")
by_gdb = told["plain"][1]
print(f"eu-stack and gdb: the same {len(told['plain'][0])} and {len(told['plain'][1])} frames in a process")


# bpftrace, as perf, adds the library's address for one of the two files only: README says so.
sorter = compile_c("#include <stdlib.h>\nstatic int by(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }\nint main(void) "
                   "{ static int all[100000]; for (;;) { for (int i = 0; i < 100000; i++) all[i] = rand(); qsort(all, 100000, sizeof(int), by); } }", here + "/sorter")
TRACE = "profile:hz:99 /pid == %d/ { @[ustack(2)] = count(); } interval:s:2 { exit(); }"
if shutil.which("bpftrace") and run(["bpftrace", "-e", "BEGIN { exit(); }"], status=None).returncode == 0:
    for directory in ("plain", "prelinked"):
        with running(f"{here}/{directory}", sorter, state="R") as pid:
            told[directory] = set(re.findall(r"^ +([\w.]+)\+\d+$", run(["bpftrace", "-e", TRACE % pid]).stdout, re.M))
    expect("msort_with_tmp.part.0" in told["plain"], f"bpftrace does not find the debugging information: {told}")
    expect("random" in told["prelinked"], f"bpftrace does not name what libc exports: {told}")
    expect("msort_with_tmp.part.0" not in told["prelinked"], f"bpftrace names static functions: README says that it does not: {told}")
else:
    print("bpftrace is left out: it is not installed, or not allowed here")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


if shutil.which("debuginfod") and shutil.which("debuginfod-find"):
    served, port = here + "/served", free_port()
    os.mkdir(served)
    shutil.copy(debug_of(libc), served)
    with open(here + "/log", "w") as log:
        server = subprocess.Popen(["debuginfod", "-F", "-p", str(port), "-d", ":memory:", "-t", "0", served], stdout=log, stderr=log, env=QUIET)
    try:
        environment = {**os.environ, "DEBUGINFOD_URLS": f"http://127.0.0.1:{port}", "DEBUGINFOD_CACHE_PATH": here + "/cache", "DEBUGINFOD_PROGRESS": ""}
        while run(["debuginfod-find", "debuginfo", f"{here}/prelinked/libc.so.6"], status=None, env=environment).returncode:
            expect(server.poll() is None, f"debuginfod ended: {open(here + '/log').read()}")
            shutil.rmtree(here + "/cache", ignore_errors=True)  # it keeps that there was nothing
            time.sleep(0.3)
        shutil.rmtree(here + "/cache", ignore_errors=True)
        # A place without the packaged files, so that only the server has them.
        with running(here + "/prelinked") as pid:
            said = frames(["gdb", "-q", "-nx", "-batch", "-iex", f"set debug-file-directory {here}", "-iex", "set debuginfod enabled on", "-ex", "bt", "-p"], pid, environment)
        expect_equal(said, by_gdb, "gdb in a process, by debuginfod")
        print("gdb by debuginfod: the same frames")
    finally:
        server.kill()
        server.wait()
else:
    print("debuginfod is not installed")
