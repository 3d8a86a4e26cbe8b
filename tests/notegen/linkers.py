#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""add and remove on what other machines' compilers and other linkers make, and on unusual section tables."""
import os
import struct

import notes
from harness import compile_c, expect, expect_equal, need, read, run, scratch, write

MACHINES = ["i686-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "powerpc64-linux-gnu",
            "s390x-linux-gnu", "riscv64-linux-gnu"]
PROGRAM = "int data = 1; int main(void) { return data - 1; }"
SHAPES = {"pie": ["-pie", "-fPIE"], "exec": ["-no-pie", "-fno-pie"], "shared": ["-shared", "-fPIC"],
          "static": ["-static"], "object": ["-c"]}


def check_note(path, what):
    """Readers that are not ours see a note."""
    for reader in ["readelf", "eu-readelf"]:
        expect(" prelink " in run([reader, "-n", path]).stdout, f"{what}: {reader} -n shows no note of ours")


def check_shapes(directory, what, compiler, *flags):
    for shape, shape_flags in SHAPES.items():
        name = f"{what}-{shape}"
        path = compile_c(PROGRAM, os.path.join(directory, name), *flags, *shape_flags, compiler=compiler)
        notes.round_trip(directory, name)
        notes.add(directory, name)
        check_note(path, name)


def section_count(path):
    header = run(["readelf", "-h", path]).stdout
    return next(line.split(":")[1].strip() for line in header.splitlines() if "Number of section headers" in line)


def check_many_sections(directory):
    """One section more takes e_shnum over SHN_LORESERVE; beyond it the count is in section header 0."""
    for count, before, after in [(0xfeff, "65279", "0 (65280)"), (0xff10, "0 (65296)", "0 (65297)")]:
        name = f"sections-{count:x}"
        path = os.path.join(directory, name)
        # The assembler adds a null section, .text, .data, .bss and the name table.
        source = "".join(f'.section s{number},"a"\n' for number in range(count - 5))
        run(["as", "-o", path, "-"], input=source)
        expect_equal(section_count(path), before, "sections that the assembler made")
        notes.round_trip(directory, name)
        notes.add(directory, name)
        expect_equal(section_count(path), after, "sections with the note")
        check_note(path, name)


def check_shared_name_table(directory):
    """clang writes section and symbol names into one table."""
    path = compile_c(PROGRAM, os.path.join(directory, "clang"), "-c", compiler="clang")
    symbols = run(["nm", path]).stdout
    expect(".shstrtab" not in run(["readelf", "-SW", path]).stdout, "clang has a name table of its own now")
    notes.round_trip(directory, "clang")
    notes.add(directory, "clang")
    expect_equal(run(["nm", path]).stdout, symbols, "symbols with the note")


def check_no_sections(directory):
    path = compile_c(PROGRAM, os.path.join(directory, "bare"))
    data = bytearray(read(path))
    struct.pack_into("<Q", data, 0x28, 0)
    struct.pack_into("<HHH", data, 0x3a, 0, 0, 0)
    write(path, bytes(data))
    before = notes.identity(path)
    said = notes.errors(notes.add(directory, "bare", status=1))
    expect(len(said) == 1 and path in said[0] and "no section headers" in said[0], f"unclear: {said}")
    expect_equal(notes.identity(path), before, "a file without section headers")


def main():
    need("clang", "ld.lld", "ld.gold", "ld.mold", "eu-readelf", *(machine + "-gcc" for machine in MACHINES))
    directory = scratch()
    for machine in MACHINES:
        check_shapes(directory, machine, machine + "-gcc")
    for linker in ["bfd", "gold", "lld", "mold"]:
        check_shapes(directory, linker, "gcc", "-fuse-ld=" + linker)
        for path in [os.path.join(directory, linker + "-" + shape) for shape in ("pie", "exec", "static")]:
            run([path])
    check_many_sections(directory)
    check_shared_name_table(directory)
    check_no_sections(directory)
    print(f"{len(MACHINES)} other machines and 4 linkers, {len(SHAPES)} shapes each, and unusual section tables")


main()
