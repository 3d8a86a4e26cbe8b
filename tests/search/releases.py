#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every dynamic program of other roots against the ld.so in them: glibc 2.31, 2.36 and 2.41, x86-64 and i386, made of
Debian's own packages.  (What ld.so lists and in what order it searches; nothing of the roots is executed but ld.so.)  LONG=1 takes all of them; else one program in
four and one library in twenty."""
import os
import platform

import harness
import oracle
import scratch_root

WIDE, NARROW = (True, 62, "/lib64/ld-linux-x86-64.so.2"), (False, 3, "/lib/ld-linux.so.2")
ROOTS = [(("xine", "python", "perl"), "bookworm", "amd64", WIDE), (("tools",), "bullseye", "amd64", WIDE),
         (("tools",), "trixie", "amd64", WIDE), (("small",), "bookworm", "i386", NARROW)]

if platform.machine() != "x86_64":
    harness.skip("the roots are for x86-64")
if os.getuid() != 0:
    harness.skip("chroot takes root")


def compare(root, wide, machine, loader):
    """Counts of the programs and libraries compared, and the differences."""
    programs, libraries = [], []
    itself = os.stat(root + oracle.real_inside(root, [loader])[0])
    for path in harness.elf_files(root + "/usr"):
        kind, _ = oracle.dynamic_file(path, wide, machine)
        inside = path[len(os.path.realpath(root)):]
        if kind and not os.path.samestat(os.stat(path), itself):
            (programs if kind == "program" else libraries).append(inside)
    if not os.environ.get("LONG"):
        programs, libraries = programs[::4], libraries[::20]
    ours, _ = oracle.driver("--root", root, "--libraries", "/usr", status=None)
    by_inode = {os.stat(root + scope.path).st_ino: scope for scope in ours.values()}
    lists = oracle.in_parallel(lambda path: oracle.trace(loader, path, root=root), programs + libraries)
    scopes = oracle.in_parallel(lambda path: oracle.scope(loader, path, root=root)[0], programs)
    everything = sorted({entry for found, _, _ in lists for entry in found} | {entry for scope in scopes
                                                                            for entry in scope or ()})
    real = dict(zip(everything, oracle.real_inside(root, everything)))
    wrong = []
    for number, path in enumerate(programs + libraries):
        found, missing, output = lists[number]
        mine = by_inode.get(os.stat(root + path).st_ino)
        if not mine or [real[entry] for entry in found] != mine.members[1:] or bool(missing) != bool(mine.missing):
            wrong.append(f"{path}: ld.so {found} {missing}; ours {mine and (mine.members[1:], mine.missing)} {output}")
        elif number < len(programs) and not missing and [real[entry] for entry in scopes[number][1:]] != mine.members[1:]:
            wrong.append(f"{path}: scope of ld.so {scopes[number]}; ours {mine.members}")
    return len(programs), len(libraries), wrong


made = 0
for names, suite, arch, (wide, machine, loader) in ROOTS:
    try:
        root = scratch_root.master(*names, suite=suite, arch=arch)
    except scratch_root.Unavailable as reason:
        print(f"no root of {suite} {arch}: {reason}")
        continue
    if arch == "i386" and harness.i386_runner(root + loader) != []:
        print(f"no i386 of {suite}: this kernel runs no i386 programs")
        continue
    made += 1
    version = os.path.basename(oracle.real_inside(root, [loader])[0])
    if "release version" in (output := oracle.trace(loader, "--version", root=root)[2]):
        version = output.splitlines()[0]
    programs, libraries, wrong = compare(root, wide, machine, loader)
    print(f"{suite} {arch} ({version}): {programs} programs, {libraries} "
          f"libraries, {len(wrong)} differences")
    for line in wrong[:10]:
        print("   ", line)
    harness.expect(not wrong, "lists or scopes differ")
    harness.expect(programs > 20, "too few programs to mean anything")
if not made:
    harness.skip("no root could be made")
