#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which slots come first: of what most programs start with, then of what most of them may load; and what the same program
uses lies together, whatever it is called."""
import graph
from harness import expect_equal, prelink, scratch
from placements import Layout

root = graph.Root(scratch())


def library(name, directory=graph.LIBDIR):
    return root.library(name, directory=directory)


common, twice = library("zcommon"), library("ytwice")
own = {program: [library(name) for name in names] for program, names in (("p0", "mc"), ("p1", "az"), ("p2", "bn"))}
plugins = {name: library(name, "/usr/lib/plugins") for name in ("zz", "aa", "kk", "jj")}
for program, libraries in own.items():
    root.program(program, [common, *libraries, *([twice] if program != "p0" else [])])
root.note("/usr/bin/p0", *({"feature": "some", "path": plugins[name]} for name in ("zz", "kk")))
root.note("/usr/bin/p1", {"feature": "some", "path": plugins["zz"]}, {"feature": "other", "path": plugins["aa"]})
root.note("/usr/bin/p2", *({"feature": "some", "path": plugins[name]} for name in ("zz", "jj")))
root.add_notes()
layout = Layout(prelink("--root", root.path, "--with-plugins", "-an", "--json").stdout, root.path)
layout.check()
order = sorted(layout.slot, key=layout.slot.get)
wanted = [common, twice, *sorted(own["p0"]), *sorted(own["p1"]), *sorted(own["p2"]),
          plugins["zz"], plugins["kk"], plugins["aa"], plugins["jj"]]
expect_equal([path for path in order if path in wanted], wanted, "objects by their slots")
print(f"{len(order)} objects lie in the order of their uses")
