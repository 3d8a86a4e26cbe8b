#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where LD_AUDIT and a program's DT_AUDIT both name the run-time module, one instance does all that there is to do, and the
other nothing: what is planned is not seen as unplanned, to be learnt at each start."""
import os

import kit
from harness import compile_c, expect_equal, need, prelink, run, scratch, write

need("gcc")
here = scratch()
compile_c("int f(void) { return 3; } int (*t[])(void) = { f };", here + "/libf.so", "-shared", "-fPIC")
plugin = compile_c("int f(void); int g(void) { return f() + 1; }", here + "/g.so", "-shared", "-fPIC", "-x", "none", here + "/libf.so")
SOURCE = ("#include <dlfcn.h>\n#include <stdio.h>\nint f(void); int main(int argc, char **argv) { void *g = dlopen(argv[1], RTLD_NOW);"
          " printf(\"%d %d\\n\", f(), ((int (*)(void))dlsym(g, \"g\"))()); return 0; }")
FLAGS = ["-x", "none", here + "/libf.so", f"-Wl,-rpath,{here}"]
programs = [compile_c(SOURCE, f"{here}/{name}", *FLAGS, *flags) for name, flags in (("plain", []), ("named", [f"-Wl,--audit={kit.MODULE}"]))]
write(here + "/seen", "".join(f"P {path}\nO {plugin}\n" for path in programs))
prelink("--learn", here)
for path, instances in zip(programs, (1, 2)):
    done = run([path, plugin], env={**os.environ, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": here + "/store", "PRELINK_RTLD": "verbose",
                                    "PRELINK_LEARN": here + "/log", "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"})
    said = done.stderr.split("\n")
    expect_equal((done.stdout, [sum(f"{name}: full" in line for line in said) for name in ("libf.so", "libc.so.6", "g.so")],
                  sum("another instance" in line for line in said), os.path.exists(here + "/log")),
                 ("3 4\n", [1, 1, 1], instances - 1, False), f"{path}: {done.stderr}")
print("one instance of two does the work")
