#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store for a root of another machine, written here: no file of the root is changed, nothing of it is run for that;
its programs, with the module, take the fast path, print what they did before, and what ld.so leaves read-only in each
object is the same byte for byte; what we say is bound at start is what their ld.so binds; and the pages that a process
writes of its files are no more than before, but for the module's own, and fewer where their libraries have slots, too.

Short: arm64 and armhf, Debian 12.  LONG=1: every machine that has a module, Debian 12, 13 and sid, and more programs;
arguments: only these machines, Debian's names; SUITES, in the environment: of these releases alone."""
import os
import re
import sys

import scratch_root
import tree
import whole_root
from elf import Elf
from guest import COMMANDS, LONG, MACHINES, PERL, PYTHON, SETS, STORE, TAKE_RELRO, Guest, sound
from harness import compile_c, expect, expect_equal, need, prelink, run, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("chroot", "readelf")
DT_PLTGOT = 3
WAITING = [["/usr/bin/python3", "-c", PYTHON.split("print")[0] + "import sys; print('ready', file=sys.stderr, flush=True); sys.stdin.read()"],
           ["/usr/bin/perl", "-e", PERL.split("print")[0] + "print STDERR 'ready'; <STDIN>"]]
SLOTS = ["arm64", "armhf", "i386", "riscv64"]  # whose libraries can be moved


def counts(done):
    """What ld.so counted: symbol relocations until the end, relative ones at start."""
    return [int(re.search(what + r": (\d+)", done.stderr)[1]) for what in
            ("final number of relocations", "number of relative relocations")]


