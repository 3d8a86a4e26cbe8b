#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What -v says of each plan is what a second reader counts in it: objects, values, fixups, relocations, bytes."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../store"))
import reader
import rooted
import whole_root
from elf import Elf
from harness import compile_c, expect, expect_equal, prelink, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
root = whole_root.root_of("small")
rooted.install_module(root)
HERE = root + "/opt/figures"
os.makedirs(HERE)
NAMES = [f"f{i}" for i in range(3000)]
DECLARED = "".join(f"int {name}(void);" for name in NAMES)
TABLE = DECLARED + "int (*const all[])(void) = {" + ",".join(NAMES) + "};"
OWN = "".join(f"int {name}(void) {{ return 1; }}" for name in NAMES) + "__thread int t; int *pt(void) { return &t; }"
compile_c(OWN, HERE + "/libf.so", "-shared", "-fPIC", "-Wl,-soname,libf.so")
LINK = ["-x", "none", f"-L{HERE}", "-lf", "-Wl,-rpath,/opt/figures"]
MAIN = TABLE + "int *pt(void); int main(void) { return *pt() + all[7](); }"
# Fixups are words about what has no known address: the program itself, where that may move.
HOOKED = MAIN + " int f8(void) { return 8; }"
for name, source, flags in ("fixed", MAIN, ["-no-pie"]), ("pie", MAIN, ["-pie", "-fPIE", "-Wl,-z,now"]), \
        ("hooked", HOOKED, ["-pie", "-fPIE", "-Wl,-z,now", "-Wl,-E"]):
    compile_c(source, f"{HERE}/{name}", *LINK, *flags)


class Section(reader.Store):
    """The plan in a file, as the store's reader takes it."""

    def __init__(self, path):
        elf = Elf(path)
        section = next(section for section in elf.sections if section.name == ".prelink.plan")
        self.data = bytes(elf.data[section.offset:section.offset + section.size])


said = prelink("--root", root, "-a", "-v").stdout
seen = {}
for path, rest in re.findall(r"^(/\S+): plan: (.*)$", said, re.M):
    section = Section(root + path)
    plan = reader.Plan(section, 0)
    counts = [sum(getattr(planned, kind)[1] for planned in plan.objects) for kind in ("value", "fixup")]
    residual = sum(planned.certain for planned in plan.objects)
    wanted = [plan.startup, len(plan.objects) - plan.startup, *counts, residual, len(section.data)]
    figures = re.search(r"\((\d+) objects at start, (\d+) for plugins; .*; leaves (\d+) values, (\d+) fixups, (\d+) "
                        r"relocations; (\d+) bytes", rest)
    expect(figures, f"{path}: no figures in {rest}")
    expect_equal([int(word) for word in figures.groups()], wanted, f"{path}: {rest}")
    seen[path] = wanted
for at, what in (2, "values"), (3, "fixups"), (4, "relocations"):
    expect(any(row[at] for row in seen.values()), f"no plan has {what}: {seen}")
print(f"{len(seen)} plans: {[sum(row[i] for row in seen.values()) for i in range(6)]}")
