#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LD_PROFILE: a program's calls of the C library are counted the same untouched, with its plan in the store, and prelinked:
the module stands aside, so that ld.so sees each call.  sprof reads what they left; it gives no names in a library that is
linked to an address, as one at its slot is, so that of a prelinked libc is read with the original."""
import os
import re
import struct

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, read, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small", "libc-devtools")
rooted.install_module(root)
os.makedirs(root + "/opt/profile")
# What makes a plan worth while.
compile_c("static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f }; int one(void) { return 1; }",
          root + "/opt/profile/libtable.so", "-shared", "-fPIC", "-Wl,-soname,libtable.so")
compile_c("#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\nint one(void); int main(void) { int s = one() - 1;\n"
          "for (int i = 0; i < 300; i++) { char *p = strdup(\"x\"); s += *p; free(p); } return s != 300 * 'x'; }",
          root + "/opt/profile/program", "-O0", "-Wl,-z,lazy", f"-L{root}/opt/profile", "-ltable", "-Wl,-rpath,/opt/profile")
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def profile(what, **environment):
    """Runs the program with LD_PROFILE; the arcs that it left, as (caller, called, count) by distance from libc's start."""
    directory = "/tmp/" + what
    os.makedirs(root + directory)
    done = rooted.start(root, ["/opt/profile/program"], LD_PROFILE="libc.so.6", LD_PROFILE_OUTPUT=directory,
                        PRELINK_RTLD="verbose", **environment)
    expect_equal(done.returncode, 0, f"{what}: the program: {done.stderr}")
    expect("full" not in [level for _, level, _ in rooted.levels_of(done)], f"{what}: the module did not stand aside")
    data = read(f"{root}{directory}/libc.so.6.profile")
    arcs = 20 + 4 + 40 + 2 * struct.unpack_from("<I", data, 40)[0] + 4
    count = struct.unpack_from("<I", data, arcs)[0]
    return sorted(struct.unpack_from("<QQI", data, arcs + 4 + 20 * i) for i in range(count))


def calls(what):
    """What sprof tells of that: (caller, called, count)."""
    done = rooted.start(root, ["sprof", "-c", LIBC, f"/tmp/{what}/libc.so.6.profile"])
    return sorted(re.findall(r"^(\S+) +(\S+) +(\d+)$", done.stdout, re.M))


def fast(what, **environment):
    """Without LD_PROFILE it takes the fast path, so that there is something to stand aside from."""
    done = rooted.start(root, ["/opt/profile/program"], PRELINK_RTLD="verbose", **environment)
    expect("full" in [level for _, level, _ in rooted.levels_of(done)], f"{what} is not on the fast path: {done.stderr}")


untouched = profile("untouched")
expect_equal([count for _, _, count in untouched], [300, 300], "calls of strdup and free")
told = calls("untouched")
expect(any(count == "300" for _, _, count in told), f"sprof knows of no function that was called 300 times: {told}")

store = {"LD_AUDIT": rooted.module_path(), "PRELINK_STORE": "/var/lib/prelink/store"}
prelink("--root", root, "--store=/var/lib/prelink/store", "/opt/profile/program")
fast("store", **store)
expect_equal(profile("store", **store), untouched, "calls with a store")
expect_equal(calls("store"), told, "calls with a store, as sprof tells")

prelink("--root", root, "/opt/profile/program")
fast("prelinked")
expect_equal(profile("prelinked"), untouched, "calls when prelinked")
prelink("--root", root, "-u", "-a")
# From where to where libc's code is.
paths = [f"{root}/tmp/{what}/libc.so.6.profile" for what in ("untouched", "prelinked")]
original, data = map(read, paths)
write(paths[1], data[:24] + original[24:40] + data[40:])
expect_equal(calls("prelinked"), told, "calls when prelinked, as sprof tells")
print(f"{len(untouched)} functions of libc: called as often untouched, with a store, and prelinked")
