#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing that a file says is run: files that pass for this machine's C library, or nearly are it, name one of its
functions, abort(), as an IFUNC resolver, in each way that a file can; prelink must outlive reading them.  And what the
library's real resolvers chose is still guessed, in a file whose code is that library's and in no other."""
import os
import re
import shutil
import struct

from harness import compile_c, expect, expect_equal, need, prelink, read, run, scratch, skip, write
from elf import Elf, to_bend

LIBC = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
LOADER = "/lib64/ld-linux-x86-64.so.2"
CLIENT = """
#include <string.h>
void *(*pointer)(void *, const void *, size_t) = memcpy;
unsigned long f(const char *s) { return strlen(s) + (strchr(s, 1) != 0); }
"""
MADE = """
void *resolver(void) { return 0; }
static void function(void) __attribute__((ifunc("resolver")));
void *pointers[4] = { function };
"""


def irelative(path):
    """[(word, resolver, file offset of the record)] of the IRELATIVE relocations in PATH."""
    found, table, at = [], 0, 0
    for line in run(["readelf", "-rW", path]).stdout.splitlines():
        start = re.match(r"Relocation section .* at offset 0x(\w+)", line)
        if start:
            table, at = int(start[1], 16), -1
        elif re.match(r"[0-9a-f]{16} ", line):
            at += 1
            words = line.split()
            if words[2] == "R_X86_64_IRELATIV" or words[2] == "R_X86_64_IRELATIVE":
                found.append((int(words[0], 16), int(words[3], 16), table + 24 * at))
    return found


def made(path):
    """A library of a few functions with the name and the build-id of this machine's C library."""
    build_id = re.search(r"Build ID: (\w+)", run(["readelf", "-n", LIBC]).stdout)[1]
    compile_c(MADE, path, "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", f"-Wl,--build-id=0x{build_id}")
    _, _, record = irelative(path)[0]
    data = bytearray(read(path))
    struct.pack_into("<Q", data, record + 16, ABORT)
    write(path, bytes(data))


def one_relocation(path):
    data = bytearray(read(LIBC))
    for _, _, record in irelative(LIBC):
        struct.pack_into("<Q", data, record + 16, ABORT)
    write(path, bytes(data))


def one_symbol(path):
    shutil.copy(LIBC, path)
    bent = to_bend(path)
    for name in ("memcpy", "strlen", "strchr"):
        bent.symbol(name, value=ABORT)
    bent.save()


def other_code(path):
    """One byte of a function that is no resolver."""
    data = bytearray(read(LIBC))
    data[CODE + 3] ^= 1
    write(path, bytes(data))


def same(path):
    shutil.copy(LIBC, path)


def root_with(make):
    """A root that has MAKE's C library, this machine's ld.so, and a library that asks for memcpy."""
    root = scratch()
    for directory in ("lib", "lib64", "etc", "usr/lib"):
        os.makedirs(f"{root}/{directory}")
    shutil.copy(LOADER, root + LOADER)
    make(f"{root}/lib/libc.so.6")
    compile_c(CLIENT, f"{root}/lib/libclient.so", "-shared", "-fPIC", "-fno-builtin", "-Wl,-z,now")
    write(f"{root}/etc/prelink.conf", "-l /lib\n-l /lib64\n")
    return root


def guessed(make):
    """How many words of MAKE's C library, prelinked, hold a function of it that they did not hold before."""
    root = root_with(make)
    prelink("--root", root, "-a")
    before, after = Elf(LIBC), Elf(f"{root}/lib/libc.so.6")
    slot = min(segment.vaddr for segment in after.loads())
    expect(slot, f"{make.__name__}: not prelinked")
    words = [word for word, _, _ in irelative(LIBC)]
    return sum(after.word(slot + word) - slot != before.word(word) for word in words
               if after.word(slot + word)), len(words)


need("gcc", "readelf")
if not os.path.exists(LIBC) or not irelative(LIBC):
    skip("this machine's C library is not glibc's for x86-64, or has no resolvers")
ABORT = int(re.search(r"(\w+) +\d+ FUNC .* abort@@", run(["readelf", "--dyn-syms", "-W", LIBC]).stdout)[1], 16)
CODE = ABORT  # no page before .text holds data only: file offset and address are the same there in every glibc so far
expect_equal(Elf(LIBC).offset(CODE), CODE, "offset of abort()")
runs = 0
for case in (made, one_relocation, one_symbol):
    root = root_with(case)
    library = f"{root}/lib/libc.so.6"
    here = ("-C", f"{root}/cache", "-c", f"{root}/etc/prelink.conf")
    for command in (("-n", *here, library), ("--root", root, "-n", "-a"), ("--root", root, "-n", "/lib/libclient.so"),
                    ("--root", root, "--bindings", "/lib/libclient.so"), ("--root", root, "-v", "-a"),
                    ("--root", root, "-y", "/lib/libc.so.6"), ("--root", root, "-af"), ("--root", root, "--status"),
                    ("--root", root, "-ua")):
        done = prelink(*command, status=None)
        runs += 1
        expect(done.returncode in (0, 1), f"{case.__name__}: prelink {' '.join(command)}: {done.returncode}\n"
               f"{done.stderr[-300:]}")
some, all_words = guessed(same)
expect(some > all_words // 2, f"only {some} of {all_words} words of this machine's C library were guessed")
expect_equal(guessed(other_code)[0], 0, "words guessed in a C library whose code is another")
print(f"{runs} runs over files that pass for the C library; {some} of {all_words} words guessed in the real one")
