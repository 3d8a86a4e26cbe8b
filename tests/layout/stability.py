#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A slot is kept over runs while it still fits; the same input gives the same slots and the same files."""
import json
import os
import shutil

import graph
from harness import expect, expect_equal, prelink, read, run, scratch
from placements import Layout


def lay_out(root, *options, environment=None):
    done = prelink("--root", root.path, "--with-plugins", "-a", "--json", *options,
                   env={**os.environ, **(environment or {})})
    layout = Layout(done.stdout, root.path)
    layout.check(shared="-m" in options)
    return layout


def moved(before, after):
    """Paths that have a slot in BEFORE and not the same one in AFTER."""
    return sorted(p for p, slot in before.slot.items() if after.slot.get(p) != slot)


def summary(layout):
    return layout.document["summary"]


def tree(root):
    return {os.path.join(base, name): read(os.path.join(base, name))
            for base, _, names in os.walk(root.path) for name in names if not name.startswith("prelink.cache")}


root = graph.Root(scratch()).random(3, 150, 40, 50)
originals = tree(root)
first = lay_out(root)
total = summary(first)["prelinked"]
expect(total > 190, f"only {total} objects of the random root were prelinked")
files = tree(root)

again = lay_out(root)
expect_equal(moved(first, again), [], "objects that moved in a second run")
expect_equal(summary(again)["prelinked"], 0, "objects rewritten although nothing changed")
expect(tree(root) == files, "files changed in a second run")
again = lay_out(root, "-f")
expect_equal(moved(first, again), [], "objects that moved with -f and the same input")
expect(tree(root) == files, "files changed with -f and the same input")

# Without the cache, the files themselves say where they are.
os.unlink(root.path + "/etc/prelink.cache")
again = lay_out(root)
expect_equal(moved(first, again), [], "objects that moved when the cache was lost")
expect(tree(root) == files, "files changed when the cache was lost")

# Removed: the others stay.  Put back (its original): it gets its old slot.
gone = f"{graph.LIBDIR}/libl0.so"
os.unlink(root.path + gone)
layout = lay_out(root)
expect(gone not in layout.object, "a removed library is still in the table")
expect_equal(moved(layout, first), [], "objects that moved after a removal")
expect(moved(layout, lay_out(root, "-n", "-f")), "-f, which lays out anew, left a removed library's room empty")

# Added: the new one finds room, the others stay.
root.library("l0", 1000)
new = root.library("new", 3 << 20)
layout = lay_out(root)
expect(new in layout.slot, "an added library has no slot")
expect_equal([p for p in moved(first, layout) if p != gone], [], "objects that moved after one was added")

# Grown a little (a package upgrade: a new inode without our mark): the slot stays, here and for its neighbours.
grown = f"{graph.LIBDIR}/libl7.so"
start, end = layout.place(grown)
needed = [line.split("[")[1].split("]")[0] for line in run(["readelf", "-d", root.path + grown]).stdout.splitlines()
          if "(NEEDED)" in line]
bss = next(int(line.split()[5], 16) for line in run(["readelf", "-SW", root.path + grown]).stdout.replace("[ ", "[")
           .splitlines() if " .bss " in line)
root.library("l7", bss + 4096, [f"{graph.LIBDIR}/{n}" for n in needed])
after = lay_out(root)
expect_equal(after.place(grown), (start, end + 4096), "place of a library that has grown by a page")
expect_equal(moved(layout, after), [], "objects that moved after a library grew within its room")
# Grown a lot: it moves, and nobody else does.
root.library("l7", 64 << 20, [f"{graph.LIBDIR}/{n}" for n in needed])
before, after = after, lay_out(root)
expect_equal(moved(before, after), [grown], "objects that moved because one grew much")

# One program alone: its libraries keep clear of slots of objects that this run does not look at.
extra = root.library("extra", 5000, directory="/usr/lib/plugins")
known = {p: after.place(p) for p in after.slot}
layout = Layout(prelink("--root", root.path, "--json", "-n", extra).stdout, root.path)
place = layout.place(extra)
for path, (start, end) in known.items():
    expect(place[1] <= start or place[0] >= end, f"{extra} alone was put on {path}")
prelink("--root", root.path, extra)
kept = Layout(prelink("--root", root.path, "-p", "--json").stdout, root.path)
expect_equal({p for p in known if p not in kept.slot}, set(), "slots that the cache forgot in a run of one file")

# What cannot be moved (code with addresses in it) is found out by trying; from then on it has no slot.
text = root.library("text", needed=[f"{graph.LIBDIR}/libl1.so"], source=".globl ft\n.text\nft:\n.quad ft\n.quad dl1\n")
user = root.library("user", needed=[text])
tried = lay_out(root)
expect("reloc" in str(tried.object[text]["skip"]), f"text relocations are no reason: {tried.object[text]['skip']}")
expect(text not in tried.slot and user in tried.slot, "a library that was refused has a slot, or one that needs it has none")
settled = lay_out(root)
expect_equal((settled.object[text]["skip"], settled.slot), (tried.object[text]["skip"], tried.slot), "the run after")
done = lay_out(root)
expect_equal(summary(done)["prelinked"], 0, "objects rewritten after that")

# All back: the bytes of the originals.
prelink("--root", root.path, "-ua")
shutil.rmtree(root.path + "/usr/lib/plugins/none", ignore_errors=True)
back = tree(root)
changed = {gone, new, grown, extra, text, user}
expect_equal([p for p in originals if back.get(p) != originals[p] and p[len(root.path):] not in changed], [],
             "files that undo did not restore")

# --seed: the same for the same, another for another; SOURCE_DATE_EPOCH is one; none is random.
seven = lay_out(root, "-n", "--seed", "7")
expect_equal(moved(seven, lay_out(root, "-n", "-R", "--seed", "7")), [], "objects that moved with the same seed")
expect(moved(seven, lay_out(root, "-n", "--seed", "8")), "another seed gives the same slots")
epoch = {"SOURCE_DATE_EPOCH": "7"}
expect_equal(moved(seven, lay_out(root, "-n", "-R", environment=epoch)), [],
             "objects that moved with SOURCE_DATE_EPOCH as seed")
os.environ.pop("SOURCE_DATE_EPOCH", None)
starts = {min(lay_out(root, "-n", "-R").slot.values()) for _ in range(6)}
expect(len(starts) == 6, f"-R started six times at {len(starts)} addresses")
shift = {seven.slot[p] - s for p, s in lay_out(root, "-n").slot.items()}
expect(all(s % 4096 == 0 for s in shift), "random slots are not whole pages")
# -j: threads change nothing.
expect(json.loads(prelink("--root", root.path, "-an", "--json", "-j", "1").stdout) ==
       json.loads(prelink("--root", root.path, "-an", "--json", "-j", "8").stdout), "1 and 8 threads differ")
print(f"{total} objects: slots kept over 8 runs; seeds give {len(starts)} random starts")
