#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""add, add again, remove on the machine's own ELF files: byte for byte what they were.

Every 20th file under /usr/bin, /usr/sbin and /usr/lib, all of them with LONG=1.  Works on copies.
"""
import collections
import os
import re
import shutil

import notes
from harness import elf_files, expect, expect_equal, fail, notegen, read, scratch

GROUP = 100


def reason(line):
    """A refusal's text without the path and the figures."""
    return re.sub(r"\(.*?\)", "()", re.sub(r"[0-9]+", "N", line.split(": ", 2)[2])).replace("section N ()", "a section")


def check_group(tree, files, counts, reasons):
    os.mkdir(tree)
    copies = {}
    for number, file in enumerate(files):
        copy = os.path.join(tree, str(number))
        shutil.copy2(file, copy)
        copies[copy] = (file, notes.identity(copy))
    manifest = notes.manifest(tree + ".yaml", ["/*"])
    done = notegen("add", "--root", tree, "--manifest", manifest, *copies, status=None)
    refused = {}
    for line in done.stderr.splitlines():
        if "warning:" in line:
            continue
        path = line.split(": ")[1]
        expect(path in copies, f"a message that names no file of ours: {line}")
        refused[path] = reason(line)
    expect_equal(done.returncode, 1 if refused else 0, "exit status of add")

    added = [copy for copy in copies if copy not in refused]
    shown = notes.shown(*added)
    for copy in added:
        file, _ = copies[copy]
        notes.expect_appended(read(file), read(copy), file)
        expect_equal(shown[copy], notes.ENTRIES, f"the note of {file}")
    before = {copy: notes.identity(copy) for copy in copies}
    notegen("add", "--root", tree, "--manifest", manifest, *added)
    expect_equal({copy: notes.identity(copy) for copy in copies}, before, "the files after adding the same again")
    if added:
        notegen("remove", *added)
    for copy, (file, first) in copies.items():
        if read(copy) != read(file):
            fail(f"{file}: after add and remove not what it was")
        if copy in refused:
            expect_equal(notes.identity(copy), first, f"{file}, which was refused")
    counts["restored"] += len(added)
    reasons.update(refused.values())
    shutil.rmtree(tree)


def main():
    files = elf_files("/usr/bin", "/usr/sbin", "/usr/lib")
    if not os.environ.get("LONG"):
        files = files[::20]
    directory, counts, reasons = scratch(), collections.Counter(), collections.Counter()
    for start in range(0, len(files), GROUP):
        check_group(os.path.join(directory, str(start)), files[start:start + GROUP], counts, reasons)
    print(f"{len(files)} ELF files: {counts['restored']} the same after add and remove, "
          f"{sum(reasons.values())} refused and untouched")
    for text, count in reasons.most_common():
        print(f"  {count} refused: {text}")
    expect(counts["restored"] > 9 * sum(reasons.values()), "more refused than one file in ten")


main()
