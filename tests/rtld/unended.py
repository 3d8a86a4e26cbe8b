#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files whose PT_DYNAMIC has no DT_NULL (GNU ld, --spare-dynamic-tags=0): ld.so reads on, in the GOT that follows.

So do we; the files are left alone, said in one line, and not at all with -b; who needs them is prelinked, and programs
of a store, theirs among them, do what they did.  One that ends nowhere is damaged, which is said once, whatever asks."""
import os

import elf
import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, read, skip, write

LIBRARY = r"""int word = 3; int *at = &word; extern int printf(const char *, ...);
int f(int n) { return printf("f %d\n", *at + n) > 0; }"""
LARGE = r"""int g(void) { return 0; } /* enough to relocate for the module to pay */
__asm__(".section .data.rel,\"aw\"\nlocal:\n.rept 40000\n.quad local\n.endr\n.text");"""
PROGRAM = "extern int f(int), g(void), printf(const char *, ...); int main(int n, char **v) { return f(n) + g() + !printf(\"%s\\n\", v[0]); }"

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small", "libc6")
here = root + "/opt/unended"
os.makedirs(here)
WAYS = {"lazy": ["-Wl,-z,lazy"], "now": ["-Wl,-z,now"], "norelro": ["-Wl,-z,norelro"]}
programs, unended = [], []
compile_c(LARGE, f"{here}/liblarge.so", "-shared", "-fPIC", "-Wl,-soname,liblarge.so")
for way, flags in WAYS.items():
    common = ["-O1", f"-L{here}", "-Wl,-rpath,/opt/unended", *flags]
    unended.append(compile_c(LIBRARY, f"{here}/lib{way}.so", "-shared", "-fPIC", *common, "-Wl,--spare-dynamic-tags=0"))
    for name, more in (("ended", []), ("unended", ["-Wl,--spare-dynamic-tags=0"]), ("fixed", ["-no-pie"])):
        path = compile_c(PROGRAM, f"{here}/{name}-{way}", *common, *more, f"-l:lib{way}.so", "-llarge")
        programs.append(path[len(root):])
        unended += [path] if more[:1] == ["-Wl,--spare-dynamic-tags=0"] else []
for path in unended:
    file = elf.Elf(path)
    expect(len(file.entries) * 16 > file.segment(elf.PT_DYNAMIC).filesz or
           all(tag for _, tag, _ in file.entries), f"{path} has an end: nothing is tested")
before = {path: read(path) for path in unended}
wanted = {program: rooted.start(root, [program, "x"]) for program in programs}
for program, done in wanted.items():
    expect_equal((done.returncode, done.stdout), (1, f"f 5\n{program}\n"), f"{program}, untouched")


def check(environment, what):
    fast = 0
    for program, done in wanted.items():
        seen = rooted.start(root, [program, "x"], **environment, PRELINK_RTLD="verbose")
        aside = rooted.start(root, [program, "x"], **environment, PRELINK_RTLD="off")
        expect_equal((seen.returncode, seen.stdout, rooted.messages_of(seen)), (done.returncode, done.stdout, aside.stderr),
                     f"{program}, {what}")
        fast += any(level == "full" for _, level, _ in rooted.levels_of(seen))
    print(f"{what}: {fast} of {len(wanted)} programs on the fast path")
    return fast


done = prelink("--root", root, "--store=/var/lib/prelink/store", "/opt/unended")
expect_equal(done.stderr, "", "what is said while a store is made")
expect_equal(check({"LD_AUDIT": rooted.module_path(), "PRELINK_STORE": "/var/lib/prelink/store"}, "with a store"), len(programs),
             "programs that the store makes fast")
os.unlink(root + "/var/lib/prelink/store")
done = prelink("--root", root, "/opt/unended")
expect_equal(done.stderr, "", "what is said of a directory with such files")
expect(f"{len(unended)}  its dynamic section has no end" in done.stdout, f"what is left alone: {done.stdout}")
expect(check({}, "prelinked") > 0, "no program was prelinked")
for path in unended:
    expect(read(path) == before[path], f"{path} was changed")
    done = prelink("--root", root, path[len(root):], status=1)
    expect_equal((done.stderr.count("\n"), "no end of its own" in done.stderr), (1, True), f"what is said of {path}: {done.stderr}")
    done = prelink("--root", root, "-b", os.path.basename(path), path[len(root):])
    expect_equal(done.stderr, "", f"what is said of {path} with -b")
prelink("--root", root, "-u", "/opt/unended")

# What follows has no end either: read by whatever looks at it, and said once; nothing with -b.
data = bytearray(before[unended[0]])
file = elf.Elf("", data)
number, last = next((i, s) for i, s in enumerate(file.segments) if s.type == elf.PT_LOAD and s.flags & 2)
start, end = file.segment(elf.PT_DYNAMIC).offset + file.segment(elf.PT_DYNAMIC).filesz, last.offset + last.filesz
data[start:end] = b"\x7f" * (end - start)
file.set("A", file.get("A", 32)[0] + 56 * number + 40, last.filesz)  # p_memsz: there is no .bss
write(root + "/etc/prelink.conf", "/opt/unended\n")
name = unended[0][len(root):]
for what, contents in (("has an end (DT_NULL)", data), ("the file is truncated", data[:start])):
    write(unended[0], bytes(contents))
    for arguments in (["-an"], ["-an", "-v"], [name], ["--status", "-v", name], ["--store=/var/lib/prelink/store", "-a"],
                      ["--bindings", "/opt/unended"], ["--advise", name], ["--verify", "/opt/unended"]):
        said = prelink("--root", root, *arguments, status=None).stderr
        expect_equal([what in line for line in said.splitlines() if name in line], [True],
                     f"what {arguments} says of a damaged file: {said}")
        said = prelink("--root", root, *arguments, "-b", os.path.basename(name), status=None).stderr
        expect(what not in said, f"what {arguments} says with -b: {said}")
