#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""i386, where room is short: more libraries than fit; who goes without is said, and is the least used."""
import graph
from placements import Layout
from harness import expect, expect_equal, prelink, scratch

MB = 1 << 20
root = graph.Root(scratch(), "elf_i386")
# 240 MB of addresses.  Three programs with 100 MB of their own each, and 20 MB that all have.
common = [root.library(f"common{i}", 5 * MB) for i in range(4)]
own = [[root.library(f"own{n}x{i}", 20 * MB) for i in range(5)] for n in range(3)]
for n in range(3):
    root.program(f"prog{n}", [*own[n], *common])
unused = [root.library(f"unused{i}", 30 * MB) for i in range(3)]

done = prelink("--root", root.path, "-an", "--json")
layout = Layout(done.stdout, root.path)
layout.check()
without = sorted(p for p, o in layout.object.items() if o["skip"] and "address" in o["skip"])
expect(without, "390 MB fit into 240 MB")
expect(not set(without) & set(common), f"the most used go without: {without}")
expect(set(unused) <= set(without) | set(layout.slot), "an unused library has neither slot nor reason")
expect(any(p in without for p in sum(own, [])), "nobody that is used goes without, though there is too little room")
# Once and in total; with -v who needs each.
lines = done.stderr.splitlines()
expect_equal(len(lines), 1, f"messages about missing room: {lines}")
expect(f" and {len(without) - 1} other libraries of i386" in lines[0] and "try -m" in lines[0] and "-v names" in lines[0] and
       any(root.path + path + ":" in lines[0] for path in without), f"what is said once: {lines[0]}")
lines = prelink("--root", root.path, "-an", "-v", "--json").stderr.splitlines()
expect_equal(len(lines), len(without) + 1, "messages with -v")
for path in without:
    line = next(text for text in lines if root.path + path + ":" in text)
    user = "no program" if path in unused else "/usr/bin/prog"
    expect(user in line, f"{path} is used by {user}: {line}")
said = layout.document["summary"]["skipped"]
expect_equal(sum(said.values()), len(without), f"skipped objects in the summary {said}")

# With -m the programs share: everything fits.
done = prelink("--root", root.path, "-an", "-m", "--json")
layout = Layout(done.stdout, root.path)
layout.check(shared=True)
expect_equal(done.stderr, "", "messages with -m")
expect_equal([p for p, o in layout.object.items() if o["skip"]], [], "objects without slot with -m")
expect({layout.object[p]["machine"] for p in layout.slot} == {"i386"}, "not i386")
first, end = min(layout.slot.values()), max(layout.place(p)[1] for p in layout.slot)
expect(first >= 0x41000000 and end <= 0x50000000, f"slots {first:#x}-{end:#x} leave the range of the machine")

# For real: the same, and prelinked files stay where they are.
prelink("--root", root.path, "-am")
real = Layout(prelink("--root", root.path, "-am", "--json").stdout, root.path)
real.check(shared=True)
expect_equal(real.slot, layout.slot, "slots of the files")
expect_equal(real.document["summary"]["prelinked"], 0, "objects rewritten by a second run")

# One program that needs more than there is: it is reported also with -m.
big = graph.Root(scratch(), "elf_i386")
needed = [big.library(f"big{i}", 50 * MB) for i in range(6)]
big.program("greedy", needed)
done = prelink("--root", big.path, "-anm", "--json")
layout = Layout(done.stdout, big.path)
layout.check(shared=True)
expect("/usr/bin/greedy" in done.stderr and "-b" in done.stderr and done.stderr.count("\n") == 1, f"unclear: {done.stderr}")
print(f"{len(without)} of {len(layout.object) + 20} objects go without, and who needed them is said; none with -m")
