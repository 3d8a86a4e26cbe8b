#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files made by structure and then wrong in a few of their fields: headers, dynamic section, hash tables, versions,
relocations, notes, undo records, plans, prelink.cache, ld.so.cache, manifests.  A dozen at a time lie in a tree with sound
files, which are done in 10 seconds of processor time and 512 MB as without them, and undone.

60 files; 10,000 with LONG=1, or COUNT=N; which, is printed (SEED=N for others).  ROUND=N is that round alone."""
import os
import random
import struct

from changes import VALUES, change, ld_cache
from guarded_tree import SOUND, Trees
from harness import expect, read, tool, write
from shaped_elf import Shape

TOGETHER = 12
TEXTS = ["", "[]", "{}", "[[[[", '[{"path":"/**/*"}]', '[{"path":"/usr/lib/{a,b}{c,d}{e,f}/**/x*"}]', '[{"soname":["a","b"]}]',
         '[{"path":"relative"}]', '{"path":"/usr/lib/**/**/*.so"}', '[{"path":"/usr/lib/plugins/*.so","exclusive":"x"}]',
         "[" + ",".join('{"path":"/**/n%d"}' % i for i in range(200)) + "]", "\xff\xfe", "&a [*a, *a]", "a" * 70000]


def mutate(chance, shape, size):
    """Other values in a few fields: any, what another field has, or what is there and a little."""
    names = list(shape.fields)
    groups = sorted({name.split("[")[0].split(".")[0] for name in names})
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        group = chance.choice(groups)  # so that a table with many fields is not the only one
        name = chance.choice([n for n in names if n.split("[")[0].split(".")[0] == group])
        value = chance.choice(VALUES)
        if chance.random() < 0.4:
            value = shape.get(name) + chance.randrange(-9, 10)
        elif chance.random() < 0.4:
            value = shape.get(chance.choice(names)) + chance.choice((0, 0, 1, -1))
        elif chance.random() < 0.2:
            value = chance.choice((size, size - 1, len(shape.data), len(shape.data) - 16))
        shape.set(name, value)


def shape_of(chance, number):
    many = chance.choice((1, 3, 20, 300))
    others = [f"libbad{chance.randrange(TOGETHER)}.so" for _ in range(chance.choice((0, 1, 2, 40)))]
    return Shape(soname=f"libbad{number}.so", needed=[*others, *chance.choice(([], ["libsound.so"]))],
                 symbols=[chance.choice(("s", "f", "a" * 300)) + str(i) for i in range(many)],
                 references=["f%d" % i for i in range(chance.choice((1, 5, 200)))], relocs=chance.choice((1, 10, 2000)),
                 relative=chance.choice((4, 100)), relr=chance.choice((0, 0, 1, 50)),
                 hashes=chance.choice((("gnu",), ("sysv",), ("gnu", "sysv"))), versions=chance.choice((0, 0, 3, 100)),
                 note=chance.choice((None, *TEXTS)), runpath=chance.choice((None, "$ORIGIN:/usr/lib", ":".join(["/usr"] * 99))),
                 buckets=chance.choice((1, 3, 64)))


def put_library(chance, root, number):
    shape = shape_of(chance, number)
    size = chance.choice((None, None, None, 1 << 20, 60 << 20, 1 << 32, 1 << 43))
    if chance.random() < 0.3:
        shape.program()
    mutate(chance, shape, size or len(shape.data))
    if chance.random() < 0.1:
        del shape.data[chance.randrange(16, len(shape.data)):]
        size = None
    shape.write(f"{root}/{chance.choice(('usr/lib', 'bad'))}/libbad{number}.so", size=size)


def put_prelinked(chance, root, number):
    """A prelinked library or program of which the undo record, or something else, is wrong."""
    data = trees.prelinked[chance.choice(SOUND)]
    at = data.rindex(b"PRELUNDO")
    start, end = chance.choice(((at + 8, at + 64), (at + 64, len(data)), (0, 1024), (0, len(data))))
    write(f"{root}/bad/pre{number}", change(chance, data, start, end))
    if chance.random() < 0.2:
        os.truncate(f"{root}/bad/pre{number}", 60 << 20)


def put_plan(chance, root, number):
    data = trees.prelinked[SOUND[1]]
    at = data.index(b"\x4e\x4c\x50") if b"\x4e\x4c\x50" in data else 64
    write(f"{root}/usr/bin/plan{number}", change(chance, data, at, at + chance.choice((64, 400, 4000))))
    os.chmod(f"{root}/usr/bin/plan{number}", 0o755)


def put_cache(chance, root, _):
    """prelink.cache, with a right checksum or not."""
    import zlib
    data = bytearray(change(chance, trees.cache, 24, chance.choice((64, 400, len(trees.cache)))))
    if chance.random() < 0.8:
        struct.pack_into("<I", data, 24, zlib.crc32(bytes(data[28:])))
    write(root + "/etc/prelink.cache", bytes(data))
    if chance.random() < 0.2:
        os.truncate(root + "/etc/prelink.cache", chance.choice((100, 1 << 20, 1 << 36)))


def put_ld_cache(chance, root, _):
    count = chance.choice((1, 10, 5000))
    data = ld_cache(count, chance.choice((1, count)))
    write(root + "/etc/ld.so.cache", change(chance, data, 20, chance.choice((48, 200, len(data)))))


def put_manifest(chance, root, number):
    hosts = "".join(f"  - path: {chance.choice(('/**', '/**/*', '/usr/lib/lib*', '/x/{a,b}/**/y'))}\n"
                    for _ in range(chance.choice((1, 5, 2000))))
    text = f"manifest: 1\napplication: bad{number}\nhosts:\n{hosts}plugins:\n  - path: /usr/**/{number}*.so\n"
    write(f"{root}/etc/bad{number}.yaml", change(chance, text.encode(), 0, len(text), 3) if chance.random() < 0.5 else text)
    trees.command(f"manifest {number}", [tool("notegen"), "add", "--root", root, "--manifest", f"{root}/etc/bad{number}.yaml"])


def one_round(number, count):
    chance = random.Random(seed * 1000003 + number)
    root = trees.fresh()
    kinds = [put_library] * 8 + [put_prelinked] * 2 + [put_plan, put_cache, put_ld_cache, put_manifest]
    made = [chance.choice(kinds) for _ in range(count)]
    made.sort(key=kinds.index)  # manifests last, when there are hosts
    for i, put in enumerate(made):
        put(chance, root, i)
    what = f"seed {seed}, round {number}"
    text = trees.run(what, *chance.choice(([], ["-m"], ["-q"], ["-j1"])))
    trees.check(what, text, same=False)
    if chance.random() < 0.3:
        trees.command(what, [tool("prelink"), "--root", root, "--status", "-a", "--with-plugins"])
        trees.undo(what)


trees = Trees()
trees.cache = read(trees.root + "/etc/prelink.cache")
seed = int(os.environ.get("SEED", 1))
total = int(os.environ.get("COUNT", 10000 if os.environ.get("LONG") else 60))
done = 0
if "ROUND" in os.environ:
    one_round(int(os.environ["ROUND"]), TOGETHER)
    total = 0
while done < total:
    one_round(done // TOGETHER, min(TOGETHER, total - done))
    done += TOGETHER
    if done % 600 == 0:
        print(f"seed {seed}: {done} files so far", flush=True)
expect(trees.worst["seconds"][0] > 0, "nothing was run")
print(f"seed {seed}: {total} files; most " + ", ".join(f"{n}: {v:.1f} ({w})" for n, (v, w) in trees.worst.items()))
