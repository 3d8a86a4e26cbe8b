#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's programs read and rewrite files with the note: it survives, and they say nothing new."""
import os
import re
import shutil

import notes
from harness import compile_c, expect, expect_equal, need, notegen, run, scratch

PROGRAM = """
#include <stdio.h>
static int answer(void) { return 42; }
int main(void) { printf("%d\\n", answer()); return 0; }
"""
REWRITERS = [
    ["strip"],
    ["strip", "-s", "-g"],
    ["strip", "-g"],
    ["strip", "--strip-unneeded"],
    ["strip", "--remove-section=.comment", "--remove-section=.note"],
    ["eu-strip"],
    ["llvm-strip", "--strip-all-gnu"],  # plain llvm-strip drops all that is not allocated, .comment too
    ["objcopy", "--compress-debug-sections"],
    ["objcopy", "--add-section=.more=/etc/passwd"],
    ["patchelf", "--set-rpath", "/a/rather/long/path/that/does/not/fit/where/there/was/none"],
]


def complaints(path):
    """What other readers object to in PATH, by reader, with the numbers that shift left out."""
    said = {}
    for name, command in {"eu-elflint": ["eu-elflint", "--gnu-ld"], "eu-readelf": ["eu-readelf", "-a"],
                          "readelf": ["readelf", "-aW"], "objdump": ["objdump", "-x"]}.items():
        done = run([*command, path], status=None)
        text = done.stdout + done.stderr if name == "eu-elflint" else done.stderr
        said[name] = [re.sub(r"section \[ *[0-9]+\]", "section", line) for line in text.splitlines()]
    return said


def expect_nothing_new(before, after, what):
    for reader, lines in after.items():
        new = [line for line in lines if line not in before[reader]]
        # eu-elflint counts every note that is not GNU's an error; "No errors" goes with that.
        new = [line for line in new if not re.search("unknown object file note type .* owner name 'prelink'", line)]
        expect_equal(new, [], f"what {reader} says of {what}, and did not say before the note was added")


def sections(path):
    """Name, type, address, size and flags of each section, in order."""
    lines = run(["readelf", "-SW", path]).stdout.splitlines()
    rows = [re.sub(r"^ *\[ *[0-9]+\] ", "", line).split() for line in lines if re.match(r" *\[ *[1-9]", line)]
    return [(row[0], row[1]) for row in rows]


def check_rewriter(directory, original, command):
    what = " ".join(command)
    plain, noted = os.path.join(directory, "plain"), os.path.join(directory, "noted")
    shutil.copy2(original, plain)
    shutil.copy2(original, noted)
    notes.add(directory, "noted")
    run([*command, plain])
    run([*command, noted])
    expect_equal(notes.shown(noted)[noted], notes.ENTRIES, f"the note after {what}")
    expect_equal(run([noted]).stdout, "42\n", f"the program's output after {what}")
    expect_nothing_new(complaints(plain), complaints(noted), what)
    # Another note takes the place of a note that a rewriter has moved.
    described = notes.manifest(os.path.join(directory, "other.yaml"), [noted], notes.ENTRIES[:1])
    notegen("add", "--manifest", described, noted)
    expect_equal(notes.shown(noted)[noted], notes.ENTRIES[:1], f"the note replaced after {what}")
    notegen("remove", noted)
    expect_equal(sections(noted), sections(plain), f"sections after {what} and remove")
    expect_equal(run([noted]).stdout, "42\n", f"the program's output after {what} and remove")
    expect_nothing_new(complaints(plain), complaints(noted), f"{what} and remove")
    expect_equal(run(["nm", noted]).stdout, run(["nm", plain]).stdout, f"symbols after {what} and remove")


def check_debug_file(directory, original):
    """A separate debug file still fits, by build-id and by debuglink."""
    program, debug = os.path.join(directory, "program"), os.path.join(directory, "program.debug")
    run(["objcopy", "--only-keep-debug", original, debug])
    run(["objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}", original, program])
    buildid = run(["eu-unstrip", "-n", "-e", program]).stdout.split()[1]
    notes.add(directory, "program")
    expect_equal(run(["eu-unstrip", "-n", "-e", program]).stdout.split()[1], buildid, "build-id with the note")
    lines = run(["gdb", "-nx", "-batch", "-ex", "info line answer", program]).stdout
    expect(re.search(r"Line 3 of", lines), f"gdb does not find the debug file: {lines}")
    run(["eu-unstrip", program, debug, "-o", os.path.join(directory, "whole")])
    expect_equal(notes.shown(program)[program], notes.ENTRIES, "the note")


def main():
    need("eu-strip", "eu-elflint", "eu-unstrip", "llvm-strip", "patchelf", "gdb")
    directory = scratch()
    original = compile_c(PROGRAM, os.path.join(directory, "original"), "-g")
    before = complaints(original)
    shutil.copy2(original, os.path.join(directory, "first"))
    notes.round_trip(directory, "first")
    notes.add(directory, "first")
    expect_nothing_new(before, complaints(os.path.join(directory, "first")), "the file")
    expect_equal(sections(os.path.join(directory, "first"))[:-1], sections(original), "sections with the note")
    for command in REWRITERS:
        check_rewriter(directory, original, command)
    check_debug_file(directory, original)
    print(f"{len(REWRITERS)} rewriters, 4 readers, a separate debug file")


main()
