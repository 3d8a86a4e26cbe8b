#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""--freeze-search: ld.so opens each library once, under the path by which it would have found it itself.  What is gone, of
another size, or asked for with another LD_LIBRARY_PATH is searched for as ever; what comes earlier in the path is not
seen, as the manual says."""
import os
import re

import kit
from harness import compile_c, expect, expect_equal, need, prelink, run, scratch, write

need("gcc", "strace")
LIBRARIES, DIRECTORIES = 100, 60
here = scratch()
directories = [f"{here}/prefix{i:02}/lib" for i in range(DIRECTORIES)]
for directory in directories:
    os.makedirs(directory)
PATHS = ["-Wl,--enable-new-dtags", f"-Wl,-rpath,{':'.join(directories[:30])}:$ORIGIN/../../prefix30/lib:{':'.join(directories[31:])}"]


def library(i, directory, value):
    """Defines a function with a version, needs the library before it."""
    path = f"{directory}/libl{i:03}.so"
    write(here + "/map", f"V{i} {{ global: f{i}; local: *; }};\n")
    before = [f"{places[i - 1]}/libl{i - 1:03}.so"] if i else []
    call = f"sub $8, %rsp\ncall f{i - 1}@PLT\nadd $8, %rsp\nadd ${value}, %eax" if i else f"mov ${value}, %eax"
    write(here + "/code.s", f".globl f{i}\n.type f{i},@function\nf{i}: {call}\nret\n.section .note.GNU-stack,\"\",@progbits\n")
    run(["as", "-o", here + "/code.o", here + "/code.s"])
    run(["ld", "-shared", "-o", path, here + "/code.o", f"-soname=libl{i:03}.so", f"--version-script={here}/map", "--no-as-needed",
         *before, *(part for flag in PATHS for part in flag.split(",")[1:])])
    return path


places = [directories[(7 * i + 30) % DIRECTORIES] for i in range(LIBRARIES)]
libraries = [library(i, places[i], 1) for i in range(LIBRARIES)]
os.makedirs(here + "/prefix00/bin")
program = compile_c("#define _GNU_SOURCE\n#include <link.h>\n#include <stdio.h>\n" + "".join(f"int f{i}(void);" for i in range(LIBRARIES)) +
                    "\nstatic int name(struct dl_phdr_info *i, size_t s, void *p) { puts(i->dlpi_name); return 0; }\n"
                    "int main(void) { dl_iterate_phdr(name, 0); printf(\"%d\\n\", " +
                    " + ".join(f"f{i}()" for i in range(LIBRARIES)) + "); return 0; }", here + "/prefix00/bin/program", "-x", "none",
                    *libraries, *PATHS)
other = compile_c("int main(void) { return 0; }", here + "/other", "-x", "none", libraries[0], *PATHS)
STORE = here + "/store"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PRELINK_", "GLIBC_"))}
AUDITED = {**PLAIN, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": STORE, "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}
MODULE_CALLS = 3  # it is opened, the store, and /proc/self/status, which says whether somebody filters system calls


def start(environment, command=program, **more):
    """What it prints, and how many opens succeeded, how many failed."""
    environment = {**environment, **more}
    done = run(["strace", "-o", here + "/trace", "-e", "trace=open,openat", *(f"-E{name}={value}" for name, value in environment.items()),
                command])
    with open(here + "/trace") as file:
        calls = [line for line in file if line.startswith("open") and "/etc/ld.so.preload" not in line]
    failed = sum(" = -1 " in line for line in calls)
    return done.stdout, len(calls) - failed, failed


def same(seen, what):
    expect(seen[0].replace(kit.MODULE + "\n", "") == before[0], f"{what}: other output, or other names of libraries:\n{seen[0][-600:]}")


def levels():
    done = run([program], env={**AUDITED, "PRELINK_RTLD": "verbose"})
    return set(re.findall(r"^prelink-rtld: \S+: (full|none|relative only)", done.stderr, re.M))


before = start(PLAIN)
expect(before[2] > 1000 and len(before[0].split("\n")) > LIBRARIES, f"there is nothing to be spared: {before[1:]}")
prelink(f"--store={STORE}", program, other)
same(start(AUDITED), "with a store")
expect_equal(start(AUDITED)[2], before[2], "failed opens with a store that freezes nothing")
prelink(f"--store={STORE}", f"--freeze-search={program}", program, other)
frozen = start(AUDITED)
same(frozen, "frozen")
expect_equal(frozen[2], 0, "failed opens")
expect_equal(frozen[1], LIBRARIES + 1 + MODULE_CALLS, "files that are opened: each library, the C library, the module and what it opens")
expect_equal(levels(), {"full"}, "levels of a frozen start")
expect(start(AUDITED, other)[2] > 0, "another program of the store was frozen, too")
first = open(STORE, "rb").read()
prelink(f"--store={STORE}", f"--freeze-search={program}", program, other)
expect(open(STORE, "rb").read() == first, "made again it is another store")
print(f"{LIBRARIES} libraries, {DIRECTORIES} directories: {before[2]} failed opens before, {frozen[2]} after; "
      f"{before[1]} files opened before, {frozen[1]} after")

# ld.so's own search: another LD_LIBRARY_PATH, a file that is gone, one of another size.
seen = start(AUDITED, LD_LIBRARY_PATH=here)
same(seen, "with LD_LIBRARY_PATH")
expect(seen[2] > before[2], f"with LD_LIBRARY_PATH it is not searched for: {seen[1:]}")
moved = f"{directories[59]}/libl000.so"
os.rename(libraries[0], moved)
seen = start(AUDITED)
expect(moved in seen[0] and seen[0].endswith(before[0].split("\n")[-2] + "\n"), f"a library is elsewhere now: {seen[0][-600:]}")
expect(0 < seen[2] < before[2] / 4, f"failed opens for one library that is elsewhere: {seen[2]}")
os.rename(moved, libraries[0])
same(start(AUDITED), "when it is back")
places[50] = directories[59]
grown = library(50, here, 1000)
with open(grown, "ab") as file:
    file.write(bytes(100))
os.rename(grown, libraries[50])
seen = start(AUDITED)
expect_equal(int(seen[0].split("\n")[-2]) > int(before[0].split("\n")[-2]), True, "a library of another size is used")
expect(seen[2] > 0, "a library of another size was not searched for")
# Earlier in the path: frozen is frozen, until the store is made again.
prelink(f"--store={STORE}", "--freeze-search", program)
earlier = library(99, directories[0], 5000)
expect(earlier not in start(AUDITED)[0] and earlier in start(PLAIN)[0], "what comes earlier in the path")
prelink(f"--store={STORE}", "--freeze-search", program)
seen = start(AUDITED)
expect(earlier in seen[0] and seen[2] == 0, f"after the store was made again: {seen[1:]}")
expect_equal(levels(), {"full"}, "levels then")
# LD_LIBRARY_PATH can be frozen as well.
prelink(f"--store={STORE}", "--freeze-search", f"--ld-library-path={directories[3]}", program)
expect(start(AUDITED)[2] > 0 and start(AUDITED, LD_LIBRARY_PATH=directories[3])[2] == 0, "a frozen LD_LIBRARY_PATH")
# A damaged entry is not used: each byte of the paths and of what names them.
data = bytearray(open(STORE, "rb").read())
at = data.index(libraries[10].encode())
data[at + len(here) + 3] ^= 1
os.unlink(STORE)
write(STORE, bytes(data))
seen = start(AUDITED, LD_LIBRARY_PATH=directories[3])
expect(libraries[10] in seen[0] and seen[2] > 0, "a damaged path was believed")
