#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What object.h says about who sets a field is so: whether and where an object moves is decided in one place."""
import os
import re

from harness import SOURCE, expect, read

TOP = os.path.join(SOURCE, "prelink-plugins")
WRITERS = {"skip": {"object.c": "the first reason stands"},
           "has_slot": {"layout/layout.c": "layout"},
           "slot": {"layout/layout.c": "layout", "bind/loader.c": "that of an ld.so"},
           "missed": {"plan/planner.c": "its file is not where it was to be"}}
# An assignment to a field of an object, which the tree calls by one of these names.
SET = re.compile(r"\b(?:object|loader|file|program|kept|library|member\[\w+\]|object\[\w+\])->"
                 rf"({'|'.join(WRITERS)})\s*=(?!=)")

found = {field: set() for field in WRITERS}
for base, _, names in os.walk(TOP):
    for name in names:
        path = os.path.relpath(os.path.join(base, name), TOP)
        if name.endswith((".c", ".h")) and not path.startswith("rtld/"):
            for field in SET.findall(read(os.path.join(TOP, path)).decode()):
                found[field].add(path)
for field, writers in WRITERS.items():
    expect(found[field] == set(writers), f"{field} is set by {sorted(found[field])}, not by {sorted(writers)}")
print(f"{len(WRITERS)} fields are set where object.h says")
