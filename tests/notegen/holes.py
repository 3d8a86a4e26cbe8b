#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file with holes gets its note, is prelinked and taken back without filling them; one without gets none."""
import os

import graph
import notes
from harness import expect, expect_equal, notegen, prelink, read, run, scratch, skip

MEGABYTES = 12
# Zeros between bytes that are none, more of them than anybody writes at a time, and others that begin and end in a page.
SOURCE = graph.SOURCE.replace("\t.bss", f"""
	.skip {MEGABYTES << 20}
	.fill 8000, 1, 255
	.skip 99999
	.fill 10000, 1, 7
	.bss""")
FEW = 1 << 20  # bytes on the disk


def on_disk(path):
    return os.stat(path).st_blocks * 512


root = graph.Root(scratch())
full, holed = (root.path + root.library(name, source=SOURCE) for name in ("full", "holed"))
for path, when in (full, "never"), (holed, "always"):
    run(["cp", f"--sparse={when}", path, path + ".new"])
    os.rename(path + ".new", path)
originals = {path: read(path) for path in (full, holed)}
if on_disk(holed) > FEW or on_disk(full) < len(originals[full]):
    skip(f"the file system makes its own holes, or none: {on_disk(holed)} and {on_disk(full)} bytes")


def expect_kept(what):
    # With the note comes less than a page or two.
    expect(on_disk(holed) <= FEW, f"{what}: the holes are full: {on_disk(holed)} bytes")
    expect(on_disk(full) >= len(originals[full]), f"{what}: there are holes where none were: {on_disk(full)} bytes")


described = notes.manifest(root.path + "/holes.yaml", [f"{graph.LIBDIR}/libfull.so", f"{graph.LIBDIR}/libholed.so"])
notegen("add", "--root", root.path, "--manifest", described)
expect_kept("add")
for path, data in originals.items():
    notes.expect_appended(data, read(path), path)
notegen("remove", full, holed)
expect_kept("remove")
expect({path: read(path) for path in originals} == originals, "the files differ after remove")

prelink("--root", root.path, "-a")
expect_kept("prelinked")
for path, data in originals.items():
    new = read(path)
    expect(new != data, f"{path} was not prelinked")
    expect_equal(new.count(bytes(MEGABYTES << 20) + b"\xff" * 8000 + bytes(99999) + b"\7" * 10000), 1,
                 f"{path}: times that its zeros, and what is around them, are there")
said = prelink("--root", root.path, "-y", holed[len(root.path):], text=False, errors=None).stdout
expect(said == originals[holed], "-y gives another file than the original")
prelink("--root", root.path, "-ua")
expect_kept("undone")
expect({path: read(path) for path in originals} == originals, "the files differ after -ua")
print(f"{len(originals[holed])} bytes, {on_disk(holed)} of them on the disk")
