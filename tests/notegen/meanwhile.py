#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody else does something to the file in the very instant before, or after, it is exchanged for the new one: what
he did stands, what he removed stays away, hard links stay together, and nothing is left beside it."""
import os
import shutil
import subprocess
import time

import notes
from harness import compile_c, expect, expect_equal, need, notegen, read, scratch, tool
from whole_root import expect_no_temporaries

# BEFORE_N, AFTER_N: what a shell does before and after the Nth exchange; LAST: before the first temporary is deleted.  FAIL=N makes the Nth fail; KILL=N is SIGKILL
# after it; NO_EXCHANGE a file system without, NO_TMPFILE one where every file has a name.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int count;
static int is_now(const char *name)
{
	const char *value = getenv(name);
	return value && atoi(value) == count;
}
static void act(const char *when)
{
	char name[32], *command;
	snprintf(name, sizeof name, "%s_%d", when, count);
	if ((command = getenv(name)) && system(command))
		abort();
}
int renameat2(int a, const char *b, int c, const char *d, unsigned flags)
{
	int (*real)(int, const char *, int, const char *, unsigned) = dlsym(RTLD_NEXT, "renameat2");
	if (!(flags & RENAME_EXCHANGE))
		return real(a, b, c, d, flags);
	count++;
	act("BEFORE");
	errno = getenv("NO_EXCHANGE") ? EINVAL : EIO;
	int result = getenv("NO_EXCHANGE") || is_now("FAIL") ? -1 : real(a, b, c, d, flags);
	int saved = errno;
	act("AFTER");
	if (is_now("KILL"))
		kill(getpid(), SIGKILL);
	errno = saved;
	return result;
}
int unlinkat(int directory, const char *name, int flags)
{
	char *last = getenv("LAST");
	if (last && strstr(name, ".prelink-")) {
		unsetenv("LAST");
		if (system(last))
			abort();
	}
	return ((int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat"))(directory, name, flags);
}
int openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	int mode = va_arg(arguments, int);
	va_end(arguments);
	if ((flags & O_TMPFILE) == O_TMPFILE && getenv("NO_TMPFILE")) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return ((int (*)(int, const char *, int, int))dlsym(RTLD_NEXT, "openat"))(directory, path, flags, mode);
}
"""
# A writer that has to wait for us.
APPEND = "(printf x >>a) & for i in $(seq 500); do grep -q BREAKING /proc/locks && break; sleep 0.01; done"
REPLACE, REPLACE_2, REPLACE_B, REMOVE = "mv F1 a", "mv F2 a", "mv F1 d/b", "rm a"
# Names of one file, what happens when, what each name is to be in the end ("old", "new", "F1", "F2", None: not there;
# "old+": the old one with a byte more), and of what kind the run's end has to be.
CASES = [
    ("a", {}, {"a": "new"}, 0),
    ("a", {"BEFORE_1": REPLACE}, {"a": "F1"}, 1),
    ("a", {"BEFORE_1": REMOVE}, {"a": None}, 1),
    ("a", {"BEFORE_1": "mv a c"}, {"a": None, "c": "old"}, 1),
    ("a", {"BEFORE_1": "ln a a.dpkg-tmp"}, {"a": "old", "a.dpkg-tmp": "old"}, 1),
    ("a", {"BEFORE_1": "ln a a.dpkg-tmp && mv F1 a"}, {"a": "F1", "a.dpkg-tmp": "old"}, 1),
    ("a", {"BEFORE_1": APPEND}, {"a": "old+"}, 1),
    ("a", {"BEFORE_1": "chmod 700 a"}, {"a": "old"}, 1),
    ("a", {"BEFORE_1": "setfacl -m u:1:rwx a"}, {"a": "old"}, 1),
    ("a", {"BEFORE_1": "touch -d 2001-01-01 a"}, {"a": "old"}, 1),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": REPLACE_2}, {"a": "F2"}, 1),
    ("a", {"BEFORE_1": REPLACE, "BEFORE_2": REPLACE_2}, {"a": "F2"}, 1),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": REMOVE}, {"a": None}, 1),
    ("a", {"BEFORE_1": REPLACE, "BEFORE_2": REMOVE}, {"a": None}, 1),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": "ln a c && ln a e"}, {"a": "F1", "c": "F1", "e": "F1"}, 1),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": "ln a c", "BEFORE_3": "mv F2 c"}, {"a": "F1", "c": "F2"}, 1),
    ("a", {"AFTER_1": REPLACE}, {"a": "F1"}, 0),
    ("a", {"AFTER_1": REMOVE}, {"a": None}, 0),
    ("a", {"AFTER_1": "ln a a.dpkg-tmp && mv F1 a"}, {"a": "F1", "a.dpkg-tmp": "new"}, 0),
    ("a", {"LAST": "ln .a.prelink-* c"}, {"a": "old", "c": "old"}, 1),
    ("a", {"LAST": REPLACE}, {"a": "F1"}, 0),
    ("a", {"FAIL": "1"}, {"a": "old"}, 1),
    ("ab", {}, {"a": "new", "d/b": "new"}, 0),
    ("ab", {"FAIL": "1"}, {"a": "old", "d/b": "old"}, 1),
    ("ab", {"FAIL": "2"}, {"a": "old", "d/b": "old"}, 1),
    ("ab", {"BEFORE_1": REPLACE}, {"a": "F1", "d/b": "old"}, 1),
    ("a", {"BEFORE_1": REPLACE, "FAIL": "2"}, {"a": "F1"}, 1),
    ("ab", {"BEFORE_2": REPLACE_B}, {"a": "old", "d/b": "F1"}, 1),
    ("ab", {"AFTER_1": "ln a c", "FAIL": "2"}, {"a": "old", "d/b": "old", "c": "old"}, 1),
    ("ab", {"BEFORE_2": REPLACE}, {"a": "F1", "d/b": "new"}, 0),
    ("ab", {"BEFORE_1": REPLACE, "AFTER_1": REMOVE}, {"a": None, "d/b": "old"}, 1),
    ("ab", {"BEFORE_2": "rm d/b"}, {"a": "old", "d/b": None}, 1),
    ("ab", {"BEFORE_2": "ln d/b c"}, {"a": "old", "d/b": "old", "c": "old"}, 1),
    ("ab", {"BEFORE_2": REPLACE, "FAIL": "2"}, {"a": "F1", "d/b": "old"}, 1),
    ("ab", {"BEFORE_2": REMOVE, "FAIL": "2"}, {"a": None, "d/b": "old"}, 1),
    ("ab", {"LAST": "ln d/.b.prelink-* c"}, {"a": "old", "d/b": "old", "c": "old"}, 1),
    ("ab", {"AFTER_2": "mv F1 a && ln a d/b.new && mv d/b.new d/b"}, {"a": "F1", "d/b": "F1"}, 0),
    ("a", {"NO_EXCHANGE": "1"}, {"a": "new"}, 0),
    ("ab", {"NO_EXCHANGE": "1"}, {"a": "new", "d/b": "new"}, 0),
    ("a", {"NO_EXCHANGE": "1", "BEFORE_1": REPLACE}, {"a": "F1"}, 1),
    ("ab", {"NO_EXCHANGE": "1", "AFTER_1": "rm d/b"}, {"a": "old", "d/b": None}, 1),
    ("a", {"NO_EXCHANGE": "1", "BEFORE_1": REMOVE}, {"a": None}, 1),
]
# The same after a SIGKILL, and what the next run makes of it.
KILLED = [
    ("a", {"KILL": "1"}, {"a": "new"}),
    ("ab", {"KILL": "1"}, {"a": "new", "d/b": "new"}),
    ("ab", {"KILL": "2"}, {"a": "new", "d/b": "new"}),
    ("ae", {"KILL": "1"}, {"a": "new", "e": "new"}),
    ("ae", {"KILL": "2"}, {"a": "new", "e": "new"}),
    ("a", {"BEFORE_1": REPLACE, "KILL": "1"}, {"a": "F1"}),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": REMOVE}, {"a": None}),
    ("a", {"BEFORE_1": REPLACE, "AFTER_1": "mv a c"}, {"a": None, "c": "F1"}),
    ("ab", {"BEFORE_2": REPLACE_B, "KILL": "2"}, {"d/b": "F1"}),
]


