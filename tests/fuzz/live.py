#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody writes to his files all the time while they are read: to hash tables, versions, string tables, dynamic sections,
relocations, notes, undo records and plans, each word now this and now that.  -a, -y, --status, -p, -u and -ua come to an
end in 10 seconds of processor time and 512 MB, all other files are prelinked and undone as ever, and what replaces a file
of his can be undone, to bytes that were in it.

2 rounds; 40 with LONG=1, or ROUNDS=N.  SEED=N for others than the first."""
import os
import random
import struct
import subprocess
import zlib

from elf import Elf
from guarded_tree import SOUND, Trees
from harness import compile_c, expect, prelink, read, tool, write
from shaped_elf import Shape

# Each line of standard input: width, offset, a value, another, path.  Until it is killed, each place in turn gets one of its
# values.  That a page is written to for the first time shows in the file's times: all were, when it has begun.
WRITER = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
static struct { unsigned char *at; int width; unsigned long value[2]; } place[100000];
int main(void)
{
	char path[4096], last[4096] = "";
	unsigned long offset, count = 0, chance = 88172645463325252ul;
	unsigned char *data = NULL;
	while (scanf("%d %lu %lu %lu %4095s", &place[count].width, &offset, &place[count].value[0],
		     &place[count].value[1], path) == 5) {
		if (strcmp(path, last)) {
			struct stat st;
			int fd = open(strcpy(last, path), O_RDWR);
			if (fstat(fd, &st) ||
			    (data = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED)
				abort();
			close(fd);
		}
		place[count++].at = data + offset;
	}
	for (unsigned long i = 0; i < count; i++)
		memcpy(place[i].at, &place[i].value[0], place[i].width);
	puts("begun");
	fflush(stdout);
	for (;;) {
		chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
		unsigned long i = chance % count;
		memcpy(place[i].at, &place[i].value[chance >> 60 & 1], place[i].width);
	}
}
"""
# What somebody has open for writing is not replaced.  In prelink: the writer ends right before the AT-th file is held.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int held;
int fcntl64(int fd, int what, ...)
{
	int (*next)(int, int, ...) = dlsym(RTLD_NEXT, "fcntl64");
	va_list rest;
	va_start(rest, what);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (what == F_SETLEASE && __atomic_add_fetch(&held, 1, __ATOMIC_RELAXED) == atoi(getenv("AT"))) {
		int process = syscall(SYS_pidfd_open, atoi(getenv("WRITER")), 0);
		struct pollfd gone = { .fd = process, .events = POLLIN };
		kill(atoi(getenv("WRITER")), SIGKILL);
		poll(&gone, 1, -1);
		close(process);
	}
	return next(fd, what, argument);
}
int fcntl(int fd, int what, ...) __attribute__((alias("fcntl64")));
"""
VALUES = [0, 1, 3, 0x7f, 0xfff, 0x7fffffff, 0xfffffff0, 0xffffffff, 1 << 37, (1 << 63) - 1, (1 << 64) - 16]
MIDDLING, LARGE = 1 << 20, 34 << 20  # of a large file, what is rewritten has its pages in common with it


def shape_of(chance, number):
    shape = Shape(soname=f"liblive{number}.so", needed=["libsound.so", "liblive0.so"][:1 + number % 2],
                  symbols=["s%d" % i for i in range(60)], references=["f%d" % i for i in range(60)], relocs=300,
                  relr=chance.choice((0, 3)), hashes=(("gnu",), ("sysv",), ("gnu", "sysv"))[number % 3], versions=9,
                  note='[{"path":"/usr/lib/plugins/*.so"}]', runpath="$ORIGIN:/usr/lib", buckets=7)
    return shape.program() if number % 4 == 3 else shape


class Victims:
    """Files of his, each with the places that he writes to, (width, offset, a value, another).  Of the first two that is only
    what nobody looks into, so that they are often replaced."""

    def __init__(self, chance, root):
        self.chance, self.places, self.root = chance, {}, root
        for number in range(8):
            shape, path = shape_of(chance, number), f"{root}/usr/lib/liblive{number}.so"
            shape.write(path)
            if number < 2:
                size = (MIDDLING, LARGE)[number]
                end, data = grow(path, size), read(path)
                self.places[path] = [self.place(chance, data, chance.randrange(end, size - 4096) & -4, "<I") for _ in range(40)]
                continue
            names = list(shape.fields)
            groups = sorted({name.split("[")[0].split(".")[0] for name in names})
            chosen = {chance.choice([n for n in names if n.split("[")[0].split(".")[0] == group])
                      for group in chance.choices(groups, k=chance.choice((1, 2, 3, 12)))}
            self.places[path] = [self.place(chance, read(path), *shape.fields[name]) for name in sorted(chosen)]
        for number, source in enumerate(SOUND):  # prelinked ones: records, plans, headers that come with them
            path, data = f"{root}/bad/pre{number}", trees.prelinked[source]
            write(path, data)
            os.chmod(path, 0o755)
            record = data.rindex(b"PRELUNDO")
            spans = [(record, record + 200), (0, 900), (64, len(data))]
            self.places[path] = [self.place(chance, data, chance.randrange(*chance.choice(spans)) & -4, "<I") for _ in range(chance.choice((1, 2, 9)))]
        self.first = {path: read(path) for path in self.places}
        self.inodes()

    @staticmethod
    def place(chance, data, offset, form):
        width = struct.calcsize(form)
        old = int.from_bytes(data[offset:offset + width], "little")
        new = chance.choice((*VALUES, old + 1, old - 1, old + 24, old ^ 1 << chance.randrange(8 * width)))
        return width, offset, old, new & (1 << 8 * width) - 1

    def inodes(self):
        """Notes which files are there now."""
        self.inode = {path: os.stat(path).st_ino for path in self.places}

    def allowed(self, path, data):
        """True if DATA is what was in the file at first but for places of which each has one of its two values."""
        seen, there = bytearray(data), bytearray(self.first[path])
        if len(seen) != len(there):
            return False
        for width, offset, *values in self.places[path]:
            for at in range(offset, offset + width):  # bytes may be torn
                if seen[at] in {value >> 8 * (at - offset) & 0xff for value in values}:
                    seen[at] = there[at] = 0
        return seen == there

    def __enter__(self):
        self.writer = subprocess.Popen([trees.here + "/writer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for path, places in self.places.items():
            for place in places:
                print(*place, path, file=self.writer.stdin)
        self.writer.stdin.close()
        os.environ.update(WRITER=str(self.writer.pid), AT=str(self.chance.choice((0, 1, 1, 1, 2, 5))))
        expect(self.writer.stdout.readline() == "begun\n", "the writer did not begin")

    def __exit__(self, *_):
        self.writer.kill()
        self.writer.wait()

    def check(self, what):
        """What has replaced a file of his leads back to what was in it."""
        for path, inode in self.inode.items():
            if os.stat(path).st_ino == inode:
                continue
            replaced[what] = replaced.get(what, 0) + 1
            data = read(path)
            if b"PRELUNDO" in data:
                expect(crc_of(path, data), f"{what}: {path} was written, and is not what its record says")
                prelink("--root", self.root, "-u", "-o", trees.here + "/undone", path[len(self.root):])
                data = read(trees.here + "/undone")
            if path.startswith(self.root + "/bad/pre"):
                expect(data in originals, f"{what}: {path} was undone, and is no original")
            else:
                expect(self.allowed(path, data), f"{what}: {path} has bytes that were never in it")


def grow(path, size):
    """Makes the file SIZE bytes, of a section that is not loaded before its section headers; where that section is."""
    data = bytearray(read(path))
    at, = struct.unpack_from("<Q", data, 40)
    count, = struct.unpack_from("<H", data, 60)
    headers, start = data[at:at + 64 * count], len(data)
    data += b"\1" * (size - start)
    headers += struct.pack("<IIQQQQIIQQ", 0, 1, 0, 0, start, size - start, 0, 0, 1, 0)
    struct.pack_into("<Q", data, 40, size)
    struct.pack_into("<H", data, 60, count + 1)
    write(path, bytes(data + headers))
    return start


def crc_of(path, data):
    """True if DATA, a prelinked file's, has the CRC that its undo record gives (undo_record.h)."""
    record, stored, zeroed = data.rindex(b"PRELUNDO"), None, bytearray(data)
    for at, tag, value in Elf(path, data).entries:
        if tag == 0x6ffffdf8:  # DT_CHECKSUM
            stored, zeroed[at + 8:at + 16] = value, bytes(8)
    crc, = struct.unpack_from("<I", data, record + 12)
    zeroed[record + 12:record + 16] = bytes(4)
    return zlib.crc32(bytes(zeroed)) == crc and stored in (None, crc)


