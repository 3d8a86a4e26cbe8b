#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No two objects of one process overlap: in random roots, with and without -m, dry and for real."""
import os

import graph
from placements import Layout
from harness import expect, prelink, scratch

LONG = bool(os.environ.get("LONG"))


def lay_out(root, *options):
    done = prelink("--root", root.path, "--with-plugins", "-a", "--json", *options)
    return Layout(done.stdout, root.path)


def check_all(root):
    checked = [lay_out(root, "-n").check()]
    shared = lay_out(root, "-n", "-m")
    checked.append(shared.check(shared=True))
    checked.append(lay_out(root, "-n", "-R", "--seed", "5").check())
    checked.append(lay_out(root, "-n", "-mR", "--seed", "6").check(shared=True))
    everything = sorted(shared.place(p) for p in shared.slot)
    expect(any(a[1] > b[0] for a, b in zip(everything, everything[1:])), "with -m, no two objects share an address")
    checked.append(lay_out(root, "-f", "-m").check(shared=True))
    # Now the files are where the layout says; without -m they have to make room for one another.
    before = lay_out(root, "-n").check()
    done = prelink("--root", root.path, "-p", "--json")
    checked.append(Layout(done.stdout, root.path).check(shared=True))
    checked.append(before)
    return checked


total = 0
for seed in range(20 if LONG else 1):
    for emulation in ("elf_x86_64", "elf_i386"):
        root = graph.Root(scratch(), emulation).random(seed, 400 if LONG else 200, 60, 80)
        total += sum(placements for _, placements in check_all(root))
print(f"{total} placements in processes, none overlaps another")
expect(total > 10000, "the random roots are too small to prove anything")

# An exclusive group: with -m its members may lie on each other, but on nothing else of the program.
root = graph.Root(scratch())
common = root.library("common", 100000)
vo = [root.library(f"vo{i}", 1 << 20, [common], "/usr/lib/plugins") for i in range(8)]
other = [root.library(f"other{i}", 1 << 20, [common], "/usr/lib/plugins") for i in range(4)]
both = root.library("both", 1 << 20, [], "/usr/lib/plugins")
root.program("player", [common])
root.note("/usr/bin/player",
          {"feature": "video-out", "exclusive": "video-out", "path": "/usr/lib/plugins/libvo*.so"},
          {"feature": "other", "path": "/usr/lib/plugins/libother*.so"},
          {"feature": "one", "exclusive": "video-out", "path": "/usr/lib/plugins/libboth.so"},
          {"feature": "two", "path": "/usr/lib/plugins/libboth.so"})
root.add_notes()
layout = lay_out(root, "-n", "-m")
layout.check(shared=True)
expect(len({layout.slot[p] for p in vo}) == 1, "with -m, members of an exclusive group do not share a slot")
places = [layout.place(p) for p in [vo[0], both, common, *other]]
places.sort()
expect(all(a[1] <= b[0] for a, b in zip(places, places[1:])),
       "an object that also comes in another way overlaps its group")
layout = lay_out(root, "-n")
layout.check()
expect(len({layout.slot[p] for p in vo}) == 8, "without -m, members of an exclusive group share a slot")
# A second program that loads them all at once: then they do meet.
root.program("editor", [common])
root.note("/usr/bin/editor", {"feature": "all", "path": "/usr/lib/plugins/libvo*.so"})
root.add_notes()
layout = lay_out(root, "-n", "-m")
layout.check(shared=True)
expect(len({layout.slot[p] for p in vo}) == 8, "exclusive in one program, and not in another: slots are shared")

# A program linked to a place in the middle of the slots: nothing of it, and all else may, lie there.
root = graph.Root(scratch())
near = [root.library(f"near{i}", 1 << 20) for i in range(6)]
far = [root.library(f"far{i}", 1 << 20) for i in range(6)]
root.program("fixed", near, pie=False, flags=["-Ttext-segment=0x3000200000"])
root.program("moving", far)
for options, shared in ((["-n"], False), (["-n", "-m"], True)):
    layout = lay_out(root, *options)
    layout.check(shared=shared)
    expect(layout.place("/usr/bin/fixed")[0] == 0x3000200000, "the ET_EXEC program is not where it was linked")
    over = [p for p in layout.slot if layout.place(p)[0] < layout.place("/usr/bin/fixed")[1]
            and layout.place(p)[1] > layout.place("/usr/bin/fixed")[0]]
    expect(shared or not over, f"without -m, {over} lie on a program")
    expect(set(over) <= set(far), f"{over} lie on a program that loads them")
print("exclusive groups and fixed programs hold")
