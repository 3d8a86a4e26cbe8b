#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plan that is wrong, but carries the right digests, writes nowhere but in an object's own writable segments, and
leaves ld.so no record that it cannot process: then it is left the object's own tables.

The plan comes from kit.py, so this is the module alone."""
import os
import shutil
import struct

import kit
import rooted
from harness import expect, expect_equal, need, run, scratch

need("gcc")
here = scratch()
near, own = f"{here}/libnear.so", f"{here}/libown.so"
kit.library(near, """
int near_var = 7;
unsigned char guard[4096], *guarded[] = { guard };
int near(void) { int sum = 0; for (int i = 0; i < 4096; i++) sum += guard[i]; return sum + near_var + (guarded[0] == guard); }
""", 0x3000000000, ["-Wl,-z,now"])
kit.library(own, """
#include <string.h>
extern int near_var;
int *unused[64] = { [0 ... 63] = &near_var };
size_t (*unused_too[8])(const char *) = { [0 ... 7] = strlen };
__thread int thread = 5;
int own(void) { return near_var + thread++; }
""", 0x3000100000, ["-Wl,-z,now", near])
MAIN = '#include <stdio.h>\nint near(void), own(void); int main(void) { printf("%d %d\\n", near(), own()); return 0; }'
OBJECT = kit.HEADER + kit.RECORD * kit.FIRST  # of libown.so, which comes first
VALUE, FIXUP, RESIDUAL = (OBJECT + at for at in (32, 40, 48))
elf = kit.Elf(own)
rows = [line.split() for line in run(["readelf", "-lW", own]).stdout.split("\n")]
first, size = next((int(row[2], 16), int(row[5], 16)) for row in rows if row[:1] == ["LOAD"] and "RW" in row)
UNUSED = [(elf.defined["unused"][0], 8 * 64), (elf.defined["unused_too"][0], 8 * 8)]
guard = kit.Elf(near).defined["guard"][0]


def table(blob, at):
    offset, count = struct.unpack_from("<II", blob, at)
    expect(count, f"the plan has nothing in the table at {at}")
    return offset, count


def each(at, record, form, *values, where=0):
    """A forger that puts VALUES at byte WHERE of the records, of RECORD bytes, of one table: of all residual ones, and of
    those about what the program does not use."""
    def forge(blob):
        offset, count = table(blob, at)
        for place in range(offset, offset + count * record, record):
            address, = struct.unpack_from("<Q", blob, place)
            if at == RESIDUAL or any(start <= address < start + size for start, size in UNUSED):
                struct.pack_into(form, blob, place + where, *values)
    return forge


unplanned = kit.program(f"{here}/unplanned", MAIN, f"-L{here}", f"-Wl,-rpath,{here}", "-Wl,--no-as-needed", "-lown", "-lnear",
                        "-Wl,-z,now")


def start(name, forge):
    program = shutil.copy(unplanned, f"{here}/{name}")
    kit.plan(program, [own, near, kit.LIBC], forge=forge)
    done = run([program], env=dict(os.environ, LD_AUDIT=kit.MODULE, PRELINK_RTLD="verbose"))
    return done.stdout, {os.path.basename(path): (level, why) for path, level, why in rooted.levels_of(done)}


out, levels = start("sound", None)
expect_equal(levels["libown.so"][0], "full", f"level of libown.so with a plan that is sound: {levels}")
cases = 0
WILD = {"another object": guard + 64, "the program's headers": 8, "read-only": elf.entry[kit.SYMTAB],
        "before the first writable word": first - 8, "partly before it": first - 4,
        "partly behind the last": first + size - 4, "behind the last": first + size, "the end of memory": (1 << 64) - 8}
for what, address in WILD.items():
    for kind, at, record in (("value", VALUE, 16), ("fixup", FIXUP, 24)):
        seen, levels = start(f"{kind}{cases}", each(at, record, "<Q", address))
        expect_equal((seen, levels["libown.so"][0]), (out, "full"), f"{kind}s with an address that is {what}")
        cases += 1
    seen, levels = start(f"residual{cases}", each(RESIDUAL, 24, "<Q", address))
    expect_equal((seen, levels["libown.so"]), (out, ("relative only", "the plan leaves ld.so what it cannot do")),
                 f"residual records with an address that is {what}")
    cases += 1
for what, info in (("of an unknown type", 200), ("of a type that only linkers use", 9), ("about a symbol that is not there", 1 << 56 | 6),
                   ("about a symbol behind the table", 20000 << 32 | 6)):
    seen, levels = start(f"residual{cases}", each(RESIDUAL, 24, "<Q", info, where=8))
    expect_equal((seen, levels["libown.so"][0]), (out, "relative only"), f"residual records {what}")
    cases += 1
for number in (99, 5000, 0xfffffffe):
    seen, levels = start(f"fixup{cases}", each(FIXUP, 24, "<I", number, where=16))
    expect_equal((seen, levels["libown.so"][0]), (out, "full"), f"fixups in object {number}")
    cases += 1
print(f"{cases} wrong plans")
