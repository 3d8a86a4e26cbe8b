#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every system call that replacing a file takes fails once, and the file is changed under our hands at the worst
moment: one line, exit status 1, the old file untouched, nothing left beside it.  Where the kernel does not copy, says that
there is nothing to copy, copies and writes a part at a time, or is interrupted, the new file is the same."""
import os
import shutil
import subprocess

import notes
from harness import compile_c, expect, expect_equal, need, read, run, scratch, tool

# FAULT=NAME makes the call NAME fail with EIO.  CHANGE=PATH makes fsync change PATH first, in the way HOW says.
# COPY=cannot, nothing, part or interrupted: what copy_file_range does; PART=1: no call writes more than 100,000 bytes.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int faulty(const char *name)
{
	const char *fault = getenv("FAULT");
	if (!fault || strcmp(fault, name))
		return 0;
	errno = EIO;
	return 1;
}
#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, parameters, ...)                     \\
	type name parameters                                  \\
	{                                                     \\
		return faulty(#name) ? -1 : REAL(name)(__VA_ARGS__); \\
	}
WRAP(int, flock, (int a, int b), a, b)
WRAP(ssize_t, pwrite, (int a, const void *b, size_t c, off_t d), a, b, getenv("PART") && c > 100000 ? 100000 : c, d)
ssize_t copy_file_range(int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f)
{
	static int calls;
	const char *copy = getenv("COPY") ? getenv("COPY") : "";
	if (faulty("copy_file_range"))
		return -1;
	errno = strcmp(copy, "cannot") ? EINTR : EXDEV;
	if (!strcmp(copy, "cannot") || (!strcmp(copy, "interrupted") && ++calls % 2))
		return -1;
	if (!strcmp(copy, "nothing"))
		return 0;
	return REAL(copy_file_range)(a, b, c, d, !strcmp(copy, "part") && e > 99991 ? 99991 : e, f);
}
WRAP(int, ftruncate, (int a, off_t b), a, b)
WRAP(ssize_t, flistxattr, (int a, char *b, size_t c), a, b, c)
WRAP(int, fsetxattr, (int a, const char *b, const void *c, size_t d, int e), a, b, c, d, e)
WRAP(int, fchown, (int a, uid_t b, gid_t c), a, b, c)
WRAP(int, fchmod, (int a, mode_t b), a, b)
WRAP(int, futimens, (int a, const struct timespec b[2]), a, b)
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), a, b, c, d, e)
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
int openat(int a, const char *b, int c, ...)
{
	va_list rest;
	va_start(rest, c);
	int mode = va_arg(rest, int);
	va_end(rest);
	if ((c & (O_TMPFILE | O_CREAT)) && faulty("openat"))
		return -1;
	return REAL(openat)(a, b, c, mode);
}
int fsync(int a)
{
	const char *change = getenv("CHANGE"), *how = getenv("HOW");
	struct stat st;
	int fd = a;
	if (fstat(fd, &st))
		return -1;
	if (change && S_ISREG(st.st_mode)) {
		if (!strcmp(how, "append") && (a = open(change, O_WRONLY | O_APPEND)) >= 0)
			if (write(a, "x", 1) != 1)
				abort();
		if (!strcmp(how, "mode"))
			chmod(change, 0700);
		if (!strcmp(how, "replace"))
			rename(getenv("WITH"), change);
		if (!strcmp(how, "remove"))
			unlink(change);
	}
	/* Of a directory it comes last, when nothing can be taken back. */
	if (S_ISREG(st.st_mode) && faulty("fsync"))
		return -1;
	return REAL(fsync)(fd);
}
"""
CALLS = ["openat", "flock", "copy_file_range", "pwrite", "ftruncate", "flistxattr", "fsetxattr", "fchown", "fchmod",
         "futimens", "fsync", "linkat", "renameat2"]


def state(tree):
    return {name: (notes.identity(os.path.join(tree, name)), read(os.path.join(tree, name))) for name in os.listdir(tree)}


