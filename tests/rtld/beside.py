#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs beside what people start them with, preloads, tracers, debuggers and sanitizers: each ends and prints with a
store, and prelinked, as it did untouched.

LONG=1: twenty programs beside all TOOLS, fixtures built with each sanitizer of gcc and clang, and a table of them.
TOOL... on the command line: only those; "nothing" is also what sanitized fixtures are started with."""
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import rooted
import whole_root
from harness import compile_c, expect, need, run, skip

LONG = bool(os.environ.get("LONG"))
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "g++", "chroot", "unshare")
LIB, HERE = "/usr/lib/x86_64-linux-gnu", "/opt/beside"
MACHINE = ["/usr/bin/setarch", "-R"]  # ThreadSanitizer of gcc 12 wants places that today's kernels do not always give


def preload(name, *settings):
    return ["/usr/bin/env", *settings, f"LD_PRELOAD={LIB}/{name}"]


# What a program is started with.  COUNTING: these print how much ld.so allocated, and more of that kind: theirs is not compared.
TOOLS = {"nothing": [], "jemalloc": preload("libjemalloc.so.2"), "stdbuf": ["/usr/bin/stdbuf", "-oL"],
         # What ld.so has no room for beside an audit module, as of ThreadSanitizer's and LeakSanitizer's run times.
         "large variables": ["/usr/bin/env", f"LD_PRELOAD={HERE}/liblarge.so"],
         "and tunables": ["/usr/bin/env", f"LD_PRELOAD={HERE}/liblarge.so",
                          "GLIBC_TUNABLES=glibc.malloc.perturb=7:glibc.rtld.optional_static_tls=600:glibc.malloc.check=0"]}
if LONG:
    TOOLS |= {
        "tcmalloc": preload("libtcmalloc_minimal.so.4"), "mimalloc": preload("libmimalloc.so.2"),
        "libfaketime": preload("faketime/libfaketime.so.1", "FAKETIME=2020-01-02 03:04:05"), "eatmydata": preload("libeatmydata.so"),
        "fakeroot": ["/usr/bin/fakeroot"], "memusage": preload("libmemusage.so"), "heaptrack": ["/usr/bin/heaptrack", "-o", "/tmp/heap"],
        "strace": ["/usr/bin/strace", "-f", "-o", "/dev/null"], "ltrace": ["/usr/bin/ltrace", "-e", "getenv+close", "-o", "/dev/null"],
        "gdb": ["/usr/bin/gdb", "-q", "-nx", "-batch", "-return-child-result", "-ex", "run", "--args"],
        "perf": ["/usr/bin/perf", "record", "-q", "-e", "cpu-clock", "-o", "/tmp/perf.data", "--"], "rr": ["/usr/bin/rr", "record", "-o", "/tmp/rr"],
        "preloaded ASan": preload("libasan.so.8", "ASAN_OPTIONS=detect_leaks=0"), "preloaded LSan": preload("liblsan.so.0"),
        "preloaded TSan": MACHINE + preload("libtsan.so.2"), "preloaded UBSan": preload("libubsan.so.1")}
TOOLS = {name: TOOLS[name] for name in sys.argv[1:] or TOOLS}
COUNTING = ("memusage", "heaptrack", "perf")
PYTHON = ["python3", "-c"]
PROGRAMS = []
if LONG:
    PROGRAMS = [
        PYTHON + ["import ssl, json, sqlite3, ctypes; print(json.dumps([1, 2]), sqlite3.sqlite_version)"],
        PYTHON + ["import numpy; print(numpy.arange(9).sum())"], PYTHON + ["import lxml.etree, yaml; print(yaml.dump([lxml.etree.XML('<a/>').tag]))"],
        PYTHON + ["import threading, subprocess; t = threading.Thread(target=subprocess.run, args=(['bash', '-c', 'echo $((6 * 7))'],));"
                  "t.start(); t.join(); raise SystemExit(3)"],
        ["perl", "-e", "use POSIX; print floor(3.5)"], ["perl", "-e", "use XML::LibXML; print XML::LibXML->new->parse_string('<a/>')"],
        ["perl", "-e", "use DBD::SQLite; use JSON::XS; use Net::SSLeay; print encode_json([1]); kill 15, $$; sleep 9"],
        ["bash", "-c", "echo $((1 + 2)); ls / | wc -l; exit 4"], ["openssl", "dgst", "-sha256", "/etc/passwd"], ["sqlite3", ":memory:", "select 1 + 2"],
        ["gawk", 'BEGIN { print length("abc") }'], ["bc", "-q", "/dev/null"], ["curl", "-s", "file:///etc/passwd"], ["objdump", "-p", "/usr/bin/env"],
        ["nm", "-D", "/usr/bin/env"], ["gdb", "-q", "-nx", "-batch", "-ex", "p 1 + 2", "-ex", "python print(3)"], ["ip", "addr", "show", "lo"],
        ["e2fsck", "-V"], ["lsblk", "--version"], ["ps", "-o", "comm=", "-p", "1"]]
# What the sanitized fixture does for each word.  README says of a MemorySanitizer's dlopen what is not to be helped.
WORDS = ("", "plugin", "heap", *("race", "leak", "overflow", "unset") * LONG)
KNOWN = {("slots", "clang memory", "plugin")}
FIXTURE = r"""
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <stdexcept>
#include <string>
#include <thread>
extern "C" int pays(void), raises(int);
static thread_local std::string own = "own";
static int shared;
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	volatile int one = argc;
	if (!strcmp(what, "plugin")) {
		void *handle = dlopen("/opt/beside/plugin.so", RTLD_NOW);
		int (*call)(void) = handle ? (int (*)(void))dlsym(handle, "call") : nullptr;
		printf("plugin %d\n", call ? call() : -1);
	}
	if (!strcmp(what, "heap"))
		shared = ((volatile char *)malloc(5))[one + 3];
	if (!strcmp(what, "overflow"))
		printf("%d\n", INT_MAX - 1 + one);
	if (!strcmp(what, "leak")) {
		void *volatile lost = malloc(77);
		lost = nullptr;
	}
	if (!strcmp(what, "unset")) {
		int *volatile block = (int *)malloc(sizeof *block);
		printf("%s\n", *block == 3 ? "three" : "not three");
		free(block);
	}
	int seen = 0;
	std::thread other([&] { own += "s"; seen = (int)own.size(); if (!strcmp(what, "race")) shared++; });
	if (!strcmp(what, "race"))
		shared++;
	other.join();
	try {
		raises(3);
	} catch (const std::runtime_error &error) {
		printf("caught %s\n", error.what());
	}
	printf("%d %d\n", pays(), seen);
	return 3;
}
"""
TABLE = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays


def fixtures(at):
    """Builds the fixture without, and with each sanitizer that there is."""
    compile_c(TABLE + "int pays(void) { return table[9](); }", at + "/libpays.so", "-shared", "-fPIC", "-Wl,-soname,libpays.so")
    compile_c(TABLE + "int call(void) { return table[9]() + 4; }", at + "/plugin.so", "-shared", "-fPIC")
    compile_c('#include <stdexcept>\nextern "C" int raises(int i) { if (i) throw std::runtime_error("it"); return 0; }', at + "/libraises.so",
              "-shared", "-fPIC", "-Wl,-soname,libraises.so", compiler="g++")
    compile_c("static __thread char large[200000] __attribute__((tls_model(\"initial-exec\")));"
              "__attribute__((constructor)) void fill(void) { for (char *p = large; p < large + sizeof large; p++) *(volatile char *)p = 1; }",
              at + "/liblarge.so", "-shared", "-fPIC")
    for compiler in ("gcc", "clang")[:None if LONG else 1]:
        for kind in ("plain", "address", "thread", "undefined", "leak", "memory")[:None if LONG else 2]:
            name = f"{compiler} {kind}"
            static = ["-static-libasan"] * (compiler == "gcc" and kind == "address" and not LONG)
            done = run(["clang++" if compiler == "clang" else "g++", "-x", "c++", "-g", "-O0", "-o", f"{at}/{name.replace(' ', '-')}", "-", f"-L{at}",
                        "-lpays", "-lraises", f"-Wl,-rpath,{HERE}", *static, *[f"-fsanitize={kind}"] * (kind != "plain")], status=None, input=FIXTURE) \
                if shutil.which(compiler) else None
            if done and done.returncode == 0:
                yield name
            elif LONG and name != "gcc memory":
                print(f"{name} is left out: {done.stderr[-150:] if done else 'not installed'}")


def without_numbers(text):
    """Addresses, numbers of processes and of what was allocated are of one run only; the order of a tracer's lines, too."""
    return re.sub(r"0x[0-9a-f]+|\d+", "N", text)


