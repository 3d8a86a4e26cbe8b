#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text relocations: the address, symbol, function and file of each, in fixtures and against eu-findtextrel and readelf over
this machine's objects (LONG=1: all, else some)."""
import json
import os
import random
import re

from harness import elf_files, expect, expect_equal, need, prelink, read, run, write
from fixtures import Fixtures, advise, only

need("eu-findtextrel", "readelf", "as", "ld")
f = Fixtures()


def objects_with_textrel(paths):
    """Addresses of relocations in segments that nobody may write, by readelf."""
    found = {}
    for path in paths:
        text = run(["readelf", "-lrW", path], status=None).stdout
        segments = [(int(a, 16), int(a, 16) + int(size, 16), flags) for a, size, flags in
                    re.findall(r"^  LOAD +0x\w+ 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) (.{3})", text, re.M)]
        places = [int(a, 16) for a in re.findall(r"^([0-9a-f]{12,16})  [0-9a-f]{12,16} R_", text, re.M)]
        inside = {a for a in places if any(s <= a < e and "W" not in flags for s, e, flags in segments)}
        if inside:
            found[path] = inside
    return found


def fixtures():
    source = "extern int other; int *{0}(void) {{ return &other; }} static int *inner{0}(void) {{ return &other; }}\n" \
             "int *(*keep{0})(void) = inner{0};"
    flags = ("-fno-pic", "-mcmodel=large", "-Wl,-z,notext", "-O0", "-g0")
    f.library("libtext.so", source.format("here"), *flags)
    f.library("libclean.so", source.format("there"), "-O0")
    found = advise(f.path("libtext.so"), f.path("libclean.so"))
    seen = only("textrel", found, libtext__so="relocations in its code")["libtext.so"]
    texts = [detail["text"] for detail in seen["details"]]
    expect(any(t.startswith("other, in here") for t in texts), f"the function: {texts}")
    expect(any(re.match(r"other, in innerhere of <stdin>", t) for t in texts), f"function and file: {texts}")
    said = run(["eu-findtextrel", f.path("libtext.so")], status=None).stdout
    expect_equal(sorted(set(re.findall(r"function '(\w+)'", said)) - {"_init", "_fini"}), ["here", "innerhere"], said)
    expect_equal({int(d["subject"], 16) for d in seen["details"]},
                 objects_with_textrel([f.path("libtext.so")])[f.path("libtext.so")], "addresses by readelf")
    # The linker was told to leave DT_TEXTREL out: ld.so does not make the code writable.
    data = bytearray(read(f.path("libtext.so")))
    offset = int(re.search(r"DYNAMIC +0x(\w+)", run(["readelf", "-lW", f.path("libtext.so")]).stdout)[1], 16)
    while (tag := int.from_bytes(data[offset:offset + 8], "little")) != 0:
        if tag == 22:
            data[offset:offset + 8] = (0x6ffffdf5).to_bytes(8, "little")  # of no meaning
        elif tag == 30:
            data[offset + 8] &= ~4  # DF_TEXTREL
        offset += 16
    write(f.path("libsilent.so"), bytes(data))
    only("textrel", advise(f.path("libsilent.so")), libsilent__so="without DT_TEXTREL")


def machine():
    paths = [path for path in elf_files("/usr/bin", "/usr/lib") if not path.endswith((".o", ".ko", ".debug"))]
    if not os.environ.get("LONG"):
        paths = random.Random(3).sample(paths, min(60, len(paths)))
    # Dynamic objects of x86-64 and i386.
    good = [path for path in paths if run(["readelf", "-d", path], status=None).stdout.count("(NULL)") and
            read(path)[16] in (2, 3) and read(path)[18:20] in (b"\x3e\0", b"\3\0")]
    said = json.loads(prelink("--advise=textrel", "--json", *good, status=None).stdout)["findings"]
    mine = {item["object"]: {int(d["subject"], 16) for d in item["details"]} for item in said}
    expect_equal(mine, {os.path.realpath(k): v for k, v in objects_with_textrel(good).items()}, "text relocations by readelf")
    flagged = {path for path in good if "TEXTREL" in run(["readelf", "-d", path]).stdout}
    theirs = {path for path in good if "not compiled with" in
              run(["eu-findtextrel", path], status=None).stdout}
    expect_equal({os.path.realpath(path) for path in theirs}, {path for path in mine if path in flagged},
                 "objects that eu-findtextrel tells of")
    print(f"{len(good)} objects, {len(mine)} with text relocations, as readelf and eu-findtextrel say")


fixtures()
machine()