def add(tree, directory, shim, **environment):
    described = notes.manifest(os.path.join(directory, "faults.yaml"), [os.path.join(tree, "file")])
    return subprocess.run([tool("notegen"), "add", "--manifest", described, os.path.join(tree, "file")],
                          env={**os.environ, "LD_PRELOAD": shim, **environment}, stderr=subprocess.PIPE, text=True)


def new_tree(directory, original, links):
    tree = os.path.join(directory, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)
    shutil.copy2(original, tree + "/file")
    run(["setfacl", "-m", "u:1:rx", tree + "/file"])
    if os.geteuid() == 0:
        os.chown(tree + "/file", 12, 34)
    for number in range(links):
        os.link(tree + "/file", f"{tree}/link{number}")
    return tree


def expect_refused(done, tree, what):
    lines = notes.errors(done)
    expect(done.returncode == 1 and len(lines) == 1 and tree + "/" in lines[0],
           f"{what}: expected exit status 1 and one line, seen {done.returncode} and {lines}")


# Some megabytes of a file, none of which is zero.
LARGE = r"""__asm__(".data\n .fill 900000, 4, 0x44434241\n .text"); int main(void) { return 0; }"""
# Buffers lie in one heap, and what is written behind them ends the process.
HEAP = "glibc.malloc.mmap_threshold=33554432"


def check_copies(directory, shim):
    """Whatever way the bytes go."""
    original = compile_c(LARGE, os.path.join(directory, "large"))
    wanted = None
    for how in {}, {"COPY": "part"}, {"COPY": "interrupted"}, {"COPY": "nothing"}, {"COPY": "cannot"}, \
            {"COPY": "cannot", "PART": "1"}:
        tree = new_tree(directory, original, 0)
        done = add(tree, directory, shim, **how, GLIBC_TUNABLES=HEAP)
        expect_equal((done.returncode, notes.errors(done)), (0, []), f"{how}: exit status, and what is said")
        new = read(tree + "/file")
        wanted = wanted or new
        notes.expect_appended(read(original), new, f"{how}")
        expect(new == wanted, f"{how}: another file than where the kernel copies all at once")


def main():
    need("setfacl")
    directory = os.path.realpath(scratch())
    original = compile_c("int main(void) { return 0; }", os.path.join(directory, "original"))
    shim = compile_c(SHIM, os.path.join(directory, "shim.so"), "-shared", "-fPIC", "-ldl", "-w")
    for links in (0, 2):
        for call in CALLS:
            if call == "fchown" and os.geteuid():
                continue
            tree = new_tree(directory, original, links)
            before = state(tree)
            expect_refused(add(tree, directory, shim, FAULT=call), tree, f"{call} fails, {links} more links")
            expect_equal(state(tree), before, f"the directory after {call} failed")
        for how in ("append", "mode", "replace", "remove"):
            tree = new_tree(directory, original, links)
            other = shutil.copy2(original, os.path.join(directory, "other"))
            names = sorted(os.listdir(tree))
            done = add(tree, directory, shim, CHANGE=tree + "/file", HOW=how, WITH=other)
            expect_refused(done, tree, f"the file is changed meanwhile ({how}), {links} more links")
            left = names if how != "remove" else [name for name in names if name != "file"]
            expect_equal(sorted(os.listdir(tree)), left, f"names after a change meanwhile ({how})")
            for name in left:
                data = read(os.path.join(tree, name))
                expect(data.removesuffix(b"x") == read(original).removesuffix(b"x"), f"{name} was replaced ({how})")
        tree = new_tree(directory, original, links)
        expect_equal(add(tree, directory, shim).returncode, 0, "exit status where nothing fails")
    check_copies(directory, shim)
    print(f"{len(CALLS)} calls that fail and 4 changes meanwhile, with and without hard links, "
          "6 ways to copy")


main()
