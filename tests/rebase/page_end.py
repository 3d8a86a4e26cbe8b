#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page in which a library's data ends: after ld.so has loaded a moved library, the kernel says that this page is the
file's still, and .bss is all zeros, whatever was behind .data in the file.  With .bss in one page, over several,
and too large; with short and long things behind; original and other readers as ever."""
import os
import re

from harness import compile_c, expect, expect_equal, need, read, run, scratch
from rewriting import Rewriter

LIBRARY = """
int data[3000] = { 1, 2, 3 }; /* no relocation writes here */
char bss[%d];
char *bss_of(void) { return bss; }
int *last_word(void) { return &data[2999]; }
"""
# Prints, before anything else is touched: whether .bss is zero; and whether the last page of .data is shared with
# the file (bit 61 of /proc/PID/pagemap) once it has been read.
LOADER = r"""
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	void *h = dlopen(argv[1], RTLD_NOW);
	if (!h) { puts(dlerror()); return 1; }
	int *last = ((int *(*)(void))dlsym(h, "last_word"))();
	volatile int value = *last;
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, &entry, 8, (uintptr_t)last / 4096 * 8) != 8) return 2;
	char *bss = ((char *(*)(void))dlsym(h, "bss_of"))();
	int dirt = 0;
	for (int i = 0; i < atoi(argv[2]); i++) dirt += bss[i];
	printf("%s %d %d\n", entry >> 61 & 1 ? "file" : "copied", dirt, value);
	return argc < 3;
}
"""


def file_end(path):
    """(does the file part of the last PT_LOAD end on a page, or with the segment)"""
    last = [line.split() for line in run(["readelf", "-lW", path]).stdout.split("\n") if line.strip().startswith("LOAD")][-1]
    address, filesz, memsz = (int(last[k], 16) for k in (2, 4, 5))
    return (address + filesz) % 4096 == 0 or filesz == memsz


def complaints(path):
    """What eu-elflint says, without numbers, which moving changes."""
    text = run(["eu-elflint", "--gnu-ld", path], status=None).stdout
    return {re.sub(r"0x[0-9a-f]+|\[ *\d+\]", "", line) for line in text.split("\n")} - {"No errors"}


need("gcc", "eu-elflint", "objcopy", "strip")
directory = scratch()
rewriter = Rewriter()
loader = compile_c(LOADER, os.path.join(directory, "loader"), "-ldl")
address, filled = 0x3000000000, 0
for size in (1, 100, 5000, 40000, 200000):
    for way in ("stripped", "symbols", "long comment", "too long comment"):
        source = os.path.join(directory, f"{size}-{way}.so".replace(" ", "_"))
        compile_c(LIBRARY % size, source, "-shared", "-fPIC", "-O1", "-Wl,-z,now")
        if way != "symbols":
            run(["strip", source])
        if "comment" in way:
            text = os.path.join(directory, "text")
            with open(text, "wb") as file:
                file.write(b"\xff" * (5000 if way == "long comment" else 100000))
            run(["objcopy", f"--update-section=.comment={text}", source])
        moved = source + ".moved"
        expect_equal(rewriter.move(source, moved, address), "ok", f"{source}: moving it")
        what = f"{size} bytes of .bss, {way}"
        should = size < 65536 and way != "too long comment"
        seen = run([loader, moved, size]).stdout.split()
        expect_equal(seen, ["file" if should else "copied", "0", "0"], f"{what}: last page of .data, sum of .bss, last word")
        expect_equal(run([loader, source, size]).stdout.split()[0], "copied", f"{what}: the original's page")
        expect(file_end(moved) == should or not should, f"{what}: the file part does not end where it should")
        new = complaints(moved) - complaints(source)
        expect(not new, f"{what}: eu-elflint says {new}")
        if way != "stripped":
            dump = ["readelf", "-p", ".comment"]
            expect_equal(run([*dump, moved]).stdout.replace(moved, ""), run([*dump, source]).stdout.replace(source, ""),
                         f"{what}: .comment")
        expect_equal(rewriter.undo(moved, source + ".back"), "ok", f"{what}: undoing it")
        expect(read(source + ".back") == read(source), f"{what}: undo gives other bytes")
        filled += should
        address += 0x400000
said = rewriter.close()
expect(not said, said)
print(f"{filled} of 20 libraries keep their last page of data")
