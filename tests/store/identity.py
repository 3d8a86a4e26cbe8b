#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A wrong object is never taken for the right one: a library is built again, patched or stripped after the store was made,
with a build-id and without, and with one that says nothing; the program says who was called."""
import os
import shutil

import kit
import rooted
from harness import compile_c, expect_equal, need, prelink, run, scratch

need("gcc", "patchelf", "strip", "objcopy")
here = scratch()
store = os.path.join(here, "store")
FUNCTIONS = 200
MAIN = "#include <stdio.h>\n" + "".join(f"extern int f{i}(void);\n" for i in range(FUNCTIONS)) + \
    "int (*const all[])(void) = {" + ",".join(f"f{i}" for i in range(FUNCTIONS)) + "};\n" + \
    "int main(void) { long sum = 0; for (int i = 0; i < " + str(FUNCTIONS) + "; i++) sum = sum * 3 + all[i]();\n" \
    "printf(\"%ld\\n\", sum); return 0; }\n"


def source(first=0, second=1):
    """Functions that return their number, the first two in this order."""
    order = [first, second, *range(2, FUNCTIONS)]
    return "".join(f"int f{i}(void) {{ return {i}; }}\n" for i in order)


def build(directory, *flags, text=None):
    os.makedirs(directory, exist_ok=True)
    library = os.path.join(directory, "libf.so")
    if os.path.exists(library):
        os.unlink(library)
    compile_c(text or source(), library, "-shared", "-fPIC", "-O0", "-Wl,-soname,libf.so", *flags)
    return library


def start(program, **environment):
    done = run([program], env={**os.environ, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": store, "PRELINK_RTLD": "verbose",
                               **environment})
    level = next((level for path, level, _ in rooted.levels_of(done) if "libf.so" in path), None)
    return done.stdout, level


def plain(program):
    return run([program]).stdout


count = 0
for name, flags in (("build-id", ["-Wl,--build-id=sha1"]), ("none", ["-Wl,--build-id=none"]),
                    ("constant", ["-Wl,--build-id=0x" + "11" * 20]), ("counter", ["-Wl,--build-id=0x" + "00" * 19 + "01"]),
                    ("pattern", ["-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567"]),
                    ("short", ["-Wl,--build-id=0xdeadbeefcafebabe"])):
    directory = os.path.join(here, name)
    library = build(directory, *flags)
    program = os.path.join(directory, "program")
    compile_c(MAIN, program, "-x", "none", library, f"-Wl,-rpath,{directory}")
    prelink(f"--store={store}", program)
    original = os.path.join(directory, "original")
    shutil.copy2(library, original)
    expect_equal(start(program), (plain(program), "full"), f"{name}: the library that was planned")

    def changed(what, level, *command, text=None):
        """CHANGED: the library as COMMAND leaves it (or built from TEXT) gets LEVEL, and the program is right."""
        global count
        shutil.copy2(original, library)
        if text is not None:
            build(directory, *flags, text=text)
        else:
            run([word.replace("LIB", library) for word in command])
        out, seen = start(program)
        expect_equal(out, plain(program), f"{name}: {what}: what the program says")
        expect_equal(seen, level, f"{name}: {what}: level")
        count += 1

    changed("two functions have changed places", "none", text=source(1, 0))
    changed("built again with one function more", "none", text=source() + "int more(void) { return 1; }\n")
    changed("patchelf --set-rpath", "none", "patchelf", "--set-rpath", "/nowhere", "LIB")
    changed("patchelf --add-needed", "none", "patchelf", "--add-needed", "libm.so.6", "LIB")
    changed("patchelf --set-soname", "none", "patchelf", "--set-soname", "libother.so", "LIB")
    changed("stripped", "full", "strip", "-s", "LIB")
    changed("a section that is not mapped", "full", "objcopy", "--add-section", ".note.more=/etc/passwd", "LIB")
    changed("copied", "full", "cp", "--preserve=mode", original, "LIB")

# Stores that are not to be trusted, or damaged, count as none.
shutil.copy2(original, library)
expect_equal(start(program)[1], "full", "before the store is tampered with")
os.chmod(store, 0o666)
expect_equal(start(program), (plain(program), "none"), "a store that others can write")
os.chmod(store, 0o644)
if os.geteuid() == 0:
    os.chown(store, 65534, 65534)
    expect_equal(start(program), (plain(program), "none"), "a store of somebody else")
    os.chown(store, 0, 0)
whole = open(store, "rb").read()
for size in (0, 10, 31, len(whole) // 2, len(whole) - 1):
    with open(store, "wb") as file:
        file.write(whole[:size])
    expect_equal(start(program), (plain(program), "none"), f"a store cut to {size} bytes")
os.unlink(store)
os.mkfifo(store)
expect_equal(start(program), (plain(program), "none"), "a FIFO in its place")
print(f"{count} changed libraries")