def path(program):
    """PROGRAM from outside of the root."""
    names = [root + program] if program.startswith("/") else [f"{root}/usr/{directory}/{program}" for directory in ("bin", "sbin")]
    return next(name for name in names if os.path.lexists(name))


def outcome(tool, program, environment):
    thread = MACHINE * program[0].endswith("thread")
    done = rooted.start_alone(root, [*TOOLS[tool], *thread, path(program[0])[len(root):], *program[1:]], **environment)
    out = without_numbers(done.stdout) if tool in ("gdb", "heaptrack") else done.stdout
    if tool == "gdb":  # threads come and go when they like
        out = sorted(out.split("\n"))
    if tool == "heaptrack":
        out = "\n".join(line for line in out.split("\n") if not line.startswith(("heaptrack", "\t")))
    said = without_numbers(done.stderr)
    if tool == "preloaded LSan":  # what hangs on a lost block, and in which order, is chance: 4 lists in 12 runs of one program
        said = f"{said.count('Direct leak')} blocks lost"
    if program[-1] == "race":  # which of the two was the first is chance
        said = "\n".join(line for line in said.split("\n") if "data race (pid" in line)
    return done.returncode, out, "" if tool in COUNTING else said


root = whole_root.root_of(*(["tools", "python", "perl", *"""libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 libfaketime libeatmydata1 fakeroot
    strace ltrace gdb libc-devtools heaptrack linux-perf libasan8 libtsan2 libubsan1 liblsan0 rr curl""".split()] if LONG else
                            ["small", "libstdc++6", "libjemalloc2"]))
