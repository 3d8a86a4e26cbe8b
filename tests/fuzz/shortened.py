#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""1,500 libraries that their owner makes shorter while they are mapped, all of them at the same time: the others are done,
and no signal ends the run, without /proc, too."""
import os

from guarded_tree import Trees
from harness import compile_c, expect
from shaped_elf import Shape

COUNT = 1500
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct { ino_t file; int mapped; } seen[100000];

/* A file of 333,000 seconds after 1970 is cut at the mapping of it that TIMES says. */
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
	void *result = next(at, size, prot, flags, fd, offset);
	char name[64] = "/proc/self/fd/", path[4096];
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || st.st_mtime != 333000)
		return result;
	if (__atomic_add_fetch(&seen[st.st_ino % 100000].mapped, 1, __ATOMIC_RELAXED) != atoi(getenv("TIMES")))
		return result;
	for (int digit = 10000, end = strlen(name); digit; digit /= 10)
		name[end++] = '0' + fd / digit % 10;
	strcpy(name + 14, name + 14 + strspn(name + 14, "0"));
	ssize_t length = readlink(name, path, sizeof path - 1);
	path[length < 0 ? 0 : length] = 0;
	if (truncate(path, 0))
		abort();
	return result;
}
void *mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return mmap(at, size, prot, flags, fd, offset);
}
int open64(const char *name, int flags, ...)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
	if (strncmp(name, "/proc/self/maps", 15) == 0) {
		errno = ENOENT;
		return -1;
	}
	return next(name, flags, 0600);
}
int open(const char *name, int flags, ...)
{
	return open64(name, flags);
}
"""

trees = Trees()
shim = trees.here + "/shim.so"
compile_c(SHIM, shim, "-shared", "-fPIC", "-w")
cut = 0
for times in (1, 2, 3):
    root = trees.fresh()
    for i in range(COUNT):
        path = f"{root}/usr/lib/libcut{i}.so"
        Shape(soname=f"libcut{i}.so", needed=[f"libcut{i - i % 300 + 1}.so"] if i % 300 != 1 else [],
              references=["shaped"]).write(path)
        os.utime(path, (333000, 333000))
    text = trees.run(f"cut when mapped for the {times}. time", "-j2", LD_PRELOAD=shim, TIMES=str(times))
    trees.check("1,500 that were cut", text, same=False)
    cut = max(cut, sum(os.path.getsize(f"{root}/usr/lib/libcut{i}.so") == 0 for i in range(COUNT)))
expect(cut > 1024, f"{cut} files were cut: this tests nothing")
print(f"{cut} files were cut in one run; {trees.worst}")
