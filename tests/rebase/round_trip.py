#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libraries of this machine, moved and taken back: bit for bit the original.  A sample; all with LONG=1."""
import collections
import os

from harness import elf_files, expect, run, scratch
from rewriting import Rewriter, SLOT, machine, round_trip

files = [path for path in elf_files("/usr/lib", "/usr/lib32", "/usr/aarch64-linux-gnu", "/usr/i686-linux-gnu",
                                    "/usr/arm-linux-gnueabihf", "/usr/riscv64-linux-gnu")
         if ".so" in os.path.basename(path) and machine(path)]
if not os.environ.get("LONG"):
    # Every machine's, and the largest and the smallest, are in the sample.
    other = [path for path in files if machine(path) != "x86-64"]
    files = sorted(set(files[::25] + other[::3]))
directory = scratch()
rewriter = Rewriter()
moved, skipped = collections.Counter(), collections.Counter()
for path in files:
    answer = round_trip(rewriter, path, directory, SLOT[machine(path)])
    if answer.startswith("ok"):
        moved[machine(path)] += 1
    else:
        skipped[answer] += 1
said = rewriter.close()
print(f"{len(files)} libraries; moved and taken back:", dict(moved))
for reason, count in skipped.most_common():
    print(f"{count:6} {reason}")
# What is refused has to be the exception, but for what has debugging information; each reason is looked at in refusals.py.
debug = [path for path in files if ".debug_info" in run(["readelf", "-SW", path]).stdout]
could = len(files) - len(debug)
expect(sum(moved.values()) > 0.97 * could, f"only {sum(moved.values())} of {could} could be moved\n{said}")
expect(set(moved) == set(SLOT), f"a machine is missing: {moved}")
expect(not said, f"messages about good files:\n{said}")
