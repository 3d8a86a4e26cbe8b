#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Executables of this machine, given room at the front: each still answers `--version` as it did, elflint
finds nothing new, patchelf reads it, and undone it is the original.  A sample; all with LONG=1."""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess

from harness import compile_c, elf_files, expect, lint, need, read, run, scratch
from rewriting import Rewriter, machine

need("eu-elflint", "gcc", "patchelf", "setpriv", "timeout")

# Nobody's processes, without network, in a scratch directory: some programs do not know --version.
ALONE = ["timeout", "-k", "1", "10", "unshare", "-n", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         "--no-new-privs"]
if os.getuid() != 0:
    ALONE = ALONE[:4]
SETTINGS = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "QT_QPA_PLATFORM": "offscreen"}


LARGE = r"""
#include <stdio.h>
__asm__(".section .rodata\n.fill 5242880, 8, 0x0123456789abcdef\n.previous");
int main(void) { return puts("large 1") < 0; }
"""


def is_dynamic_executable(path):
    with open(path, "rb") as file:
        data = file.read(4096)
    return machine(path) and b"/ld-linux" in data


def answer(path, directory):
    done = subprocess.run([*ALONE, path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=directory, env=SETTINGS, check=False)
    if b"Text file busy" in done.stdout:  # a thread's child, just forked, still holds what was copied
        return answer(path, directory)
    # The order of lines is not the program's where it starts several others (groff).
    return done.returncode, sorted(done.stdout.split(b"\n"))


def segments(path):
    """(bytes in the file, bytes in memory, flags) of each PT_LOAD."""
    text = run(["readelf", "-lW", path]).stdout
    return re.findall(r"^ +LOAD +\S+ +\S+ +\S+ +(\S+) +(\S+) +([RWE ]+?) +0x", text, re.MULTILINE)


def check(item):
    number, path = item
    directory = os.path.join(top, str(number))
    os.mkdir(directory)
    os.chmod(directory, 0o755)
    try:
        return path, check_in(path, directory, number)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def check_in(path, directory, number):
    place, grown, back = (os.path.join(directory, name) for name in (os.path.basename(path), "grown", "back"))
    rewriter = Rewriter()
    tags = 2 if number % 3 else 40  # 40 never fit: the dynamic section moves; and the room is large
    said = rewriter.ask("grow", path, grown, f"{tags:x}")
    if not said.endswith("ok"):
        rewriter.close()
        return "left alone: " + said
    expect(rewriter.undo(grown, back) == "ok", f"{path}: undo")
    expect(read(back) == read(path), f"{path}: undo gives other bytes")
    expect(rewriter.ask("grow", grown, back, f"{tags:x}").endswith("ok unchanged"), f"{path}: not the same again")
    errors = rewriter.close()
    expect(not errors, errors)
    new = lint(grown) - lint(path)
    expect(not new, f"{path}: eu-elflint says {new}")
    old, (room, *rest) = segments(path), segments(grown)
    expect(room[2] == "R" and rest[:len(old)] == old and len(rest) - len(old) <= 1,
           f"{path}: the room is not a read-only segment before the others: {old} became {segments(grown)}")
    needed = run(["patchelf", "--print-needed", path]).stdout
    expect(run(["patchelf", "--print-needed", grown]).stdout == needed, f"{path}: patchelf --print-needed")
    shutil.copy(path, place)
    os.chmod(place, 0o755)
    before, again = answer(place, directory), answer(place, directory)
    os.remove(place)
    os.rename(grown, place)
    os.chmod(place, 0o755)
    after = answer(place, directory)
    if before[0] == 124 or after[0] == 124:
        return "no answer in time" if before[0] == after[0] else f"WRONG: {before[0]} became {after[0]}"
    if before != again:
        return "does not say the same twice" if before[0] == after[0] else f"WRONG: {before} became {after}"
    if before != after:
        return f"WRONG: {before} became {after}"
    how = "PIE" if int.from_bytes(read(path)[16:18], "little") == 3 else "ET_EXEC"
    return f"the same: {how}" + (", dynamic section moved" if tags == 40 else "") + \
        (", without TLS" if "no TLS" in said else "")


top = scratch()
os.chmod(top, 0o755)
files = [path for path in elf_files("/usr/bin", "/usr/sbin") if is_dynamic_executable(path)
         and not os.stat(path).st_mode & 0o6000]
if not os.environ.get("LONG"):
    old = [path for path in files if int.from_bytes(open(path, "rb").read(18)[16:18], "little") == 2]
    files = sorted(set(files[::20] + old[::10]))
# Larger than SCRATCH_MAX: worked on in mappings of the file, also where it was given room before.  Three in a row, so
# that one of them gets the large room.
files += [compile_c(LARGE, os.path.join(top, "large"))] * 3
results = collections.Counter()
wrong = []
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for path, result in pool.map(check, enumerate(files)):
        if result.startswith("WRONG"):
            wrong.append(f"{path}: {result[:400]}")
        results[result.split(":")[0] if result.startswith("WRONG") else result] += 1
for result, count in results.most_common():
    print(f"{count:6} {result}")
expect(not wrong, f"{len(wrong)} of {len(files)} executables answer otherwise:\n" + "\n".join(wrong))
good = sum(count for result, count in results.items() if result.startswith("the same"))
expect(good > 0.85 * len(files), f"only {good} of {len(files)} could be compared")
