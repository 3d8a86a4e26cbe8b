#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A library that still has its .symtab, of each machine whose libraries can have slots, by the commands of an administrator: moved,
each of its symbols that names a place says where that now is, and no other is touched; -y and its digests know the
original; strip leaves what works; -u gives the file back bit for bit."""
import hashlib
import os
import re
import shutil

import process
from harness import compile_c, expect, expect_equal, need, prelink, qemu_user, read, run, scratch, skip, write
from rewriting import LIBRARY

# The triplet of its tools, what runs its programs, its ld.so.
MACHINES = {
    "aarch64": ("aarch64-linux-gnu", qemu_user("aarch64"), "ld-linux-aarch64.so.1"),
    "arm": ("arm-linux-gnueabihf", qemu_user("arm"), "ld-linux-armhf.so.3"),
    "i386": ("i686-linux-gnu", qemu_user("i386"), "ld-linux.so.2"),
    "riscv64": ("riscv64-linux-gnu", qemu_user("riscv64"), "ld-linux-riscv64-lp64d.so.1"),
}
MARKS = {"aarch64": {"$x", "$d"}, "arm": {"$t", "$d"}}  # where code and data begin, by the psABI
OWN = {"_DYNAMIC", "_GLOBAL_OFFSET_TABLE_"}  # absolute, by GNU ld, on some machines
PATH = "/usr/lib/libanswer.so"


def symbols(path):
    """[(value, type, section, name)] of .symtab."""
    table = run(["readelf", "-sW", path]).stdout.partition("Symbol table '.symtab'")[2]
    return [(int(value, 16), kind, section, name) for value, kind, section, name in re.findall(
        r"^ *\d+: ([0-9a-f]+) +\S+ (\w+) +\w+ +\w+ +(?:\[.*?\] +)?(\w+) ?(\S*)", table, re.M)]


def not_loaded(path):
    """Numbers of PATH's sections that are in no segment, as readelf writes them."""
    return {number for number, flags in re.findall(r"^ +\[ *(\d+)\] .* [0-9a-f]{2} +([A-Zop]*) +\d+ +\d+ +\d+$",
                                                   run(["readelf", "-SW", path]).stdout, re.M) if "A" not in flags}


def make(machine):
    """A root of MACHINE with the library of LIBRARY, all of libgcc in it, and a program; the library's path."""
    triplet, _, loader = MACHINES[machine]
    root, compiler = scratch("root-"), triplet + "-gcc"
    for name in ("etc", "usr/bin", "usr/lib"):
        os.makedirs(f"{root}/{name}")
    os.symlink("usr/lib", root + "/lib")
    for name in ("libc.so.6", "libgcc_s.so.1", loader):  # libgcc of some versions asks for the second
        shutil.copy(f"/usr/{triplet}/lib/{name}", root + "/usr/lib")
    write(root + "/etc/prelink.conf", "-l /usr\n")
    library = compile_c(LIBRARY, root + PATH, "-shared", "-fPIC", "-O1", "-DIFUNC", "-Wl,-soname,libanswer.so",
                        "-Wl,--whole-archive,-lgcc,--no-whole-archive", compiler=compiler)
    compile_c('#include <stdio.h>\nint answer(void); int main(void) { printf("%d\\n", answer()); return 0; }', root + "/usr/bin/program",
              "-x", "none", library, compiler=compiler)
    return root, library


def check(machine):
    root, library = make(machine)
    triplet, runner, _ = MACHINES[machine]
    original, before, apart = read(library), symbols(library), not_loaded(library)
    expect({name for *_, name in before} > OWN | MARKS.get(machine, set()) and len(before) > 200,
           f"{machine}: the fixture has {len(before)} symbols, and not all that it is about")
    prelink("--root", root, "-a")
    slot = process.slot_of(library)
    expect(slot, f"{machine}: {PATH} was not moved")
    moved = 0
    for old, new in zip(before, symbols(library), strict=True):
        value, kind, section, name = old
        place = kind != "TLS" and (name in OWN or (section.isdigit() and section not in apart))
        moved += place
        expect_equal(new, (value + slot if place else value, kind, section, name), f"{machine}: the symbol {old}, moved by {slot:#x}")
    for option, algorithm in (("--md5", "md5"), ("--sha256", "sha256")):
        said = prelink("--root", root, "-y", option, PATH).stdout
        expect_equal(said.split()[0], hashlib.new(algorithm, original).hexdigest(), f"{machine}: -y {option}")
    expect_equal(prelink("--root", root, "-y", PATH, text=False, errors=None).stdout, original, f"{machine}: -y")
    prelinked = read(library)
    run([triplet + "-strip", library])
    expect(not symbols(library), f"{machine}: strip left .symtab")
    expect_equal(process.slot_of(library), slot, f"{machine}: the slot, stripped")
    for content, what in ((read(library), "stripped"), (prelinked, "moved"), (original, "as it was")):
        write(library, content)
        done = run([runner, "-L", root, root + "/usr/bin/program"])
        expect_equal(done.stdout, "42\n", f"{machine}: the program, its library {what}")
    write(library, prelinked)
    prelink("--root", root, "-u", PATH)
    expect_equal(read(library), original, f"{machine}: -u")
    print(f"{machine}: {len(before)} symbols, {moved} of them moved by {slot:#x} and back")


count = 0
need("readelf")
for machine, (triplet, runner, _) in MACHINES.items():
    missing = [name for name in (triplet + "-gcc", triplet + "-strip", runner) if not shutil.which(name)]
    if missing:
        print(f"{machine}: {' and '.join(missing)} not installed")
        continue
    check(machine)
    count += 1
if not count:
    skip("no cross compiler is installed")
