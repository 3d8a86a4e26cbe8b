#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody makes a file shorter right after it was mapped, each time that either tool maps it: lines that name the file,
exit status 1, no temporary left, every other file done, but for the program that needs it; and the next run is a good
one.  LONG=1: it is made shorter in three ways, not two."""
import os
import shutil
import subprocess

import graph
from harness import BUILD, compile_c, expect, expect_equal, prelink, read, run, scratch, tool, write
from whole_root import expect_no_temporaries, module

# The AT-th mapping of the file VICTIM makes that LENGTH bytes long, and writes to SEEN how many temporaries with a name
# there were beside it.  With NAMED there are no files without a name (O_TMPFILE).
SHIM = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int count;

static void look_around(const char *victim)
{
	char *copy = strdup(victim);
	DIR *directory = opendir(dirname(copy));
	FILE *seen = fopen(getenv("SEEN"), "w");
	int found = 0;
	for (struct dirent *entry; (entry = readdir(directory));)
		found += strstr(entry->d_name, ".prelink-") != NULL;
	fprintf(seen, "%d", found);
	fclose(seen);
	closedir(directory);
}
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
	void *result = next(at, size, prot, flags, fd, offset);
	const char *victim = getenv("VICTIM");
	struct stat one, other;
	if (fd >= 0 && fstat(fd, &one) == 0 && stat(victim, &other) == 0 && one.st_ino == other.st_ino &&
	    ++count == atoi(getenv("AT"))) {
		look_around(victim);
		if (truncate(victim, atoi(getenv("LENGTH"))))
			abort();
	}
	return result;
}
void *mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return mmap(at, size, prot, flags, fd, offset);
}
int openat(int directory, const char *name, int flags, ...)
{
	int (*next)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	if (getenv("NAMED") && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return next(directory, name, flags, mode);
}
int fsync(int fd) /* power does not fail here, and many runs are quicker without */
{
	return 0;
}
int openat64(int directory, const char *name, int flags, ...) __attribute__((alias("openat")));
"""
# As many pages of pointers to itself as take several kinds of reading.
SOURCE = graph.SOURCE.replace("	.bss", "	.rept 4000\n	.{word} f{name}\n	.endr\n	.bss")
# A file that is worked on in its mapping: undoing reads smaller ones first (SCRATCH_MAX).  Larger ones come before it.
LARGE = SOURCE.replace("	.bss", "	.skip 34000000, 1\n	.bss")
LARGER = SOURCE.replace("	.bss", "	.skip 34100000, 1\n	.bss")
here = scratch()
shim = compile_c(SHIM, os.path.join(here, "shim.so"), "-shared", "-fPIC", "-ldl", "-w")
master = graph.Root(os.path.join(here, "master"))
names = [master.library(name, source={"f": LARGER, "g": LARGER, "h": LARGE}.get(name, SOURCE)) for name in "abcdefgh"]
names.append(master.program("prog", names))
write(master.path + "/etc/many.yaml", "manifest: 1\napplication: many\nhosts:\n  - path: /usr/lib/t/*.so\n"
      "plugins:\n  - feature: some\n    path: /usr/lib/plugins/*.so\n")
os.makedirs(os.path.dirname(master.path + module()))
shutil.copy(os.path.join(BUILD, "prelink-plugins/rtld/prelink-rtld.so"), master.path + module())
names.append(master.library("p", directory="/usr/lib/plugins", source=SOURCE))
VICTIM, PROGRAM = names[7], names[8]


def contents(root):
    return {name: read(root + name) for name in names}


def attack(command, victim, at, **environment):
    """COMMAND in a new root, where the AT-th mapping makes VICTIM shorter; the root, the finished process, and how many
    temporaries there were (None: it was not mapped so often)."""
    root, seen = os.path.join(here, "root"), os.path.join(here, "seen")
    for path in (root, seen):
        run(["rm", "-rf", path])
    shutil.copytree(master.path, root)
    prepare(command, root)
    before = contents(root)
    done = subprocess.run([tool(command[0]), *[word.replace("ROOT", root) for word in command[1:]]],
                          env={**os.environ, "LD_PRELOAD": shim, "VICTIM": root + victim, "AT": str(at), "SEEN": seen,
                               **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return root, before, done, int(read(seen)) if os.path.exists(seen) else None


def prepare(command, root):
    """What has to be done before COMMAND has something to do."""
    if "-ua" in command:
        prelink("--root", root, "-a")


def good(command):
    """What COMMAND makes of each file where nothing happens to them."""
    root, _, done, _ = attack(command, names[0], 0)
    expect_equal((done.returncode, done.stderr), (0, ""), f"{command} left alone")
    return contents(root)


def check(command, victim, new, **environment):
    """Every mapping of VICTIM in turn.  Returns how often there was a fault, and the most temporaries there were."""
    faults = most = 0
    for at in range(1, 100):
        what = f"{command[0]} {command[-1]}, {victim}, mapping {at}, {environment}"
        root, before, done, seen = attack(command, victim, at, **environment)
        expect_no_temporaries(root)
        if seen is None:
            expect_equal((done.returncode, contents(root)), (0, new), f"{what}, which never came")
            return faults, most
        lines = done.stderr.splitlines()
        expect(done.returncode == 1 and any(line.startswith(f"{command[0]}: {root}{victim}: ") for line in lines),
               f"{what}: expected exit status 1 and lines that name it, seen {done.returncode} and {lines}")
        fault = [line for line in lines if line.endswith(": it became shorter meanwhile; nothing was lost, run again")]
        expect(len(set(fault)) <= 1 and all(f"{root}{victim}: reading it: " in line for line in fault),
               f"{what}: expected one line, seen {lines}")
        faults += bool(fault)
        most = max(most, seen)
        for name, content in contents(root).items():
            expect(name in (victim, PROGRAM) or content == new[name] or "-a" in command and b"PRELUNDO" in content,
                   f"{what}: {name} was not done")
            expect(name != PROGRAM or content in (before[name], new[name]) or b"PRELUNDO" in content,
                   f"{what}: {name} is neither its old nor its new self")
        write(root + victim, before[victim])
        run([tool(command[0]), *[word.replace("ROOT", root) for word in command[1:]]])
        expect_equal(contents(root).keys(), new.keys(), f"{what}: files afterwards")
        expect_no_temporaries(root)
    return faults, most


total = 0
for command in (["notegen", "add", "--root", "ROOT", "--manifest", "ROOT/etc/many.yaml"],
                ["prelink", "-j1", "--root", "ROOT", "-a"], ["prelink", "-j2", "--root", "ROOT", "-ua"]):
    new = good(command)
    for length, environment in (("0", {}), ("4096", {}), ("8192", {"NAMED": "1"}))[::1 if os.environ.get("LONG") else 2]:
        faults, most = check(command, VICTIM, new, LENGTH=length, **environment)
        expect(faults, f"{command}, {length} bytes left: no mapping of {VICTIM} was read after it became shorter")
        expect(most or not environment or command[0] == "notegen",
               f"{command}: no temporary had a name; nothing was tested")
        total += faults
print(f"{total} faults in mapped files, each said, and all else done")
