#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""At a set-id start (AT_SECURE) the module stands aside, also where ld.so loads it then: by its name alone, from a
directory of the system's, with its own set-id bit (ld.so(8))."""
import os
import shutil

import kit
import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small")
rooted.install_module(root)
here = root + "/opt/secure"
os.makedirs(here)
compile_c("static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f }; int pays(void) { return table[1](); }",
          here + "/libpays.so", "-shared", "-fPIC", "-Wl,-soname,libpays.so")
compile_c('#include <stdio.h>\n#include <sys/auxv.h>\nint pays(void);\nint main(void) { printf("%d %ld\\n", pays(), '
          "getauxval(AT_SECURE)); return 0; }", here + "/program", f"-L{here}", "-Wl,-rpath,/opt/secure", "-lpays")
listing = prelink("--root", root, "-v", "/opt/secure").stdout
expect("/opt/secure/program: plan:" in listing, listing)
module = root + "/usr/lib/x86_64-linux-gnu/prelink-rtld.so"
shutil.copy(kit.MODULE, module)
os.chmod(module, 0o4755)


def said():
    return rooted.start(root, ["/opt/secure/program"], LD_AUDIT="prelink-rtld.so", PRELINK_RTLD="verbose")


usual = said()
expect_equal(usual.stdout, "1 0\n", "an ordinary start")
expect([level for _, level, _ in rooted.levels_of(usual)][:2] == ["full"] * 2, f"an ordinary start:\n{usual.stderr}")
os.chown(here + "/program", 65534, 65534)
os.chmod(here + "/program", 0o4755)
secure = said()
if secure.stdout == "1 0\n":
    skip("set-id bits count for nothing here (a file system mounted nosuid)")
expect_equal(secure.stdout, "1 1\n", "a set-id start")
expect("standing aside, as asked by: a set-id start" in secure.stderr, f"a set-id start:\n{secure.stderr}")
expect_equal(rooted.levels_of(secure), [], "levels at a set-id start")