def compare_pages(guest, once):
    """What is written of the files of COMMANDS[:2], ONCE without the store: with it, and in LONG with slots, too."""
    def pages(audit):
        return [guest.pages(command, "ready", **audit) for command in WAITING]

    ways = {"with the store": pages(guest.audit())}
    for before, now in zip(once, ways["with the store"]):
        expect(now <= before + 4 + before // 50, f"{guest.arch}: {once} pages were written before, {ways}")
    if LONG and guest.arch in SLOTS:
        prelink("--root", guest.root, "-a")
        ways["with slots"] = pages({})
        prelink("--root", guest.root, f"--store={STORE}", "-a")
        ways["with slots and the store"] = pages(guest.audit())
        for before, now in zip(once, ways["with slots and the store"]):
            expect(now < before, f"{guest.arch}: {once} pages were written before, {ways}")
    print(f"{guest.arch} {guest.suite}: pages that python3 and perl write of their files: {once} before,",
          ", ".join(f"{now} {way}" for way, now in ways.items()))


def compare_relro(guest):
    command = ["/usr/bin/python3", "-c", COMMANDS[0][2] + TAKE_RELRO]
    (_, wanted), (done, seen) = (guest.relro("/tmp/relro", *command, mode=mode) for mode in ("off", "quiet"))
    objects = {path for path, _ in wanted}
    expect_equal({path for path, _ in seen}, objects, f"{guest.arch}: objects of python3\n{done.stderr}")
    expect(len(objects) > 10, f"{guest.arch}: only {objects} were looked at: {done.stdout}{done.stderr}")
    copies = run(["readelf", "-rW", guest.root + guest.real("/usr/bin/python3")]).stdout
    drawn = re.search(r"^([0-9a-f]+) .*_COPY .* __stack_chk_guard", copies, re.M)  # at random, in each process
    wanted.pop(("program", int(drawn[1], 16)) if drawn else None, None)
    for path in objects:
        elf = Elf(guest.root + guest.real(command[0] if path == "program" else path))
        for table in [value for _, tag, value in elf.entries if tag == DT_PLTGOT]:
            wanted.pop((path, table + (4 if guest.is32 else 8)), None)  # where a lazy object has its link map
    for place, value in wanted.items():
        if seen[place][0] != value[0]:  # small numbers may look like an address of a 32-bit process
            expect(value[1] and seen[place][1] == value[1], f"{guest.arch}: the word at {place}: expected {value}, seen {seen[place]}")
    return len(objects), len(wanted)


def compare_bindings(guest, program):
    wanted = guest.bound(program)
    rows = [line.split("\t") for line in prelink("--root", guest.root, "--bindings", program).stdout.split("\n") if line]
    seen = {(by, provider, symbol) for by, _, symbol, _, provider in rows if provider not in ("-", "?")}
    # ld.so looks up malloc and its like for itself, in the program's name; riscv64's where to point the register gp.
    own = {bound for bound in wanted - seen if bound[0] == program and re.fullmatch(r"[cm]alloc|realloc|free|__global_pointer\$", bound[2])}
    expect_equal(sorted(wanted - seen - own), [], f"{guest.arch}: {program}: bound by ld.so, and not by us")
    expect_equal(sorted(seen - wanted), [], f"{guest.arch}: {program}: bound by us, and not by ld.so")
    expect(len(wanted) > 20, f"{guest.arch}: {program}: ld.so bound {len(wanted)}")
    return len(wanted)


def check_variant_pcs(guest):
    """A call of a function with another calling convention is bound at once, lazy or not: where nobody has it, the program
    does not start; where it is an ordinary one, it does."""
    for name, mark, status in ("odd", '__asm__(".variant_pcs missing");', 127), ("even", "", 1):
        compiler = MACHINES[guest.arch][1]
        library = compile_c(f"{mark} void missing(void); int f(int n) {{ if (n > 9) missing(); return n; }}",
                            f"{guest.root}/usr/lib/lib{name}.so", "-shared", "-fPIC", "-Wl,-z,lazy",
                            f"-Wl,-soname,lib{name}.so", compiler=compiler)
        compile_c("int f(int); int main(int argc, char **argv) { return f(argc); }", f"{guest.root}/usr/bin/{name}",
                  "-Wl,-z,lazy,--unresolved-symbols=ignore-in-shared-libs", "-x", "none", library, compiler=compiler)
        prelink("--root", guest.root, f"--store={STORE}", f"/usr/bin/{name}")
        plain, seen = guest.start([f"/usr/bin/{name}"]), guest.audited([f"/usr/bin/{name}"])
        expect(": full" in seen.stderr or status == 127, f"{name}: not on the fast path: {seen.stderr}")
        expect_equal((plain.returncode, seen.returncode), (status, status), f"{name}: {plain.stderr}{seen.stderr}")


def check(arch, suite):
    guest = Guest(arch, suite, *SETS)
    before = tree.snapshot(guest.root)
    whole_root.add_notes(guest.root)
    noted = tree.snapshot(guest.root)
    said = prelink("--root", guest.root, f"--store={STORE}", "-a").stdout
    added = {"var/lib/prelink: is new", STORE[1:] + ": is new"}
    different = [line for line in tree.differences(noted, tree.snapshot(guest.root)) if line not in added]
    expect(not different and before, f"{arch}: prelink --store changed other files: {different[:5]}")
    written = [guest.pages(command, "ready") for command in WAITING]
    full = 0
    for command in COMMANDS:
        plain, seen = guest.start(command), guest.audited(command)
        expect_equal((seen.returncode, seen.stdout, sound(seen.stderr)), (plain.returncode, plain.stdout, sound(plain.stderr)),
                     f"{arch} {suite}: {command}")
        levels = re.findall(r"^prelink-rtld: (\S+): (full|relative only|none)", seen.stderr, re.M)
        expect("cannot" not in plain.stderr and levels and (plain.returncode == 0 or command not in COMMANDS[:2]), f"{arch}: {command}: {plain.stderr}{seen.stderr}")
        fast = [level == "full" for _, level in levels]
        # A small program may have none: the module would cost more than it saves.
        expect(all(fast) or (command not in COMMANDS[:2] and not any(fast)),
               f"{arch}: {command}: not all on the fast path:\n{seen.stderr}")
        full += sum(fast)
    for command in COMMANDS[:2]:
        once = counts(guest.start(command, LD_DEBUG="statistics"))
        now = counts(guest.audited(command, "quiet", LD_DEBUG="statistics"))
        print(f"{arch} {suite}: {command[0]}: lookups for {once[0]} relocations before, {now[0]} after; ld.so's relative ones at start {once[1]}, {now[1]}")
        expect(now[0] < once[0] / 3 and now[1] < max(once[1], 1), f"{arch}: {command[0]}: ld.so has as much to do as before")
    objects, words = compare_relro(guest)
    bindings = sum(compare_bindings(guest, guest.real(command[0])) for command in COMMANDS[:5])
    if arch == "arm64":
        check_variant_pcs(guest)
    compare_pages(guest, written)
    programs = re.search(r"(\d+) programs in the store", said)[1]
    print(f"{arch} {suite}: {programs} programs in the store; {len(COMMANDS)} runs the same, {full} objects full; {bindings} "
          f"bindings the same; RELRO of {objects} objects the same, {words} words")


checked = 0
for arch in sys.argv[1:] or (MACHINES if LONG else ["arm64", "armhf"]):
    for suite in os.environ.get("SUITES", "bookworm trixie sid" if LONG else "bookworm").split():
        try:
            check(arch, suite)
            checked += 1
        except scratch_root.Unavailable as error:
            print(f"{arch} {suite}: no root of it:", " ".join(str(error).split()))
if not checked:
    skip("no root of another machine could be made")
