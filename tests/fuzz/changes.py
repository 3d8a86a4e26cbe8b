# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fuzzers put in the place of numbers in files, and an ld.so.cache to put it into."""
import struct

VALUES = [0, 1, 2, 3, 7, 8, 0x7f, 0xff, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000, 0xfffff, 0x7fffffff, 0x80000000,
          0xffffffff, 1 << 32, 1 << 37, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def change(chance, data, start, end, most=6):
    """DATA with a few words between START and END changed."""
    data = bytearray(data)
    for _ in range(chance.randrange(1, most)):
        width = chance.choice((1, 2, 4, 8))
        at = start + chance.randrange(max(1, (end - start) // width)) * width
        if at + width <= len(data):
            data[at:at + width] = (chance.choice(VALUES) & (1 << 8 * width) - 1).to_bytes(width, "little")
    return bytes(data)


def ld_cache(count, distinct):
    """One of COUNT entries with DISTINCT names, of libraries that are nowhere."""
    strings, entries = bytearray(), b""
    base = 48 + 24 * count
    for i in range(count):
        key = base + len(strings)
        strings += b"libnone%d.so\0" % (i % distinct)
        entries += struct.pack("<iIIIQ", 0x303, key, key, 0, 0)
    return b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xIIII", count, len(strings), 2, 0, 0, 0, 0) + entries + strings
