#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the C library's IFUNC resolvers choose is guessed in the files, and asked again in each process: memory is what
ld.so makes of it also where the processor is told to be another one."""
import os
import re

import rooted
import whole_root
from harness import expect, expect_equal, need, run, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("python")
rooted.install_module(root)
whole_root.add_notes(root)
whole_root.prelink_all(root)
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
COMMAND = ["python3", "-c", "import numpy, lxml.etree, ssl, sqlite3; print(numpy.ones(3).sum())"]
same_libc = run(["readelf", "-n", root + LIBC]).stdout.count(
    re.search(r"Build ID: (\w+)", run(["readelf", "-n", os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")]).stdout)[1])
if not same_libc:
    skip("the root's C library is another than this machine's: nothing is guessed")
dirty = {}
for tunables in ("", "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F_Usable,-AVX512F,-ERMS,-AVX_Fast_Unaligned_Load",
                 "glibc.cpu.hwcaps=-SSSE3,-SSE4_1,-SSE4_2,-AVX,-AVX2,-BMI2"):
    environment = {"GLIBC_TUNABLES": tunables} if tunables else {}
    done = rooted.start(root, COMMAND, PRELINK_RTLD="verbose", **environment)
    expect_equal((done.returncode, done.stdout), (0, "3.0\n"), f"{COMMAND} with {tunables!r}\n{done.stderr[-500:]}")
    levels = {level for _, level, _ in rooted.levels_of(done)}
    expect_equal(levels, {"full"}, f"levels with {tunables!r}")
    objects, pages, _, _ = rooted.compare_images(root, COMMAND, **environment)
    dirty[tunables] = rooted.dirty_of(root, COMMAND, **environment)
    print(f"{tunables or 'as it is'}: {objects} objects, {pages} pages the same; {dirty[tunables]} KB dirty by relocation")
wrong = [kb for name, kb in dirty.items() if name]
expect(max(wrong) > dirty[""], f"no guess was ever wrong, or none right: {dirty}")
