#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What patchelf leaves behind the end of a file, a few zeros, is padding: such files are prelinked as any other, run, and
are given back with every byte.  Anything else there is somebody's, and the file is left alone."""
import os
import shutil

from harness import compile_c, expect, expect_equal, prelink, read, run, scratch, write

root = scratch()
for name in ("etc", "usr/lib", "usr/bin", "lib64", "lib/x86_64-linux-gnu"):
    os.makedirs(f"{root}/{name}")
for name in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
    shutil.copy2(name, root + name)
write(root + "/etc/prelink.conf", "/usr\n/lib\n")
padding = {"none": b"", "one": b"\0", "some": b"\0" * 4095, "data": b"\0\0\0x", "patched": b""}
library = {}
for name, bytes_ in padding.items():
    path = f"{root}/usr/lib/lib{name}.so"
    compile_c(f"int value_{name} = 7, *at_{name} = &value_{name}; int get_{name}(void) {{ return *at_{name}; }}", path, "-shared",
              "-fPIC", f"-Wl,-soname,lib{name}.so")
    if name == "patched":
        run(["patchelf", "--set-rpath", "/usr/lib:/usr/lib/a/much/longer/way/to/go", path])
    with open(path, "ab") as file:
        file.write(bytes_)
    library[name] = path
program = compile_c("".join(f"int get_{n}(void);" for n in padding) +
                    f"int main(void) {{ return {'+'.join(f'get_{n}()' for n in padding)}; }}",
                    root + "/usr/bin/program", f"-L{root}/usr/lib", *(f"-l{n}" for n in padding), "-Wl,-rpath,/usr/lib")
with open(program, "ab") as file:
    file.write(b"\0" * 3)
before = {path: read(path) for path in (*library.values(), program)}


def answer():
    return run([root + "/lib64/ld-linux-x86-64.so.2", "--inhibit-cache", "--library-path",
                f"{root}/usr/lib:{root}/lib/x86_64-linux-gnu", program], status=None).returncode


expect_equal(answer(), 7 * len(padding), "the program untouched")
said = prelink("--root", root, "-a", "-v").stdout
for name, path in library.items():
    expect_equal(read(path) != before[path], name != "data", f"{name}: whether it was prelinked")
    expect_equal(prelink("--root", root, "-y", path, text=False, errors=None).stdout, before[path], f"{name}: -y")
expect("/usr/lib/libdata.so: data follows the end" in said, f"not said why libdata.so is left alone: {said}")
expect_equal(answer(), 7 * len(padding), "the program with prelinked libraries")
prelink("--root", root, "-ua")
for path, data in before.items():
    expect_equal(read(path), data, f"{path} undone")
print(f"{len(padding)} libraries")
