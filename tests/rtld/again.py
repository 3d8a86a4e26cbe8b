#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A preload with more thread variables than there is room for beside an audit module: the module starts the program once
more, without itself where nobody else is in LD_AUDIT, else with room; what the program sees of its start stays."""
import os
import shutil

import kit
from harness import compile_c, expect_equal, need, run, scratch, write

need("gcc")
here = scratch()
large = compile_c("static __thread char large[200000] __attribute__((tls_model(\"initial-exec\")));"
                  "char *at(int i) { return large + i; }", f"{here}/liblarge.so", "-shared", "-fPIC")
other = compile_c("#include <unistd.h>\nunsigned la_version(unsigned v) { write(1, \"other \", 6); return v; }",
                  f"{here}/other.so", "-shared", "-fPIC")
program = compile_c("#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **a) { char *audit = getenv(\"LD_AUDIT\"), "
                    "*tunables = getenv(\"GLIBC_TUNABLES\"); printf(\"%s %d %s %s\\n\", a[0], n, audit ? audit : \"-\", "
                    "tunables ? tunables : \"-\"); return 3; }", f"{here}/program")


def start(audit, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("LD_AUDIT", "GLIBC_TUNABLES")}
    done = run(["own name", "one"], executable=program, status=3,
               env={**kept, "LD_PRELOAD": large, "LD_AUDIT": audit, "PRELINK_STORE": f"{here}/none", **environment})
    return done.stdout.strip(), done.stderr


ROOM = "glibc.rtld.optional_static_tls="
expect_equal(start(kit.MODULE), ("own name 2 - -", ""), "the module alone")
mine = "glibc.malloc.perturb=3"
expect_equal(start(kit.MODULE, GLIBC_TUNABLES=mine), (f"own name 2 - {mine}", ""), "somebody's tunables")
# Whoever else is in LD_AUDIT is called in both starts; he alone would have been the end of it.
for both in f"{kit.MODULE}:{other}", f"{other}:{kit.MODULE}":
    said, errors = start(both, GLIBC_TUNABLES=mine)
    head, _, size = said.rpartition("=")
    expect_equal((head + "=", int(size) >= 200000, errors), (f"other other own name 2 {both} {mine}:{ROOM}", True, ""),
                 "beside another audit module")
# The kernel's names of it, also a script's, stay; and it needs no file any more.
named = compile_c("#include <stdio.h>\n#include <sys/auxv.h>\nint main(int n, char **a) { char line[64] = \"\"; FILE *f = fopen(\"/proc/self/comm\", "
                  "\"r\"); printf(\"%s %s %s\", a[0], (char *)getauxval(AT_EXECFN), fgets(line, sizeof line, f)); return 3; }", f"{here}/named")
os.symlink("named", f"{here}/nickname")
write(f"{here}/script", f"#!{named}\n")
os.chmod(f"{here}/script", 0o755)


def names(command, directory=None, file=None, **environment):
    done = run([command], status=3, executable=file, cwd=directory, close_fds=False,
               env={"LD_PRELOAD": large, "PRELINK_STORE": f"{here}/none", **environment})
    return done.stdout.split()


for command, directory in (named, None), (f"{here}/nickname", None), ("./nickname", here):
    expect_equal(names(command, directory, LD_AUDIT=kit.MODULE), names(command, directory), f"names of {command}")
expect_equal(names(f"{here}/script", LD_AUDIT=kit.MODULE)[:2], [named, named], "a script's interpreter")
shutil.copy(named, f"{here}/gone")
file = os.open(f"{here}/gone", os.O_RDONLY)
os.unlink(f"{here}/gone")
expect_equal(names(f"/proc/self/fd/{file}", file=f"/proc/self/fd/{file}", LD_AUDIT=kit.MODULE)[0], f"/proc/self/fd/{file}", "a file that is gone")
os.close(file)
print("a program without room for its thread variables is started again")
