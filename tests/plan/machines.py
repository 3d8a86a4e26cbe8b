#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program of a machine whose run-time module serves stores only is told so, and no plan is made for it: -v has no figures of one.
Its libraries are prelinked all the same."""
import os
import shutil

import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, scratch, write

MACHINES = {"i686-linux-gnu": ("/lib/ld-linux.so.2", "lib/ld-linux.so.2", "there is no run-time module for its machine"),
            "aarch64-linux-gnu": ("/lib/ld-linux-aarch64.so.1", "lib/ld-linux-aarch64.so.1",
                                  "on its machine only a store has plans")}
need(*(f"{machine}-gcc" for machine in MACHINES))

for machine, (loader, file, why) in MACHINES.items():
    root = scratch()
    compiler = f"{machine}-gcc"
    for name in ("lib", "usr/bin", "usr/lib", "etc", os.path.dirname(whole_root.module()[1:])):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    write(f"{root}/etc/prelink.conf", "-l /usr\n")
    write(root + whole_root.module(), "here it is")
    shutil.copy(f"/usr/{machine}/{file}", root + loader)
    library = compile_c("int f(void) { return 1; } int (*table[5000])(void) = { [0 ... 4999] = f };", f"{root}/usr/lib/libf.so",
                        "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libf.so", compiler=compiler)
    compile_c("int f(void); void _start(void) { f(); }", f"{root}/usr/bin/program", "-nostdlib", f"-Wl,--dynamic-linker,{loader}",
              "-x", "none", library, compiler=compiler)
    said = prelink("--root", root, "-a", "-v").stdout.splitlines()
    about = [line for line in said if line.startswith("/usr/bin/program: no plan") or line.startswith("/usr/bin/program: plan")]
    expect_equal(about, [f"/usr/bin/program: no plan: {why}"], f"{machine}: what -v says")
    expect(b".gnu.prelink_undo" in open(library, "rb").read(), f"{machine}: the library was not prelinked")
    print(f"{machine}: no plan was made")
