#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No include and no call goes from a lower floor to a higher one, as tests/source/floors has them, and no headers include
each other in a circle.  Includes are read from the sources, calls from the symbols of what was built of them."""
import os
import re

from harness import BUILD, SOURCE, expect, need, read, run


def files_of(top, endings):
    return sorted(os.path.relpath(os.path.join(base, name), top) for part in ("notegen", "prelink-plugins")
                  for base, _, names in os.walk(os.path.join(top, part)) for name in names if name.endswith(endings))


def stem(path):
    return os.path.splitext(path)[0]


def includes(files):
    for path in files:
        for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', read(os.path.join(SOURCE, path)).decode(), re.MULTILINE):
            places = (os.path.normpath(os.path.join(part, name))
                      for part in (os.path.dirname(path), "notegen/lib", "prelink-plugins"))
            yield from ((path, place) for place in places if place in files)


def same_program(source, target):
    return target.startswith("notegen/lib/") or source.split("/")[0] == target.split("/")[0]


def calls(files):
    """By the symbols of object files; a file that went away, or one built for a test, leaves its object behind."""
    wants, gives = [], {}
    for path in files_of(BUILD, (".o",)):
        if stem(path) + ".c" not in files or path.startswith("prelink-plugins/rtld/"):
            continue
        for kind, name in re.findall(r"([A-Za-z]) (\S+)$", run(["nm", os.path.join(BUILD, path)]).stdout, re.MULTILINE):
            if kind == "U":
                wants.append((stem(path), name))
            elif kind.isupper():
                gives[name] = stem(path)
    expect(len(gives) > 300, f"only {len(gives)} functions found in {BUILD}")
    return ((source, gives[name]) for source, name in wants if name in gives and same_program(source, gives[name]))


def floors():
    """Room of a file, and floor of a room."""
    rooms = {}
    for floor, line in enumerate(read(os.path.join(SOURCE, "tests/source/floors")).decode().splitlines()):
        for name in line.split("#")[0].split():
            base, _, last = name.rpartition("/")
            for part in last.split("+"):
                rooms[f"{base}/{part}".lstrip("/")] = (name, floor)
    return rooms


def circles(edges):
    """Files that can be reached from themselves."""
    follow = {}
    for source, target in edges:
        follow.setdefault(source, set()).add(target)
    for start in sorted(follow):
        seen, todo = set(), [start]
        while todo:
            for target in follow.get(todo.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        if start in seen:
            yield start


need("nm")
sources = [path for path in files_of(SOURCE, (".c", ".h")) if not path.endswith("report_page.c")]
included = set(includes(set(sources)))
edges = {(stem(source), stem(target)) for source, target in included} | set(calls(set(sources)))
rooms = floors()


def room_of(path):
    while path not in rooms:
        expect("/" in path, f"{path}: it stands on no floor; give it a place in tests/source/floors")
        path = path.rpartition("/")[0]
    return rooms[path]


wrong = []
for source, target in sorted(edges):
    (room, floor), (other, lower) = room_of(source), room_of(target)
    if room != other and lower <= floor:
        wrong.append(f"{source} needs {target}, which is not below it")
expect(not wrong, "\n".join([*wrong, "see tests/source/floors"]))
around = list(circles(included))
expect(not around, f"these include each other in a circle: {' '.join(around)}")
print(f"{len(sources)} files, {len(edges)} ways between them")
