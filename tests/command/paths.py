#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages name a path that can be opened from where prelink was started, and each thing is said once."""
import os
import re

import graph
from harness import expect, expect_equal, prelink, read, scratch, write

root = graph.Root(scratch())
common = root.library("common")
program = root.program("prog", [common])
at = ["--root", root.path]


def said(*arguments, about, status=1):
    """What PRELINK says on standard error: one line, which names the file ABOUT, inside the root, from outside."""
    lines = prelink(*at, *arguments, status=status).stderr.splitlines()
    expect_equal(len(lines), 1, f"lines that {arguments} says: {lines}")
    named = re.match(r"prelink: (\S+): ", lines[0])
    expect(named and named[1] == root.path + about and os.path.exists(named[1]), f"{arguments}: {lines[0]!r}")
    return lines[0]


expect("multiple of 0x1000" in said("-r", "0x123", common, about=common), "-r: not why")
said("-r", "0x10000000", program, about=program)

# A file that ends too early: what is wrong with it is said, and nothing else.
cut = "/usr/lib/t/libcut.so"
write(root.path + cut, read(root.path + common)[:300])
expect("not a dynamic ELF" not in said(cut, about=cut), "a truncated file is called something else, too")
said("-u", cut, about=cut)
text = "/usr/lib/t/text"
write(root.path + text, "no object at all")
expect("not a dynamic ELF" in said(text, about=text), "a text is not called what it is")

# Not what was gathered, when it is bound: no room among the addresses, with a name for who needs it.
big = root.library("big", needed=[common])
data = bytearray(read(root.path + big))
at += ["-b", "libcommon.so"]
header = max(offset for offset in range(64, 64 + 56 * 8, 56) if data[offset:offset + 4] == b"\1\0\0\0")
data[header + 40:header + 48] = (1 << 45).to_bytes(8, "little")  # p_memsz
write(root.path + big, bytes(data))
said(big, about=big, status=0)
