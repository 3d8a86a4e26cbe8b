#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What another prelink prelinked, its record beside (.gnu.prelink_undo alone), is told as such by each mode, with what to
type, and stays as it is; its cache counts for nothing, and all else is prelinked and given back."""
import json
import os
import struct

import whole_root
from harness import expect, expect_equal, need, notegen, prelink, read, run, scratch, write

need("objcopy", "readelf", "chroot")
root = whole_root.root_of("small")
LIBRARY, PROGRAM = os.path.realpath(root + "/usr/lib/x86_64-linux-gnu/libtinfo.so.6"), root + "/usr/bin/grep"


def place(path, content):
    write(path + ".new", content)
    os.chmod(path + ".new", os.stat(path).st_mode)
    os.rename(path + ".new", path)


def others_program(path):
    """As that prelink leaves a program: the original's headers, and what ld.so was to read."""
    data, parts = read(path), scratch()
    shoff, = struct.unpack_from("<Q", data, 40)
    phnum, shnum = struct.unpack_from("<H", data, 56)[0], struct.unpack_from("<H", data, 60)[0]
    write(parts + "/undo", data[:64 + 56 * phnum] + data[shoff + 64:shoff + 64 * shnum])
    write(parts + "/list", bytes(20 * 3))
    run(["objcopy", "--add-section", f".gnu.prelink_undo={parts}/undo", "--add-section", f".gnu.liblist={parts}/list",
         "--add-section", f".gnu.libstr={parts}/list", "--add-section", f".gnu.conflict={parts}/list", path, parts + "/out"])
    return read(parts + "/out")


# A library that is at its slot, stamped, with its headers kept, and without what else our record has.
whole_root.prelink_all(root)
moved = read(LIBRARY)
expect(b"\0.prelink.undo\0" in moved and b"\0.gnu.prelink_undo\0" in moved, "the library is not prelinked")
whole_root.undo_all(root)
place(LIBRARY, moved.replace(b"\0.prelink.undo\0", b"\0.no.such.name\0"))
place(PROGRAM, others_program(PROGRAM))
tags = run(["readelf", "-dW", LIBRARY]).stdout
expect("(GNU_PRELINKED)" in tags and "(CHECKSUM)" in tags, f"the library has no stamp: {tags}")
write(root + "/etc/prelink.cache", b"prelink-ELF0.5.0" + bytes(200))
kept = {path: read(path) for path in (LIBRARY, PROGRAM)}


def check(what, *arguments, status=0, said=1):
    """SAID: how often standard error has it; what to type is with it."""
    done = prelink("--root", root, *arguments, status=status)
    lines = [line for line in done.stderr.splitlines() if "another prelink" in line]
    expect_equal(len(lines), said, f"{what}: lines that tell it:\n{done.stderr}")
    expect(all("-u" in line and "package" in line for line in lines), f"{what}: no word of what to do: {lines}")
    for path, content in kept.items():
        expect(read(path) == content, f"{what}: {path} is another file now")
    return done.stdout


REASON = "another prelink prelinked it, whose -u gives it back, as does its package installed again"
expect(f"      2  {REASON}" in check("-an", "-a", "-n", said=0), "-an has no count of them")
expect(f"{LIBRARY[len(root):]}: {REASON}" in check("-anv", "-a", "-n", "-v", said=0), "-anv does not name the library")
check("a whole run", "-a", said=0)
expect("undone" in check("-ua", "-ua") and not os.path.exists(root + "/etc/prelink.cache"), "-ua did not end")
for path in LIBRARY, PROGRAM:
    check("the file", path, status=1)
    check("-u", "-u", path, status=1)
    check("-u -o", "-u", "-o", root + "/out", path, status=1)
    expect_equal(check("-y", "-y", path, status=1), "", "-y")
check("the directory", "-u", os.path.dirname(PROGRAM))
row, = json.loads(check("--status", "--status", "--json", PROGRAM, status=1, said=0))
expect_equal((row["state"], row["reason"]), ("no plan", REASON), "--status")
write(root + "/grep.yaml", "manifest: 1\napplication: grep\nhosts:\n  - path: /usr/bin/grep\nplugins:\n  - feature: f\n"
      "    path: /usr/lib/**/libm.so.6\n")
done = notegen("add", "--root", root, "--manifest", root + "/grep.yaml", "/usr/bin/grep", status=1)
expect("with the prelink that did it" in done.stderr, f"notegen add: {done.stderr}")
run(["chroot", root, "/bin/bash", "-c", "echo word | grep word"])
whole_root.expect_no_temporaries(root)