class Tree:
    def __init__(self, directory, original):
        self.path = os.path.join(directory, "tree")
        self.original = read(original)
        self.file = original
        self.new = None
        self.manifest = notes.manifest(os.path.join(directory, "meanwhile.yaml"), ["/a", "/d/b", "/z", "/d/z"])

    def fill(self, names):
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path + "/d")
        shutil.copy2(self.file, self.path + "/a")
        if len(names) == 2:
            os.link(self.path + "/a", self.path + {"b": "/d/b", "e": "/e"}[names[1]])
        for name in "F1", "F2":
            with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
                file.write(name)
            shutil.copystat(self.file, f"{self.path}/{name}")

    def add(self, environment):
        command = [tool("notegen"), "add", "--root", self.path, "--manifest", self.manifest, self.path + "/a"]
        return subprocess.run(command, env={**os.environ, **environment}, cwd=self.path, stderr=subprocess.PIPE, text=True)

    def state(self, names):
        found = {}
        for name in names:
            try:
                data = read(os.path.join(self.path, name))
            except FileNotFoundError:
                found[name] = None
                continue
            known = {self.original: "old", self.original + b"x": "old+", self.new: "new", b"F1": "F1", b"F2": "F2"}
            found[name] = known.get(data, "something else")
        return found

    def expect_state(self, wanted, what):
        seen = self.state(wanted)
        for _ in range(1000):  # a writer that waited for us
            if seen == wanted:
                break
            time.sleep(0.01)
            seen = self.state(wanted)
        expect_equal(seen, wanted, what)
        inodes = {}
        for name, content in wanted.items():
            if content:
                inodes.setdefault(content, set()).add(os.stat(os.path.join(self.path, name)).st_ino)
        expect(all(len(which) == 1 for which in inodes.values()), f"{what}: hard links were torn apart")


