#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the run-time module notices of a library that was changed after the program was planned, with slots and with a
store: each row of the table in prelink(8).  What is noticed leaves the program's output as ld.so alone makes it; what is not
noticed and changes what ld.so would bind is said there."""
import os
import re
import shutil

import rooted
import scratch_root
import whole_root
from harness import SOURCE, compile_c, expect, expect_equal, need, prelink, read, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "patchelf", "strip", "eu-strip", "objcopy", "chroot")
HERE = "/opt/noticed"
STORE = "/var/lib/prelink/store"
FUNCTIONS = 200
LIBRARY = "".join(f"int f{i:04}(void) {{ return {i}; }}\n" for i in range(FUNCTIONS)) + "int (*own)(void) = f0001;\n" + \
    "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
MAIN = "#include <stdio.h>\n" + "".join(f"extern int f{i:04}(void);\n" for i in range(FUNCTIONS)) + \
    "int (*const all[])(void) = {" + ",".join(f"f{i:04}" for i in range(FUNCTIONS)) + "};\n" + \
    "int main(void) { long sum = 0; for (int i = 0; i < " + str(FUNCTIONS) + "; i++) sum = sum * 3 + all[i]();\n" \
    "printf(\"%ld\\n\", sum); return 0; }\n"
root = whole_root.root_of("small")
rooted.install_module(root)
at = root + HERE
library, program, other = at + "/libf.so", at + "/program", at + "/other.so"


def build(text, output, *flags):
    compile_c(text, output, "-shared", "-fPIC", "-O0", "-Wl,-soname,libf.so", "-Wl,-z,separate-code", *flags)


def newer_patchelf(*arguments):
    """patchelf of Debian 13, the first that renames symbols."""
    libraries = newer + "/usr/lib/x86_64-linux-gnu"
    run([libraries + "/ld-linux-x86-64.so.2", "--library-path", libraries, newer + "/usr/bin/patchelf", *arguments])


def rename():
    write(at + "/names", "f0007 g0007\n")
    newer_patchelf("--rename-dynamic-symbols", at + "/names", library)


def replace(old, new):
    data = read(library)
    expect(data.count(old) >= 1, "the bytes to change are not there")
    write(library, data.replace(old, new, 1))


def swapped():
    """Another build, of the same form: two functions have changed places."""
    text = LIBRARY.split("\n")
    text[0], text[1] = text[1], text[0]
    os.unlink(library)
    build("\n".join(text), library)


def in_place():
    """The same inode with other contents."""
    build(LIBRARY + "int more(void) { return 1; }\n", other)
    with open(library, "r+b") as file:
        file.write(read(other))
        file.truncate()


def longer():
    with open(library, "ab") as file:
        file.write(b"something more")


def run_command(*words):
    return lambda: run([word.replace("LIB", library) for word in words])


CHANGES = {
    "another build or version of it": swapped,
    "written over, with another build": in_place,
    "given back by prelink -u": lambda: prelink("--root", root, "-u", HERE + "/libf.so"),
    "moved by prelink -r": lambda: (prelink("--root", root, "-u", HERE + "/libf.so"), prelink("--root", root, "-r", "0x3500000000", HERE + "/libf.so")),
    "patchelf --set-soname": run_command("patchelf", "--set-soname", "libother.so", "LIB"),
    "patchelf --set-rpath": run_command("patchelf", "--set-rpath", "/usr/lib/nowhere/at/all/" + "x" * 200, "LIB"),
    "patchelf --add-needed": run_command("patchelf", "--add-needed", "libm.so.6", "LIB"),
    "patchelf --rename-dynamic-symbols": rename,
    "code or data, byte for byte": lambda: replace(b"\xb8\x07\x00\x00\x00", b"\xb8\x09\x00\x00\x00"),
    "a name in its table of symbols": lambda: replace(b"\0f0007\0", b"\0g0007\0"),
    "strip -s": run_command("strip", "-s", "LIB"),
    "eu-strip": run_command("eu-strip", "LIB"),
    "objcopy --add-section": run_command("objcopy", "--add-section", "x=/etc/passwd", "LIB"),
    "bytes behind its end": longer,
    "its times, mode, owner or inode": lambda: (shutil.copy(library, other), os.rename(other, library), os.chmod(library, 0o700),
                                                             os.utime(library, (1, 1))),
}


def start(**environment):
    """Whether the library is taken for the one that was planned, what the program says, and its exit status."""
    done = rooted.start(root, [HERE + "/program"], PRELINK_RTLD="verbose", **environment)
    taken = any(level == "full" for path, level, _ in rooted.levels_of(done) if path.endswith("/libf.so"))
    expect(taken or "/libf.so: " in done.stderr, f"the module says nothing of it: {done.stderr}")
    return taken, done.stdout, done.returncode


def rows_of_manual():
    """{change: (with slots, with a store)} as prelink(8) has it."""
    text = read(SOURCE + "/prelink-plugins/prelink.8").decode().split(".SH WHAT IS NOTICED", 1)[1].split(".SH", 1)[0]
    table = text.split(".TS", 1)[1].split(".TE", 1)[0].replace("\\-", "-")
    rows = [re.sub(r"\\f.", "", line).split("\t") for line in table.split("\n") if line.count("\t") == 2]
    return {row[0].strip(): (row[1], row[2]) for row in rows[1:]}


os.makedirs(at)
build(LIBRARY, library)
newer = scratch_root.master("patchelf", suite="trixie")
compile_c(MAIN, program, "-x", "none", library, f"-Wl,-rpath,{HERE}", "-Wl,-z,now")
original = read(library)
seen = {}
for column, environment in (("slots", {}), ("store", {"LD_AUDIT": rooted.module_path(), "PRELINK_STORE": STORE})):
    write(library, original)
    if column == "slots":
        said = prelink("--root", root, "-v", HERE).stdout
        expect(f"{HERE}/program: plan:" in said, f"the program has no plan:\n{said[-1500:]}")
    else:
        prelink("--root", root, "-u", HERE + "/program")
        prelink("--root", root, f"--store={STORE}", HERE + "/program")
    planned = read(library)
    expect(start(**environment)[0], f"{column}: the library that was planned is not known again")
    for change, make in CHANGES.items():
        if column == "store" and "by prelink" in change:
            seen[change, column] = "-"
            continue
        os.unlink(library)
        write(library, planned)
        os.chmod(library, 0o755)
        make()
        taken, out, status = start(**environment)
        alone = rooted.start(root, [HERE + "/program"], PRELINK_RTLD="off", **environment)
        same = (out, status) == (alone.stdout, alone.returncode)
        seen[change, column] = "yes" if not taken else "no" if same else "no, matters"
        expect(same or taken, f"{column}: {change}: noticed, and the program says {out!r} instead of {alone.stdout!r}")
measured = {change: (seen[change, "slots"], seen[change, "store"]) for change in CHANGES}
if os.environ.get("SHOW"):
    print("\n".join(f"{change}\t{a}\t{b}" for change, (a, b) in measured.items()))
expect_equal(rows_of_manual(), measured, "what prelink(8) says is noticed")
print(f"{len(CHANGES)} changes to a library, with slots and with a store, as prelink(8) says")
