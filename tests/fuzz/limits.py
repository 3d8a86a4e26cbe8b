#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of which each once ended, hanged or bloated a run over a tree: sizes and counts beyond all measure.  All else in
the tree is done as ever, in 10 seconds of processor time and 512 MB.  LONG=1: two of them are larger."""
import os
import struct

from harness import compile_c, expect, notegen, read, tool, write

from guarded_tree import SOUND, Trees
from shaped_elf import Shape

TERA, LIB = 1 << 40, "/usr/lib/libbad.so"
CIRCLE, CHAINS = (6000, 8) if os.environ.get("LONG") else (1500, 2)


def sections(root, count):
    """COUNT section headers, the first of which says so."""
    shape = Shape()
    shape.set("e_shnum", 0)
    shape.set("sh[0].sh_size", count)
    shape.write(root + LIB, size=shape.get("e_shoff") + 64 * count)


def segments(root, count):
    shape = Shape()
    shape.set("e_phoff", len(shape.data))
    shape.set("e_phnum", count)
    shape.write(root + LIB, size=len(shape.data) + 56 * count)


def dynamic(root, size):
    """A dynamic section of SIZE bytes that ends as early as any."""
    shape = Shape()
    for field in "ph[2].p_filesz", "ph[2].p_memsz", "ph[1].p_filesz", "ph[1].p_memsz":
        shape.set(field, size)
    shape.write(root + LIB, size=shape.at[".dynamic"] + size)


def extent(root, size):
    """A library that stays where it is, at SIZE bytes of addresses, all that there are for slots."""
    shape = Shape()
    shape.set("ph[0].p_vaddr", 0x3000000000)
    shape.set("ph[1].p_vaddr", 0x3000000000 + size)
    shape.write(root + LIB)


def hole(root, size):
    """Data of SIZE bytes that are not on disk."""
    shape = Shape()
    for field in "ph[1].p_filesz", "ph[1].p_memsz":
        shape.set(field, size - shape.at[".dynamic"])
    shape.write(root + LIB, size=size)


def undo_record(root, **numbers):
    """The undo record of a prelinked library with other numbers, in a file of `size` bytes."""
    data, size = bytearray(read(trees.prelinked_library)), numbers.pop("size", None)
    at = data.rindex(b"PRELUNDO")
    for name, value in numbers.items():
        offset, form = {"original": (16, "<Q"), "front": (40, "<Q"), "words": (48, "<Q"), "stream": (56, "<Q")}[name]
        struct.pack_into(form, data, at + offset, value)
    write(root + LIB, bytes(data))
    if size:
        os.truncate(root + LIB, size)


def circle(root, count):
    for i in range(count):
        Shape(needed=[f"libc{(i + 1) % count}.so"], soname=f"libc{i}.so").write(root + f"/usr/lib/libc{i}.so")


def long_paths(root, count):
    """COUNT libraries of which each needs the next, and says for it a list of directories of 60 KB."""
    for i in range(count):
        Shape(needed=[f"libc{i + 1}.so"], soname=f"libc{i}.so", runpath="/usr/lib:" * 6500 + f"/{i}").write(
            root + f"/usr/lib/libc{i}.so")


def needed(root, count, directories=1):
    """COUNT dependencies that are nowhere, to be looked for in as many DIRECTORIES."""
    path = ":".join("/usr/lib" + "/." * i for i in range(directories))
    Shape(needed=[f"none{i}.so" for i in range(count)], runpath=path).write(root + LIB)


def names(root, count, length):
    """COUNT symbols, each of a name of LENGTH bytes that ends the same."""
    shape = Shape(symbols=["a" * length], references=["r%d" % i for i in range(count)], relocs=count)
    first = shape.get(f"sym[{count + 1}].st_name")
    for i in range(1, count + 1):
        shape.set(f"sym[{i}].st_name", first + i % (length - 1))
    shape.write(root + LIB)


def versions(root, count, length):
    """COUNT versions, each of a name of LENGTH bytes that ends the same."""
    shape = Shape(symbols=["a" * length], versions=count)
    first = shape.get("sym[2].st_name")
    for i in range(1, count):
        shape.set(f"verdaux[{i}].vda_name", first + i % (length - 1))
    shape.write(root + LIB)


def directories(root, count):
    for i in range(count):
        os.makedirs(root + f"/usr/share/{i % 60}/{i}", exist_ok=True)


def patterns(root, count):
    """COUNT patterns that each go through all of the tree, which has 4,000 directories."""
    directories(root, 4000)
    Shape(note="[" + ",".join('{"path":"/**/x%d"}' % i for i in range(count)) + "]").program().write(root + LIB)


def backtracking(root, stars):
    """A pattern that a naive matcher tries in as many ways as there are."""
    for i in range(40):
        write(root + "/usr/lib/" + "a" * 200 + str(i), "")
    pattern = "/usr/lib/" + "*a" * stars + "b"
    Shape(note='[{"path":"%s"},{"path":"/**/%s"}]' % (pattern, "?*" * stars)).program().write(root + LIB)


def overlapping_notes(root, count):
    """COUNT sections of notes that are the same megabyte."""
    text = "[" + ",".join('{"path":"/usr/lib/x"}' for _ in range(40000)) + "]"
    shape = Shape(note=text)
    index = shape.get("e_shnum") - 2
    offset, _ = shape.fields[f"sh[{index}].sh_name"]
    row = bytes(shape.data[offset:offset + 64])
    shape.set("e_shnum", shape.get("e_shnum") + count)
    shape.data += row * count
    shape.write(root + LIB)


def own_linkers(root, count):
    """COUNT programs that say that a library of somebody else is what they start with."""
    for i in range(count):
        Shape(needed=["libsound.so"]).program(SOUND[i % 3]).write(root + f"/usr/bin/own{i}")
    Shape(needed=["libsound.so"]).program(SOUND[0]).write(root + LIB)


def deep_directories(root, count, directories):
    """COUNT dependencies that are in the last of so many DIRECTORIES."""
    for i in range(directories):
        os.makedirs(root + f"/d/{i}")
    os.makedirs(root + "/usr/deep")
    path = ":".join([f"/d/{i}" for i in range(directories)] + ["/usr/deep"])
    for i in range(count):
        Shape(soname=f"libd{i}.so").write(root + f"/usr/deep/libd{i}.so")
    Shape(needed=[f"libd{i}.so" for i in range(count)], runpath=path).program().write(root + LIB)


def many_plugins(root, count, chain):
    """A program with COUNT plugins that each need the same CHAIN of libraries."""
    for i in range(chain):
        Shape(needed=[f"libc{i + 1}.so"][:i < chain - 1], soname=f"libc{i}.so").write(root + f"/usr/lib/libc{i}.so")
    for i in range(count):
        Shape(needed=["libc0.so"], soname=f"libp{i}.so").write(root + f"/usr/many/libp{i}.so")
    Shape(note='[{"path":"/usr/many/*.so"}]').program().write(root + LIB)


def rpath_chains(root, programs, chain):
    """As many PROGRAMS, each with a CHAIN of its own of libraries that hand down their DT_RPATHs, all of them long."""
    for k in range(programs):
        for i in range(chain):
            shape = Shape(needed=[f"libr{k}_{i + 1}.so"][:i < chain - 1], soname=f"libr{k}_{i}.so",
                          runpath=f"/usr/lib:/{k}/{i}/" + "x" * 40)
            shape.set("dyn[%d].d_tag" % next(n for n in range(9) if shape.get(f"dyn[{n}].d_tag") == 29), 15)  # DT_RPATH
            shape.write(root + (f"/usr/lib/libr{k}_{i}.so" if i else f"/usr/lib/libr{k}_0.so"))
    Shape(needed=["libr0_0.so"]).program().write(root + LIB)


def absolute_symbols(root, count, length):
    """A .symtab of COUNT absolute symbols, which all have the same name of LENGTH bytes."""
    shape = Shape()
    names = f"sh[{shape.get('e_shstrndx')}]."
    at = shape.get(names + "sh_offset")
    text = shape.data[at:at + shape.get(names + "sh_size")] + b"a" * length + b"\0"
    text += b"\0" * (-len(text) % 8)
    shape.set(names + "sh_offset", len(shape.data))
    shape.set(names + "sh_size", len(text))
    name = text.index(b"aaaa")
    shape.data += text
    shape.data += b"\0" * (-len(shape.data) % 8)
    for field, value in {"sh_type": 2, "sh_flags": 0, "sh_addr": 0, "sh_offset": len(shape.data), "sh_size": 24 * count,
                         "sh_link": shape.get("e_shstrndx"), "sh_info": 1, "sh_addralign": 8, "sh_entsize": 24}.items():
        shape.set("sh[1]." + field, value)
    shape.data += struct.pack("<IBBHQQ", name, 0x10, 0, 0xfff1, 0, 0) * count
    shape.write(root + LIB)


def zeros(root, count):
    """COUNT entries of ld.so.cache that are one number, of megabytes of digits, as is the name of a dependency; all are equal."""
    Shape(needed=["1"]).program().write(root + LIB)
    base = 48 + 24 * count
    text = b"0" * (20 << 20) + b"1\0"
    write(root + "/etc/ld.so.cache", b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xIIII", count, len(text), 2, 0, 0, 0, 0)
          + b"".join(struct.pack("<iIIIQ", 0x303, base + i, base + i, 0, 0) for i in range(count)) + text)


CASES = {
    "2^37 section headers": (sections, 1 << 37), "60,000,000 section headers": (sections, 60000000),
    "500,000 section headers": (sections, 500000), "65,000 program headers": (segments, 65000),
    "PT_DYNAMIC of 8 TB": (dynamic, 8 * TERA), "PT_DYNAMIC of 60 MB": (dynamic, 60 << 20),
    "64 GB of addresses": (extent, 64 << 30), "3.1 GB of holes": (hole, 3100 << 20), "60 MB of holes": (hole, 60 << 20),
    f"a circle of {CIRCLE} libraries": (circle, CIRCLE), "900 directory lists of 60 KB": (long_paths, 900),
    "16,000 dependencies": (needed, 16000), "990 dependencies in 1,000 directories": (needed, 990, 1000),
    "60,000 directories": (needed, 1, 5000), "20,000 names of 60 KB": (names, 20000, 60000),
    "30,000 versions of 60 KB": (versions, 30000, 60000),
    "1,024 patterns /**/x": (patterns, 1024), "a pattern of 60 stars": (backtracking, 60),
    "60,000 times the same megabyte of notes": (overlapping_notes, 60000),
    "libraries that programs call their ld.so": (own_linkers, 20), "300 dependencies behind 1,000 directories": (deep_directories, 300, 1000),
    "600 plugins of 500 libraries": (many_plugins, 600, 500), f"{CHAINS} chains of 700 DT_RPATHs": (rpath_chains, CHAINS, 700),
    "20 MB of zeros in ld.so.cache": (zeros, 5000), "3,000,000 absolute symbols with a name of 65,000 bytes": (absolute_symbols, 3000000, 65000),
}
SAID = {deep_directories: "needs more objects or directories, than prelink allows", many_plugins: "more than 262144 objects; the rest is left out"}
RECORDS = {"a record of 8 TB": {"original": 8 * TERA, "stream": 8 * TERA, "size": 8 * TERA},
           "a record of 60 MB": {"original": 1 << 25, "stream": 1 << 26, "size": 60 << 20},
           "words without end": {"words": 1 << 61}, "a front without end": {"front": 1 << 62, "original": 4096}}

trees = Trees()
root = trees.fresh()
Shape().write(root + LIB)
trees.run("a shaped library", status=(0,))
expect(b"PRELUNDO" in read(root + LIB), "a shaped library is not prelinked: this tests nothing")
trees.prelinked_library = trees.here + "/prelinked.so"
os.rename(root + LIB, trees.prelinked_library)

passed = 0
for what, (make, *arguments) in [*CASES.items(), *((name, (None, numbers)) for name, numbers in RECORDS.items())]:
    root = trees.fresh()
    try:
        if make:
            make(root, *arguments)
        else:
            undo_record(root, **arguments[0])
    except OSError as error:  # of that size, not on this file system
        print(f"not tried: {what}: {error.strerror}")
        continue
    before = os.stat(root + LIB).st_blocks if os.path.exists(root + LIB) else 0
    text = trees.run(what, "-v")
    trees.check(what, text, same=False)
    expect(SAID.get(make, "") in text, f"{what}: the limit was not reached\n{text[-2000:]}")
    expect(LIB in text or "00  takes more addresses" in text, f"{what}: nobody says what became of it\n{text[-2000:]}")
    if os.path.exists(root + LIB):
        expect(os.stat(root + LIB).st_blocks <= before + 200, f"{what}: its holes were filled")
    trees.undo(what)
    passed += 1
# Configurations of an image: what they cost is bounded, too, and said.
LINES = {"ld.so.conf": "include /usr/*/*/*/x{}*\n", "prelink.conf": "/**/x{}*\n", "prelink.conf, -c": "-c /**/x{}\n",
         "prelink.conf, -b": "-b /usr/x{}*\n"}
root = trees.fresh()
directories(root, 4000)
for what, line in LINES.items():
    kept = read(root + "/etc/prelink.conf")
    write(f"{root}/etc/{what.split(',')[0]}", "/usr\n" + "".join(line.format(i) for i in range(30000)))
    text = trees.run("30,000 lines in " + what, status=(1,))
    expect(("one more than" if "-b" in what else "go through more than") in text and text.count("\n") <= 1010,
           f"{what}: {text.count(chr(10))} lines\n{text[-500:]}")
    write(root + "/etc/ld.so.conf", "")
    write(root + "/etc/prelink.conf", kept)
    passed += 1
# A manifest whose hosts are as many, and one with as many as are allowed: other manifests are heeded.
for what, count, hosts in (("40,000 hosts", 40000, "/**"), ("1,024 hosts", 1024, "/**/x{}"), ("1,000 hosts", 1000, "/**")):
    root = trees.fresh()
    directories(root, 4000)
    notegen("remove", root + SOUND[1])
    write(root + "/etc/many.yaml", "manifest: 1\napplication: many\nhosts:\n" +
          "".join(f"  - path: {hosts.format(i)}\n" for i in range(count)) + "plugins:\n  - soname: x.so\n")
    for manifests in ["many", "sound"], ["sound"]:
        arguments = [word for name in manifests for word in ("--manifest", f"{root}/etc/{name}.yaml")]
        text = trees.command(what, [tool("notegen"), "add", "--root", root, *arguments])
    expect(b".note.prelink.plugins" in read(root + SOUND[1]), f"{what}: another manifest was not heeded\n{text[-1000:]}")
    passed += 1
# What asks of each version that is needed whether it is there: long names, but not too long to be looked at.
here, wanted = trees.here, range(200)
write(here + "/map", "".join("v%d%s { global: f%d; };\n" % (i, "a" * 50000, i) for i in wanted))
compile_c("".join(f"void f{i}(void) {{}}\n" for i in wanted), here + "/libmany.so", "-shared", "-fPIC", "-nostdlib",
          "-Wl,-soname,libmany.so", f"-Wl,--version-script={here}/map")
compile_c("".join(f"extern void f{i}(void);\n" for i in wanted) + "void *all[] = {" + ",".join(f"f{i}" for i in wanted) + "};",
          here + "/libasks.so", "-shared", "-fPIC", "-nostdlib", f"-Wl,-rpath,{here}", "-x", "none", here + "/libmany.so")
trees.command("200 versions of 50 KB", [tool("prelink"), "--advise", here + "/libasks.so"])
for name, (value, what) in trees.worst.items():
    print(f"{passed} cases; most {name}: {value:.1f} ({what})")