os.makedirs(root + HERE)
built = list(fixtures(root + HERE))
sanitized = {f"{HERE}/{name.replace(' ', '-')}": name for name in built if "plain" not in name}
whole_root.add_notes(root)
cases = [(tool, tuple(program)) for tool in TOOLS for program in PROGRAMS]
cases += [("nothing" if "plain" not in name else tool, (f"{HERE}/{name.replace(' ', '-')}", word))
          for name in built for tool in (TOOLS if "plain" in name else {"nothing"} & set(TOOLS))
          for word in (WORDS if "plain" not in name else ("", "plugin"))]
before, row_of = {}, {case: case[0] if case[0] != "nothing" or case[1][0] not in sanitized else sanitized[case[1][0]] for case in cases}
same, planned, wrong = {}, set(), []
for way, environment, programs in rooted.ways(root):
    with ThreadPoolExecutor(2) as pool:
        seen = dict(zip(cases, pool.map(lambda case: outcome(*case, environment), cases)))
    print(f"{way}: {len(cases)} runs", flush=True)
    before = before or seen
    planned |= programs
    for case in cases:
        same[way, row_of[case]] = same.get((way, row_of[case]), 0) + (seen[case] == before[case])
        if seen[case] != before[case] and (way, row_of[case], case[1][-1]) not in KNOWN:
            wrong.append(f"{way}: {case}\n  untouched {str(before[case])[:600]}\n  now       {str(seen[case])[:600]}")
print(f"{'':<18} runs  end by themselves untouched  the same with a store  prelinked")
for row in dict.fromkeys(row_of.values()):
    mine = [case for case in cases if row_of[case] == row]
    print(f"{row:<18} {len(mine):>4}  {sum(before[case][0] < 124 for case in mine):>27}  {same['store', row]:>21}  {same['slots', row]:>9}")
without = [program for program in dict.fromkeys(os.path.realpath(path(case[1][0])) for case in cases) if program[len(root):] not in planned]
expect(not without, f"these have no plan: {without}")
expect(not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong))