def main():
    need("setfacl")
    directory = os.path.realpath(scratch())
    tree = Tree(directory, compile_c("int main(void) { return 0; }", os.path.join(directory, "original")))
    shim = {"LD_PRELOAD": compile_c(SHIM, os.path.join(directory, "shim.so"), "-shared", "-fPIC", "-ldl")}
    tree.fill("a")
    expect_equal(tree.add({}).returncode, 0, "exit status where nothing happens")
    tree.new = read(tree.path + "/a")
    for named in {}, {"NO_TMPFILE": "1"}:
        for names, happens, wanted, status in CASES:
            what = f"{names}, {happens}, {named}"
            tree.fill(names)
            done = tree.add({**shim, **happens, **named})
            expect_equal((done.returncode, len(notes.errors(done))), (status, status), f"{what}: status, lines")
            tree.expect_state(wanted, what)
            expect_no_temporaries(tree.path)
    for names, happens, wanted in KILLED:
        what = f"{names}, {happens}, then another run"
        tree.fill(names)
        tree.add({**shim, **happens})
        # What only looks like ours, or has the very form but not the inodes.
        copies = [f"{tree.path}/.a.prelink-abcdef", f"{tree.path}/.a.prelink-backup", f"{tree.path}/d/.prelink-abcdef",
                  f"{tree.path}/.a.prelink-{1:016x}-{2:016x}-abcdef"]
        others = [tree.path + "/z", tree.path + "/d/z"]
        for path in copies + others:
            shutil.copy(tree.file, path)
        # And the inodes, but not the form.
        inode = os.stat(copies[0]).st_ino
        for end in "abc.ef", "abcde_", "abcde":
            copies.append(f"{tree.path}/.a.prelink-{inode:016x}-{inode:016x}-{end}")
            os.link(copies[0], copies[-1])
        notegen("add", "--root", tree.path, "--manifest", tree.manifest, *others)
        tree.expect_state(wanted, what)
        for copy in copies:
            expect(os.path.exists(copy), f"{what}: {copy} is not ours, and gone")
            os.unlink(copy)
        expect_no_temporaries(tree.path)
    print(f"{2 * len(CASES)} interferences, {len(KILLED)} kills")


main()