trees, replaced = Trees(), {}
originals = [read(trees.master + path) for path in SOUND]
compile_c(WRITER, trees.here + "/writer", "-O2")
shim = compile_c(SHIM, trees.here + "/shim.so", "-shared", "-fPIC", "-w")
seed = int(os.environ.get("SEED", 1))
rounds = int(os.environ.get("ROUNDS", 40 if os.environ.get("LONG") else 2))
for number in range(rounds):
    chance = random.Random(seed * 1000003 + number)
    root, what = trees.fresh(), f"seed {seed}, round {number}"
    victims = Victims(chance, root)
    command = ["env", "LD_PRELOAD=" + shim, tool("prelink"), "--root", root]
    inside = [path[len(root):] for path in victims.places]
    with victims:
        text = trees.run(f"{what}, -a", *chance.choice(([], ["-m"], ["-q"])), LD_PRELOAD=shim)
    trees.check(what, text, same=False)
    victims.check(f"{what}, -a")
    victims.inodes()
    with victims:
        for words in ["-y", "--md5", *inside], ["--status", "-a", "--with-plugins"], ["-p"], ["--advise", "-a"]:
            trees.command(f"{what}, {words[0]}", [*command, *words])
        trees.command(f"{what}, -u", [*command, "-u", *inside])
    victims.check(f"{what}, -u")
    victims.inodes()
    with victims:
        trees.undo(f"{what}, -ua", LD_PRELOAD=shim)
    victims.check(f"{what}, -ua")
kinds = {}
for what, count in replaced.items():
    kinds[what.split(", ")[-1]] = kinds.get(what.split(", ")[-1], 0) + count
print(f"seed {seed}, {rounds} rounds: files of his that were replaced: {kinds}; most "
      + ", ".join(f"{n}: {v:.1f} ({w})" for n, (v, w) in trees.worst.items()))
expect(set(kinds) >= {"-a"}, "none of his files was ever replaced: this tests too little")
