#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink.cache, what lies beside it, and ld.so.cache, made by a hostile hand: flipped, cut off, grown, and with tables that
share their bytes, under a right checksum.  -p, --status, -y, --report, -q and -ua end within 10 seconds of processor time and
512 MB, and the sound files are undone as ever.

12 rounds; 3,000 with LONG=1, or COUNT=N; SEED=N for others."""
import os
import random
import shutil
import struct
import zlib

from changes import change, ld_cache
from guarded_tree import SOUND, Trees
from harness import read, tool, write

CACHE, SEEN, LD_CACHE = "/etc/prelink.cache", "/etc/prelink.cache.seen", "/etc/ld.so.cache"
HEADER = struct.Struct("<16sIIIIQIIIIII")
PIE = 1


def sealed(data):
    """DATA, a cache, of the right size and checksum."""
    data = bytearray(data)
    struct.pack_into("<Q", data, 32, len(data))
    struct.pack_into("<I", data, 24, zlib.crc32(bytes(data[28:])))
    return bytes(data)


def made(objects, plugins, pool, strings, scope, plugin_scope):
    """A cache of so many OBJECTS, all programs, each with all PLUGINS, SCOPE members of the pool and the last of STRINGS."""
    fields = HEADER.unpack_from(trees.cache)
    names = bytearray(b"\0") + b"\0".join(s.encode() for s in strings) + b"\0"
    last, paths = len(names) - len(strings[-1]) - 1 if strings else 0, []
    for i in range(objects):
        paths.append(len(names))
        names += b"/%06d\0" % i
    rows = b"".join(struct.pack("<QQIIIIIIIIIIII", 0, 0, path, 0, PIE, 0, 4, 1, last, 0, 0, scope, 0, plugins) for path in paths)
    rows += b"".join(struct.pack("<IIIIII", i % objects, 0, 0, 0, 0, plugin_scope) for i in range(plugins))
    rows += struct.pack(f"<{pool}I", *(i % objects for i in range(pool)))
    header = HEADER.pack(*fields[:3], 0, fields[4], 0, objects, plugins, 0, pool, len(names), 0)
    return sealed(header + rows + bytes(names))


def ladder(count, length):
    """A cache whose paths are all in the same bytes: each a slash less of one."""
    whole = made(count, 0, 0, ["/" * length], 0, 0)
    data = bytearray(whole)
    for i in range(count):
        struct.pack_into("<I", data, HEADER.size + 64 * i + 16, 1 + i)
    return sealed(data)


OVERLAPS = {
    "programs that share a long scope": lambda: made(20000, 0, 20000, [], 20000, 0),
    "a reason of 1 MB": lambda: made(20000, 0, 1, ["x" * (1 << 20)], 1, 0),
    "paths in the same bytes": lambda: ladder(20000, 60000),
    "programs that share plugins": lambda: made(3000, 3000, 3000, [], 1, 1000),
    "plugins of long scopes": lambda: made(2000, 2000, 10, [], 10, 10),
    "300,000 programs": lambda: made(300000, 0, 1, [], 1, 0),
}


def put_cache(chance, root):
    data = change(chance, trees.cache, 16, chance.choice((64, 400, len(trees.cache))))
    write(root + CACHE, sealed(data) if chance.random() < 0.7 else data)
    if chance.random() < 0.3:
        os.truncate(root + CACHE, chance.choice((0, 30, 100, 1 << 20, 1 << 36)))


def put_seen(chance, root):
    data = read(root + SEEN) if os.path.exists(root + SEEN) else b""
    write(root + SEEN, change(chance, data, 0, chance.choice((64, max(65, len(data))))) if data else b"x" * 100)
    if chance.random() < 0.3:
        os.truncate(root + SEEN, chance.choice((0, 30, 1 << 36)))


def put_ld_cache(chance, root):
    data = ld_cache(chance.choice((1, 10, 5000, 60000)), chance.choice((1, 7, 5000)))
    write(root + LD_CACHE, change(chance, data, 20, chance.choice((48, 200, len(data)))))
    if chance.random() < 0.3:
        os.truncate(root + LD_CACHE, chance.choice((0, 30, 47, 1 << 36)))


def ask(what, undo):
    """Every command that reads them."""
    root = trees.root
    for words in (["-p"], ["-p", "-v"], ["-p", "--json"], ["--status", "-a", "--with-plugins"], ["-y", "--md5", *SOUND],
                  ["--report", root + "/report.html"]):
        trees.command(f"{what}, {' '.join(words[:2])}", ["sh", "-c", 'exec "$@" >/dev/null', "sh", tool("prelink"), "--root", root, *words])
    if not undo:
        return
    trees.run(f"{what}, -q", "-q")
    trees.originals = originals
    trees.undo(f"{what}, -ua")


trees = Trees()
originals = trees.originals
trees.cache = read(trees.root + CACHE)
prelinked = trees.here + "/prelinked"
os.rename(trees.root, prelinked)


def fresh():
    shutil.rmtree(trees.root, ignore_errors=True)
    shutil.copytree(prelinked, trees.root, symlinks=True)


for what, make in OVERLAPS.items() if os.environ.get("LONG") else [*OVERLAPS.items()][:3]:
    fresh()
    write(trees.root + CACHE, make())
    ask(what, True)
seed = int(os.environ.get("SEED", 1))
count = int(os.environ.get("COUNT", 3000 if os.environ.get("LONG") else 12))
for number in range(count):
    chance = random.Random(seed * 1000003 + number)
    fresh()
    for put in chance.sample((put_cache, put_seen, put_ld_cache), chance.choice((1, 1, 2))):
        put(chance, trees.root)
    ask(f"seed {seed}, round {number}", number % 3 == 0)
print(f"seed {seed}: {count} rounds; most " + ", ".join(f"{n}: {v:.1f} ({w})" for n, (v, w) in trees.worst.items()))
