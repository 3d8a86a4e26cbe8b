#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program of a machine whose run-time module serves stores only is told so, and no plan is made for it: -v has no figures of one.
Its libraries are prelinked all the same.  Where there is no module at all, --store says so in one line with its name."""
import os
import shutil

import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, scratch, write

MACHINES = {"i686-linux-gnu": ("/lib/ld-linux.so.2", "lib/ld-linux.so.2"),
            "aarch64-linux-gnu": ("/lib/ld-linux-aarch64.so.1", "lib/ld-linux-aarch64.so.1")}
UNSERVED = {"powerpc64-linux-gnu": "ppc64"}  # the older ABI, big-endian
need(*(f"{machine}-gcc" for machine in UNSERVED), *(f"{machine}-gcc" for machine in MACHINES))

for machine, (loader, file) in MACHINES.items():
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
    # A module in its place makes no difference, nor that there is none: nobody is told to install one.
    os.unlink(root + whole_root.module())
    expect_equal(prelink("--root", root, "-a", "-n").stderr, "", f"{machine}: what is said without a module")
    write(root + whole_root.module(), "here it is")
    said = prelink("--root", root, "-a", "-v").stdout.splitlines()
    about = [line for line in said if line.startswith("/usr/bin/program: no plan") or line.startswith("/usr/bin/program: plan")]
    expect_equal(about, ["/usr/bin/program: no plan: on its machine only a store has plans"], f"{machine}: what -v says")
    expect(b".gnu.prelink_undo" in open(library, "rb").read(), f"{machine}: the library was not prelinked")
    print(f"{machine}: no plan was made")

for machine, name in UNSERVED.items():
    root = scratch()
    os.makedirs(f"{root}/usr/bin")
    compile_c("void _start(void) { }", f"{root}/usr/bin/program", "-nostdlib", "-Wl,--dynamic-linker,/lib/ld.so.1", "-pie",
              "-fPIE", compiler=f"{machine}-gcc")
    said = prelink("--root", root, "--store", "/usr/bin/program", status=1).stderr.splitlines()
    expect_equal(len(said), 1, f"{machine}: lines that --store says: {said}")
    expect(f"no run-time module for its machine, {name}" in said[0], f"{machine}: --store says {said[0]}")
