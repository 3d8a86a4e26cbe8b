#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the dynamic programs of the machine, and the libraries: the same objects in the same order as ld.so.

The lists come from LD_TRACE_LOADED_OBJECTS, the order of programs' scopes from LD_DEBUG=scopes.  LONG=1 takes all of
them; else one program in five and one library in twenty."""
import os
import sys

import harness
import oracle

DIRECTORIES = [path for path in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/libexec")
               if os.path.isdir(path) and not os.path.islink(path)]

programs, libraries = {}, []
for path in harness.elf_files(*DIRECTORIES):
    if path.startswith("/usr/lib/debug/"):
        continue
    kind, interpreter = oracle.dynamic_file(path)
    if kind == "program":
        programs[path] = interpreter
    elif kind == "library":
        libraries.append(path)
loader = next(iter(set(programs.values()) & {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2",
                                             "/lib/ld-linux-aarch64.so.1"}), None)
if not loader:
    harness.skip("the C library here is not glibc")
libraries.remove(os.path.realpath(loader))
if not os.environ.get("LONG"):
    programs = {path: programs[path] for path in sorted(programs)[::5]}
    libraries = libraries[::20]
version = harness.run([loader, "--version"], status=None).stdout.split("\n")[0]

ours, totals = oracle.driver("--libraries", *DIRECTORIES, status=None)
by_inode = {(status.st_dev, status.st_ino): scope
            for scope in ours.values() for status in [os.stat(scope.path)]}  # hard links have several names
differences, broken = [], []
reals = {}


def real(path):
    if path not in reals:
        reals[path] = os.path.realpath(path)
    return reals[path]


def differ(path, what, seen, wanted):
    differences.append(f"{path}: {what}\n    ld.so: {wanted}\n    ours:  {seen}")


def without_lister(path, found, interpreter):
    """FOUND, which ld.so lists for PATH, without itself where it does so though nobody needs it (glibc from 2.41 on)."""
    if not found or real(found[-1]) != real(interpreter):
        return found
    needed = harness.run(["readelf", "-dW", path, *found]).stdout
    return found if f"(NEEDED)             Shared library: [{os.path.basename(interpreter)}]" in needed else found[:-1]


def compare(path, interpreter, with_scope):
    """None, or why ld.so itself would not load it."""
    found, missing, output = oracle.trace(interpreter, path)
    status = os.stat(path)
    mine = by_inode.get((status.st_dev, status.st_ino))
    broken.extend([path] if missing else [])
    if not found and "statically linked" not in output:
        return f"{path}: {output.strip()}"
    if not mine:
        differ(path, "not in the table", None, found)
        return None
    if mine.members[1:] != [real(entry) for entry in found]:
        found = without_lister(path, found, interpreter)
    members = [real(entry) for entry in found]
    if sorted(members) != sorted(mine.members[1:]) or bool(missing) != bool(mine.missing):
        differ(path, "objects", (mine.members[1:], mine.missing), (members, missing))
    elif members != mine.members[1:]:
        differ(path, "order", mine.members[1:], members)
    if with_scope and not missing:
        scope, text = oracle.scope(interpreter, path)
        if scope is None:
            return f"{path}: {text.strip()[:200]}"
        scope = [real(entry) for entry in scope]
        if scope != [path] + mine.members[1:]:
            differ(path, "scope", mine.members, scope)
    return None


refused = oracle.in_parallel(lambda item: compare(item[0], item[1], True),
                             [item for item in programs.items() if os.path.exists(item[1])])
refused += oracle.in_parallel(lambda path: compare(path, loader, False), libraries)
refused = [line for line in refused if line]
print(version)
print(totals)
print(f"compared {len(programs)} programs (list, scope) and {len(libraries)} libraries (list); "
      f"{len(broken)} of them lack a dependency; ld.so itself refuses {len(refused)}; "
      f"{len(differences)} differences")
for line in refused[:20]:
    print("refused:", line)
for line in differences[:20]:
    print(line)
harness.expect(len(programs) > 20, f"only {len(programs)} programs found to compare")
sys.exit(1 if differences else 0)
