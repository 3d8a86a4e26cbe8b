# SPDX-License-Identifier: LGPL-2.1-or-later
"""Roots of other machines with little in them, for what their cross compilers make."""
import os
import re
import shutil

import scratch_root
from guest import MACHINES, Guest, build_module
from harness import compile_c, run, scratch

# What env(1) does with -i.
ENV = """#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int count = 0;

	while (count + 2 < argc && strchr(argv[count + 2], '='))
		count++;
	memmove(argv + 1, argv + 2, count * sizeof *argv);
	argv[count + 1] = NULL;
	execve(argv[count + 2], argv + count + 2, argv + 1);
	return 127;
}
"""


class Bare(Guest):
    """A root of ARCH that has the C library of its cross compiler, or the one that SUITE has for that, and nothing else;
    scratch_root.Unavailable where SUITE's cannot be had."""

    def __init__(self, arch, suite="cross"):
        self.arch, self.suite = arch, suite
        self.root = scratch("root-")
        library = f"/usr/{MACHINES[arch][1].removesuffix('-gcc')}/lib"
        if suite != "cross":  # for all machines, so that it is there when a release's own of ARCH is not
            package = f"libc6-{arch}-cross"
            deb = next(deb for deb in scratch_root._download([package], suite, scratch_root.machine_arch())
                       if os.path.basename(deb).startswith(package + "_"))
            unpacked = scratch("libc-")
            run(["dpkg-deb", "-x", deb, unpacked])
            library = unpacked + library
        for directory in ("etc", "tmp", "usr/bin", "usr/lib", "var/lib"):
            os.makedirs(f"{self.root}/{directory}")
        for name in ("lib", "lib64"):
            os.symlink("usr/lib", f"{self.root}/{name}")
        for name in os.listdir(library):
            if re.fullmatch(r"(ld.*|libc|libm)\.so\.\d", name):
                shutil.copy(f"{library}/{name}", f"{self.root}/usr/lib")
        self.install(build_module(arch))
        if not self.runner:
            compile_c(ENV, self.root + "/usr/bin/env", "-static", compiler=MACHINES[arch][1])
