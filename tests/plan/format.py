#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plan is written in the class and byte order of its program, whatever those of the machine that prelink runs on are:
format.c encodes one draft for each; what it reads back, and what a second reader (here) finds by plan_format.h, is the
draft.  Where it can, format.c compares the bytes with the run-time module's own structs."""
import os
import struct

from harness import BUILD, expect_equal, read, run, scratch

IRELATIVE = 37
SLOTS = {32: 0x41000000, 64: 0x3000000000}
MAGIC = 0x354e4c50


def name_hash(name):
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xffffffff
    return value


def wanted(word, rela, front):
    """The draft of format.c, as it prints it."""
    slots, lines = SLOTS[word], []
    addend = (lambda value: f"{value & 0xffffffffffffffff:x}") if rela else (lambda value: "0")
    for i in range(5):
        own = front if i == 0 else 0
        at = (slots if i in (2, 3) else 0) + 0x1000 * i
        digest = 0x1122334455667788 * i & (1 << 64) - 1
        stamp = (0, 0) if i == 0 else (0x01020304 * i, 0xf0e0d0c0 + i) if i in (2, 3) else (digest & 0xffffffff, digest >> 32)
        guessed = 1 if i == 2 else 0
        lines.append(f"object {at:x} {stamp[0]:x} {stamp[1]:x} {i % 3:x} {1 << i:x} {guessed:x} 2")
        if i in (1, 4):
            lines.append(f"identity {digest:x} {0x99aabbccddeeff00 + i:x} 2a8 14 {int(i == 4):x}")
        if i == 4:
            lines += ["closure 3", "closure 4"]
        lines += [f"value {0x100 + i + own:x} 12345678 0", f"value {0x300 + i + own:x} {slots + 0x6000:x} 0",
                  f"fixup {0x200 + i + own:x} {0x5000 + front:x} 0", f"fixup {0x400 + i + own:x} 7000 4",
                  f"residual {0x500 + i + own:x} 7 6 {addend(-8)}",
                  f"residual {0x600 + i + own:x} 0 {IRELATIVE:x} {addend(0x8000 + own)}"]
        if i == 3:
            lines.append(f"residual 900 abcdef 1 {addend(0x10)}")
        if i == 2:
            lines.append("ifunc a00 0")
        lines.append(f"ifunc {0x700 + i + own:x} 1")
    lines += [f"name {name_hash('liba.so') + i:x}" for i in range(3)]
    lines += [f"resolver {slots + 0xb00 + i:x} {slots + 0xc00 + i:x}" for i in range(3)]
    return lines


class Reader:
    """plan_format.h, once more."""

    def __init__(self, data, word, order, rela):
        self.data, self.order, self.word, self.rela = data, "<" if order == "l" else ">", word, rela
        self.address = "I" if word == 32 else "Q"

    def records(self, table, form):
        offset, count = table
        form = self.order + form.replace("A", self.address)
        expect_equal(offset % 8, 0, "the alignment of a table")
        return [struct.unpack_from(form, self.data, offset + i * struct.calcsize(form)) for i in range(count)]

    def residual(self, table):
        for offset, info, *addend in self.records(table, "AAA" if self.rela else "AA"):
            symbol, kind = (info >> 8, info & 0xff) if self.word == 32 else (info >> 32, info & 0xffffffff)
            addend = addend[0] if addend else 0
            if self.word == 32 and addend >> 31:
                addend |= 0xffffffff00000000
            yield f"residual {offset:x} {symbol:x} {kind:x} {addend:x}"

    def lines(self):
        magic, size, *rest = self.records((0, 1), "13I")[0]
        expect_equal((magic, size), (MAGIC, len(self.data)), "magic and size")
        objects, (startup, unplaced, scope), names, resolvers = rest[:2], rest[2:5], rest[5:7], rest[7:9]
        yield f"plan {size:x} {startup:x} {unplaced:x} {scope:x}"
        for dynamic, low, high, way, flags, identity, *tables, guessed, certain, block, _ in self.records(
                objects, "AIIHHI10I4I"):
            yield f"object {dynamic:x} {low:x} {high:x} {way:x} {flags:x} {guessed:x} {certain:x}"
            if identity:
                digest, headers, content, size, symbols = self.records((identity, 1), "QQQII")[0]
                yield f"identity {digest:x} {headers:x} {content:x} {size:x} {symbols:x}"
            expect_equal(block, 0, "what only a store has")
            closure, value, fixup, residual, ifunc = (tables[i:i + 2] for i in range(0, 10, 2))
            yield from (f"closure {index:x}" for index, in self.records(closure, "I"))
            yield from (f"value {at:x} {word:x} 0" for at, word in self.records(value, "AA"))
            yield from (f"fixup {at:x} {offset:x} {index:x}" for at, offset, index, _ in self.records(fixup, "AAII"))
            yield from self.residual(residual)
            yield from (f"ifunc {at:x} {index:x}" for at, index, _ in self.records(ifunc, "AII"))
        yield from (f"name {value:x}" for value, in self.records(names, "I"))
        yield from (f"resolver {at:x} {guess:x}" for at, guess, _, _ in self.records(resolvers, "AAII"))


plan = os.path.join(scratch(), "plan")
count = 0
for word in 32, 64:
    for order in "l", "b":
        for rela in False, True:
            for front in 0, 0x3000:
                what = f"{word} bits, {'big' if order == 'b' else 'little'}-endian, {'RELA' if rela else 'REL'}, front {front:#x}"
                said = run([os.path.join(BUILD, "tests/plan/format"), word, order, int(rela), front, plan]).stdout.splitlines()
                size = f"plan {len(read(plan)):x} 3 4 2"
                expect_equal(said, [size, *wanted(word, rela, front)], f"{what}: read back")
                expect_equal(list(Reader(read(plan), word, order, rela).lines()), said, f"{what}: the second reader")
                count += 1
print(f"{count} forms of a plan are what they have to be")
