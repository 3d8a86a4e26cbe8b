#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Odd ways of being run, and of going on: limits, personalities, filters of system calls, nothing in /proc or /dev, files
that are closed, environments of megabytes, no arguments, copies and links, programs that start themselves again, that
load a plugin in a clone, on a small stack, after a sandbox has closed.  Each ends and prints with a store, and
prelinked, as it did untouched.

LONG=1: also for programs that are bound at once, and that are not position-independent, and in other people's sandboxes.  WAY... on the command line: only
these."""
import os
import re
import sys

import rooted
import whole_root
from harness import compile_c, expect, need, read, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot", "unshare")
HERE, SOURCES = "/opt/ways", os.path.dirname(os.path.abspath(__file__))
# So that a plan pays, with slots and without.
TABLE = "".join(f"int f{i}(void) {{ return {i % 2}; }}\n" for i in range(3000)) + \
    "int (*table[40000])(void) = { " + ", ".join(f"f{i}" for i in range(3000)) + ", [3000 ... 39999] = f0 };\n"


def fixtures(at):
    """Builds the programs, what they load, and what starts them; the ways that this knows, and the words that those know."""
    compile_c(TABLE + "int pays(void) { return table[9](); }", at + "/libpays.so", "-shared", "-fPIC", "-Wl,-soname,libpays.so")
    for name in ("plugin", "stranger"):  # of which the manifest has one
        compile_c(TABLE + "int pays(void); int call(void) { return table[9]() + pays() + 4; }", f"{at}/{name}.so", "-shared", "-fPIC")
    link = [f"-L{at}", "-lpays", f"-Wl,-rpath,{HERE}"]
    text = {name: read(f"{SOURCES}/{name}.c").decode() for name in ("ways_program", "ways_start")}
    for name, flags in {"program": [], **({"now": ["-Wl,-z,now"], "fixed": ["-no-pie"]} if os.environ.get("LONG") else {})}.items():
        compile_c(text["ways_program"], f"{at}/{name}", *flags, *link)
        yield name
    compile_c(text["ways_start"], at + "/start", "-static")


# Other people's sandboxes, by what each is started with before the program.
SANDBOXES = {
    "proot": ["proot", "-r", "/"], "fakechroot": ["fakechroot", "chroot", "/"], "setpriv": ["setpriv", "--no-new-privs", "--bounding-set", "-all", "--reuid", "65534"],
    "setarch": ["setarch", "x86_64", "-R", "-L", "-Z", "-X"], "prlimit": ["prlimit", "--as=20000000", "--nofile=8"],
    "firejail": ["firejail", "--noprofile", "--quiet", "--seccomp"], "firejail madvise": ["firejail", "--noprofile", "--quiet", "--seccomp.drop=madvise"],
    "firejail memory": ["firejail", "--noprofile", "--quiet", "--memory-deny-write-execute"]} if os.environ.get("LONG") else {}

root = whole_root.root_of("small", *["proot", "fakechroot", "firejail", "util-linux"] * bool(SANDBOXES))
os.makedirs(root + HERE)
programs = list(fixtures(root + HERE))
directory = root + whole_root.manifests(own=True)
os.makedirs(directory)
write(directory + "/ways.yaml", "manifest: 1\napplication: ways\nhosts:\n" + "".join(f"  - path: {HERE}/{name}\n" for name in programs) +
      f"plugins:\n  - feature: a\n    path: {HERE}/plugin.so\n")
ways, words = (re.findall(r"IF\((\w+)\)", read(f"{SOURCES}/{name}.c").decode()) for name in ("ways_start", "ways_program"))
cases = [(way, f"{HERE}/{name}", word) for name in programs for way, word in [("plain", word) for word in words] + [(way, "load") for way in ways]
         if not sys.argv[1:] or {way, word} & set(sys.argv[1:])]


SCRIPT = 'while read -r words; do echo "case $words"; rm -rf /tmp/other /tmp/d /tmp/gone /tmp/seen*; "$0" $words 2>&1; echo "status $?"; done </opt/ways/cases'


def outcomes(environment):
    """{case: what was printed, and the status}"""
    done = rooted.start_alone(root, ["/bin/sh", "-c", SCRIPT, HERE + "/start"], 900, **environment)
    seen = {tuple(part.split("\n")[0].split()): part.split("\n", 1)[1] for part in done.stdout.split("case ")[1:]}
    for name, command in SANDBOXES.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            done = rooted.start_alone(root, [*command, f"{HERE}/{programs[0]}", "load"], 60, **environment)
            seen["sandbox", name, "load"] = f"{done.stdout}status {done.returncode}"
    return seen


def levels_of(start, environment):
    """The run of a program that loads a plugin, started with START; {object: level}."""
    said = rooted.start_alone(root, [*start, f"{HERE}/{programs[0]}", "load"], PRELINK_RTLD="verbose", **environment)
    return said, {os.path.basename(path): level for path, level, _ in rooted.levels_of(said)}


before, wrong = {}, []
write(root + HERE + "/cases", "".join(" ".join(case) + "\n" for case in cases))
for how, environment, _ in rooted.ways(root):
    if how != "untouched":
        said, levels = levels_of([], environment)
        expect(levels.get("libpays.so") == levels.get("plugin.so") == "full", f"{how}: not on the fast path: {said.stderr}")
        said, levels = levels_of(["prlimit", "--as=8000000000"], environment)  # a store would count in it
        expect(levels.get("libpays.so") == ("none" if how == "store" else "full"), f"{how}: with a limit of address space: {said.stderr}")
        environment = {**environment, "PRELINK_LEARN": "/tmp/seen"}
    seen = outcomes(environment)
    expect(set(cases) <= set(seen), f"{how}: not all were run: {set(cases) - set(seen)}")
    before = before or seen
    wrong += [f"{how}: {case}\n  untouched {before[case]!r}\n  now       {seen[case]!r}" for case in seen if seen[case] != before[case]]
good = sum(case[2] + " " in before[case] for case in before)
print(f"{len(before)} runs each way, {good} of them to the end, {len(wrong)} differ")
expect(not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong))
