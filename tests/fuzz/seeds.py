#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the fuzzers' seeds: seeds.py DIRECTORY fills DIRECTORY/manifest, note and elf."""
import glob
import json
import os
import shutil
import subprocess
import sys

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ENTRIES = [
    {"feature": "one", "description": "a \u00fc\u4e2d", "priority": "required", "path": "/usr/{lib,lib64/*}/demo/**/[!a]?*.so"},
    {"feature": "two", "exclusive": "group", "priority": "suggested", "soname": ["liba.so.1", "libb.so"]},
]
COMPILERS = ["gcc", "i686-linux-gnu-gcc", "aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc", "powerpc64-linux-gnu-gcc",
             "s390x-linux-gnu-gcc", "riscv64-linux-gnu-gcc"]
PROGRAM = """
extern int puts(const char *);
__thread int per_thread; int data = 3; int *pointer = &data;
int shared(void) { return puts("x") + per_thread + *pointer; }
#ifndef __PIC__
int main(void) { return shared(); }
#endif
"""


def note(text, order="little", owner=b"prelink\0", kind=0x504c5547):
    text = text.encode() + b"\0"
    return (len(owner).to_bytes(4, order) + len(text).to_bytes(4, order) + kind.to_bytes(4, order) + owner + text
            + b"\0" * (-len(text) % 4))


def put(directory, name, data):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def make_texts(directory):
    for path in glob.glob(os.path.join(SOURCE, "manifests/*.yaml")):
        shutil.copy(path, directory + "/manifest")
    put(directory + "/manifest", "json", json.dumps({"manifest": 1, "application": "demo", "description": "words",
                                                     "hosts": [{"path": "/usr/bin/*"}], "plugins": ENTRIES}, indent=1))
    put(directory + "/note", "compact", json.dumps(ENTRIES, separators=(",", ":")))
    put(directory + "/note", "ascii", json.dumps(ENTRIES))
    put(directory + "/note", "one", json.dumps(ENTRIES[1]))
    put(directory + "/note", "section", note(json.dumps(ENTRIES)) + note("[]", owner=b"GNU\0"))
    put(directory + "/note", "section-big", note(json.dumps(ENTRIES[:1]), "big"))


def make_elf(directory):
    for compiler in COMPILERS:
        if not shutil.which(compiler):
            continue
        for shape, flags in {"shared": ["-shared", "-fPIC"], "exec": ["-no-pie", "-fno-pie"], "object": ["-c", "-fno-pic"],
                             "sysv": ["-shared", "-fPIC", "-Wl,--hash-style=sysv", "-Wl,-z,now"]}.items():
            path = f"{directory}/elf/{compiler}-{shape}"
            # Small pages in the file: the seeds stay a few kilobytes.
            flags = flags if shape == "object" else [*flags, "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=4096", "-s"]
            subprocess.run([compiler, "-x", "c", "-", "-o", path, *flags], input=PROGRAM.encode(), check=True)
    put(directory, "note.bin", note(json.dumps(ENTRIES)))
    for section in ["prelink.plugins", "dlopen"]:
        data = note(json.dumps(ENTRIES)) if section != "dlopen" else note(json.dumps(ENTRIES), owner=b"FDO\0", kind=0x407c0c0a)
        put(directory, "note.bin", data)
        subprocess.run(["objcopy", "--add-section", f".note.{section}={directory}/note.bin", directory + "/elf/gcc-shared",
                        directory + "/elf/" + section], check=True)
    os.unlink(directory + "/note.bin")


def main(directory):
    for kind in ["manifest", "note", "elf"]:
        os.makedirs(os.path.join(directory, kind), exist_ok=True)
    make_texts(directory)
    make_elf(directory)


if __name__ == "__main__":
    main(sys.argv[1])
