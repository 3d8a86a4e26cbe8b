#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""COPY relocations and the sizes of what they copy, against readelf and nm: every variable that a program copies is told,
and of another size where the first library that has it, in ldd's order, says another one.
LONG=1: all programs of this machine, else those of a few dozen that copy."""
import functools
import json
import os
import re

from elf import PT_INTERP, elf_or_none
from fixtures import subjects
from harness import elf_files, expect, expect_equal, need, prelink, run

need("readelf", "nm", "ldd")
LDSO = "/lib64/ld-linux-x86-64.so.2"


def copied(path):
    """Variables that PATH has COPY relocations for, by readelf."""
    return set(re.findall(r"R_\w+_COPY +\w+ +([^@\s]+)", run(["readelf", "-rW", path], status=None).stdout))


@functools.cache
def sizes(path):
    """{name: bytes} of what PATH defines, by nm; a program's copies have the versions that it asks for."""
    version = r"(?:@@\S+)?" if ".so" in path else r"(?:@\S+)?"
    return {match[2]: int(match[1], 16) for match in
            re.finditer(rf"^\w+ (\w+) [BDRVuGSbdrv] ([^@\s]+){version}$", run(["nm", "-DS", path], status=None).stdout, re.M)}


def libraries(path):
    return re.findall(r"(?:=> |^\s)(/\S+) \(0x", run(["ldd", path], status=None).stdout, re.M)


def is_program(path):
    elf = elf_or_none(path)
    return elf and elf.wide and elf.machine == 62 and elf.segment(PT_INTERP) and elf.interpreter() == LDSO


paths = {os.path.realpath(path) for path in elf_files("/usr/bin", "/usr/sbin", "/usr/lib") if is_program(path)}
programs, copies = [], {}
for path in sorted(paths):
    copies[path] = copied(path)
    if copies[path]:
        programs.append(path)
    if len(programs) == 20 and not os.environ.get("LONG"):
        break
expect(programs, "no program of this machine copies anything")
findings = json.loads(prelink("--advise=copies,copy-size", "--json", *programs, status=1).stdout)["findings"]
said = {(item["object"], item["finding"]): [s.partition("@")[0] for s in subjects(item)] for item in findings}
variables = different = 0
for path in programs:
    expect_equal(sorted(set(said[path, "copies"])), sorted(copies[path]), f"{path}: what is copied")
    wrong = said.get((path, "copy-size"), [])
    others, here = libraries(path), sizes(path)
    for variable in copies[path]:
        there = next((sizes(library)[variable] for library in others if variable in sizes(library)), None)
        expect(there is not None, f"{path}: nm finds {variable} in none of {others}")
        expect_equal(variable in wrong, there != here[variable], f"{path}: {variable} has {here[variable]} and {there} bytes")
        variables, different = variables + 1, different + (there != here[variable])
print(f"{len(programs)} of {len(copies)} programs copy {variables} variables, {different} of another size, as nm has it")
