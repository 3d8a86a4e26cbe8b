#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""More files than a process may have open are prelinked, verified, written elsewhere and undone; those that go, or become
directories, while the others are undone are no error."""
import os
import resource
import shutil

import graph
from harness import compile_c, expect, expect_equal, prelink, read, scratch

FILES, DESCRIPTORS = 240, 160
# DO: a command of a shell, before the first file is exchanged.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int renameat2(int a, const char *b, int c, const char *d, unsigned flags)
{
	const char *command = getenv("DO");
	if (command && (flags & RENAME_EXCHANGE)) {
		unsetenv("LD_PRELOAD");
		if (system(command))
			abort();
		unsetenv("DO");
	}
	return ((int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2"))(a, b, c, d, flags);
}
"""


def limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def limited(*words, **keywords):
    return prelink("--root", root.path, *words, preexec_fn=limit, **keywords)


where = scratch()
root = graph.Root(where + "/root")
# The largest come first.
large = root.library("large", source=graph.SOURCE.replace("\t.bss", "\t.skip 20000\n\t.bss"))
small, other = root.library("small"), root.library("other")
paths = [large, small, other]
for number in range(FILES - len(paths)):
    paths.append(f"{graph.LIBDIR}/libcopy{number}.so")
    shutil.copy2(root.path + large, root.path + paths[-1])
originals = {path: read(root.path + path) for path in paths}


def expect_prelinked(wanted, what):
    seen = [path for path, data in originals.items() if read(root.path + path) != data]
    expect_equal(len(seen), wanted, f"files that are prelinked, {what}")


limited("-a")
expect_prelinked(FILES, "after -a")
# Every file's original, one after the other.
said = limited("-y", graph.LIBDIR, text=False, errors=None).stdout
expect_equal(len(said), sum(map(len, originals.values())), "bytes of all originals")
limited("-ua")
expect_prelinked(0, "after -ua")

# In the midst of it, with most of them yet to be undone.
limited("-a")
shim = compile_c(SHIM, where + "/shim.so", "-shared", "-fPIC", "-ldl")
command = f"cd {root.path} && rm .{small} && rm .{other} && mkdir .{other}"
done = limited("-ua", "-j", "1", env={**os.environ, "LD_PRELOAD": shim, "DO": command})
expect_equal(done.stderr, "", "what is said of files that went")
expect(os.path.isdir(root.path + other) and not os.path.exists(root.path + small), "what went is there again")
del originals[small], originals[other]
expect_prelinked(0, "when others went")
print(f"{FILES} files with {DESCRIPTORS} descriptors, 2 that went meanwhile")
