#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Findings against what ld.so itself says of the same files (as ldd -u and ldd -r ask it): dependencies that are not used,
undefined symbols, versions that are not there, COPY relocations of another size.  Nothing may be missing, nothing more.
LONG=1: all of this machine's programs and libraries, else a few dozen."""
import os
import random
import re
from concurrent.futures import ThreadPoolExecutor

from elf import PT_DYNAMIC, PT_INTERP, elf_or_none
from harness import elf_files, expect_equal, prelink, run, skip
from fixtures import subjects

LDSO = "/lib64/ld-linux-x86-64.so.2"
LONG = os.environ.get("LONG")
if not os.path.exists(LDSO):
    skip(f"{LDSO} is not there")


def kind(path):
    """"program", "library" or None for what ld.so of x86-64 does not load."""
    elf = elf_or_none(path)
    if not elf or not elf.wide or elf.machine != 62 or not elf.segment(PT_DYNAMIC):
        return None
    if elf.segment(PT_INTERP):
        return "program" if elf.interpreter() == LDSO else None
    return "library" if elf.kind == 3 else None


def ask(path, **environment):
    """What ld.so prints of PATH when it traces; nothing of PATH is run."""
    done = run([LDSO, path], status=None, env={"LD_TRACE_LOADED_OBJECTS": "1", "LD_BIND_NOW": "yes", **environment})
    return done.stdout + done.stderr


def missing(path):
    """(object, name) of all that ld.so does not find, or that is not as it should be, by the kind of the finding."""
    found = {"undefined": set(), "version": set(), "copy-size": set()}
    text = ask(path, LD_WARN="yes")
    found["whole"] = "=> not found" not in text
    for line in text.splitlines():
        line = line.strip()
        match = re.match(r"undefined symbol: ([^,\t]+)(?:, version (\S+))?\t\((.*)\)$", line) or \
            re.match(r"symbol ([^,]+), version (\S+) not defined in file .* with link time reference\t\((.*)\)$", line)
        if match:
            name, version, by = match.groups()
            found["undefined"].add((os.path.realpath(by), f"{name}@{version}" if version else name))
        match = re.search(r": (?:weak )?version `(.*)' not found \(required by (.*)\)", line)
        if match:
            found["version"].add((os.path.realpath(match[2]), match[1]))
        match = re.match(r"(.*): Symbol `(.*)' (?:has different size|causes overflow) in", line)
        if match:
            found["copy-size"].add((os.path.realpath(path), match[2]))
    return found


def unused(path):
    text = ask(path, LD_DEBUG="unused")
    tail = text.partition("Unused direct dependencies:\n")[2]
    # What was not found has no path.
    return {os.path.realpath(line.strip()) for line in tail.splitlines() if line.startswith("\t/")}


def ours(found, finding, part=lambda item, detail: (item["object"], detail["subject"])):
    return {part(item, detail) for (_, name), item in found.items() if name == finding for detail in item["details"]}


def by_object(paths):
    """Of several files in one run."""
    import json
    said = json.loads(prelink("--advise", "--json", *paths, status=None).stdout)
    return {(item["object"], item["finding"]): item for item in said["findings"]}


def strip_version(pairs):
    return {(path, name.partition("@")[0]) for path, name in pairs}


def same_undefined(path, mine, seen):
    """Where a dependency is missing, ld.so does not get to know versions."""
    if not seen["whole"]:
        mine, seen["undefined"] = strip_version(mine), strip_version(seen["undefined"])
    expect_equal(mine, {pair for pair in seen["undefined"] if kind(path) == "program" or pair[0] == path},
                 f"{path}: undefined symbols")


def compare(path, found, seen):
    """Of one program, by itself."""
    same_undefined(path, ours(found, "undefined"), seen)
    expect_equal(strip_version(ours(found, "copy-size")), seen["copy-size"], f"{path}: copies of another size")
    expect_equal(ours(found, "version"), {pair for pair in seen["version"] if pair[0] == path}, f"{path}: versions")


def compare_unused(paths, found):
    with ThreadPoolExecutor(2) as pool:
        count = 0
        for path, seen in zip(paths, pool.map(unused, paths)):
            item = found.get((path, "unused"))
            mine = {detail["text"].partition(";")[0] for detail in item["details"]} if item else set()
            expect_equal(mine, seen, f"{path}: unused dependencies")
            count += len(seen)
    return count


files = {"program": [], "library": []}
for path in elf_files("/usr/bin", "/usr/sbin", "/usr/lib"):
    which = kind(path)
    if which and os.access(path, os.R_OK) and "ld-linux" not in path:
        files[which].append(path)
if not LONG:
    files = {which: random.Random(7).sample(paths, min(24, len(paths))) for which, paths in files.items()}

found = {which: by_object(paths) for which, paths in files.items()}
count = {which: compare_unused(paths, found[which]) for which, paths in files.items()}

undefined = 0
with ThreadPoolExecutor(2) as pool:
    for path, seen in zip(files["library"], pool.map(missing, files["library"])):
        item = found["library"].get((path, "underlinked"))
        mine = {(path, name) for name in subjects(item)} if item else set()
        same_undefined(path, mine, seen)
        undefined += len(mine)
    alone = pool.map(lambda path: by_object([path]), files["program"])
    for path, mine, seen in zip(files["program"], alone, pool.map(missing, files["program"])):
        compare(path, mine, seen)
print(f"{len(files['program'])} programs with {count['program']} unused dependencies, {len(files['library'])} libraries with "
      f"{count['library']} and {undefined} undefined symbols: as ld.so says")
