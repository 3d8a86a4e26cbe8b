#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: the test programs of glibc itself, of elf, dlfcn, nptl, malloc and debug, built from Debian's source against Debian's
C library, say the same untouched and prelinked.

tests/lib/glibc_tests.py builds them.  Each program also needs a library with so many relocations that its plan pays.  What
does not build outside of glibc's own tree, or fails untouched, is counted.  DIFFERENT is what may differ, each with its
reason.

DIRECTORY... or DIRECTORY/TEST... on the command line: only these; LINKER=gold, lld, ...: linked by that; LINK=FLAGS: with these,
-Wl,-z,now for one; SUITE=trixie, sid: the tests and the C library of another Debian.
GLIBC=DIR keeps the source there, configured, for the next time; SHOW=N prints N reasons why tests were not built."""
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import rooted
import whole_root
from glibc_tests import HERE, Builder, Glibc
from harness import compile_c, expect, need, prelink, skip

if not os.environ.get("LONG"):
    skip("LONG=1 builds and runs the tests of glibc")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "g++", "gawk", "bison", "dpkg-source", "chroot")
DIRECTORIES = list(dict.fromkeys(word.split("/")[0] for word in sys.argv[1:])) or ["elf", "dlfcn", "nptl", "malloc", "debug"]
ONLY = {word for word in sys.argv[1:] if "/" in word}
LINKER = [f"-fuse-ld={name}" for name in os.environ.get("LINKER", "").split()] + shlex.split(os.environ.get("LINK", ""))
SUITE = os.environ.get("SUITE", "bookworm")
ROOM = "a dlopen that is to fail for want of static TLS does not: a program with a plan has more room there"
SEEN = "_r_debug has one namespace more than the program made: ld.so gives an audit module a namespace of its own (load_audit_module())"
FREED = "at the end of a program that calls mtrace() glibc frees what ld.so allocated for any audit module (free_mem(), README)"
LOADED = "the program's own audit module sees that ours is loaded after it: ld.so marks it as one only once it is (load_audit_module())"
DIFFERENT = {"elf/tst-tls-ie": ROOM, "elf/tst-tls-ie-dlmopen": ROOM,  # for a user: what could not be loaded can
             "elf/tst-dlmopen4": SEEN, "elf/tst-dlmopen4-nonpic": SEEN, "elf/tst-audit23": LOADED,
             **dict.fromkeys(("elf/noload", "elf/tst-leaks1", "nptl/tst-atfork2", "nptl/tst-stack3", "malloc/tst-free-sized-trace",
                             "malloc/tst-free-aligned-sized-trace"), FREED)}


def outcome(root, tree, name, seconds=90):
    """The exit status, None where it did not end in SECONDS, and what it said last.  One that a signal ended says so by its
    number.  Nothing that it started outlives it."""
    environment, arguments = tree.tests[name]
    path = f"{HERE}/{tree.directory}/{name}"
    command = f"cd {HERE}/{tree.directory}; {environment} exec {path} {arguments.replace('@SELF@', path)}"
    try:
        done = subprocess.run(["unshare", "-p", "-f", "--kill-child", f"--mount-proc={root}/proc", "chroot", root, "/bin/sh", "-c", command], stdin=subprocess.DEVNULL,
                              env={**rooted.SETTINGS, "LD_LIBRARY_PATH": f"{HERE}/{tree.directory}", "TIMEOUTFACTOR": str(max(2, seconds // 40))}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="backslashreplace", timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout[-300:]


def is_late(seen):
    return seen[0] is None or "Timed out" in seen[1]


def reason(seen):
    """Why a test fails, in a few words without what is of one test only."""
    lines = [line for line in seen[1].split("\n") if line.strip() and not line.startswith(("Termination time", "Last write"))]
    return "it takes too long here" if is_late(seen) else re.sub(r"\S*/\S*|0x\w+|\d+|[`'\"].*", "", lines[-1])[:70].strip() if lines else f"status {seen[0]}"


def outcomes(root, trees, wanted):
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(wanted, pool.map(lambda key: outcome(root, trees[key[0]], key[1]), wanted)))


root = whole_root.root_of("small", "libstdc++6", "libc6-dev", suite=SUITE)
os.makedirs(root + HERE)
os.makedirs(root + "/dev/shm", mode=0o1777)
compile_c("static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };", root + HERE + "/libheavy.so",
          "-shared", "-fPIC", "-Wl,-soname,libheavy.so")
glibc = Glibc(SUITE, os.environ.get("GLIBC"), root)
support, count = glibc.make_support()
trees = {directory: glibc.tree(directory) for directory in DIRECTORIES}
built, tried, missing = [], 0, {}
for directory, tree in trees.items():
    builder = Builder(glibc, tree, support, LINKER)
    names = sorted(name for name in tree.tests if "static" not in name and (not ONLY or f"{directory}/{name}" in ONLY))
    tried += len(names)
    with ThreadPoolExecutor(4) as pool:
        built += [(directory, name) for name, done in zip(names, pool.map(builder.test, names)) if done]
    for error, those in builder.missing.items():
        missing.setdefault(error, []).extend(those)
print(f"{count} files of support; {tried} tests, {len(built)} built outside of glibc's tree", flush=True)
for error, names in sorted(missing.items(), key=lambda item: -len(item[1]))[:int(os.environ.get("SHOW", 0))]:
    print(f"  {len(names)} not built: {error}: {' '.join(names[:4])}")
untouched = outcomes(root, trees, built)
steady = [key for key in built if untouched[key][0] in (0, 77)]
said = prelink("--root", root, "-v", *(f"{HERE}/{directory}" for directory in DIRECTORIES), HERE + "/libheavy.so", status=None).stdout
planned = {path for path in re.findall(r"^(\S+): plan:", said, re.M)}
with_plan = [key for key in steady if f"{HERE}/{key[0]}/{key[1]}" in planned]
print(f"{len(steady)} pass untouched, {len(with_plan)} of these have a plan", flush=True)
failing = {}
for key in built:
    if key not in steady:
        failing.setdefault(trees[key[0]].recipe(key[1]) or reason(untouched[key]), []).append("/".join(key))
for why, names in sorted(failing.items(), key=lambda item: -len(item[1])):
    print(f"  {len(names)} fail untouched: {why}: {' '.join(names)}")
prelinked = outcomes(root, trees, built)
for key in with_plan:
    if is_late(prelinked[key]):  # beside others and on a busy machine; alone, and with more time?
        prelinked[key] = outcome(root, trees[key[0]], key[1], 400)
passed = [key for key in with_plan if prelinked[key][0] == untouched[key][0]]
print(f"{len(passed)} of {len(with_plan)} pass with their plan")
for what, reason in sorted(re.findall(rf"^{HERE}/(\S+): no plan: (.*)$", said, re.M)):
    if tuple(what.split("/")) in steady:
        print(f"  no plan: {what}: {reason}")
wrong = [key for key in built if prelinked[key][0] != untouched[key][0] and not is_late(untouched[key])]
for key in wrong:
    print(f"  differs: {'/'.join(key)}: {untouched[key][0]} untouched, {prelinked[key][0]} prelinked: {prelinked[key][1].strip()[-250:]!r}")
unknown = [key for key in wrong if "/".join(key) not in DIFFERENT]
expect(not unknown, f"{len(unknown)} differ: {unknown}")
