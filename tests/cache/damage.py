#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cache: a damaged or foreign one is reported and made anew, never trusted, never fatal."""
import os
import random
import struct
import zlib

import graph
from placements import Layout
from harness import expect, expect_equal, prelink, read, scratch, write

root = graph.Root(scratch()).random(11, 60, 15, 20)
CACHE = root.path + "/etc/prelink.cache"
common = ["--root", root.path, "--with-plugins"]
prelink(*common, "-a")
prelink(*common, "-a")
good = read(CACHE)
table = prelink(*common, "-p", "--json").stdout
slots = Layout(table, root.path).slot
rng = random.Random(1)
LONG = bool(os.environ.get("LONG"))

HEADER = 64


def resealed(data):
    """DATA with its own size and checksum in the header: only what it says is wrong."""
    data = bytearray(data)
    struct.pack_into("<Q", data, 32, len(data))
    struct.pack_into("<I", data, 24, zlib.crc32(data[28:]))
    return bytes(data)


expect_equal(resealed(good), good, "the header is not where this test thinks it is")
cases = [("empty", b""), ("text", b"# nothing\n"), ("one byte more", good + b"\0"),
         ("another magic", b"P" + good[1:]), ("a classic prelink.cache", b"prelink-ELF0.4.0" + good[16:])]
for size in [1, 15, 16, 17, 63, 64, 65, 100, len(good) // 2, len(good) - 1]:
    cases.append((f"cut to {size} bytes", good[:size]))
for _ in range(40):
    at = rng.randrange(len(good))
    cases.append((f"a bit flipped at {at}", good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1:]))
version = bytearray(good)
struct.pack_into("<I", version, 16, 99)
cases.append(("another version", resealed(version)))
order = bytearray(good)
struct.pack_into(">I", order, 20, 0x01020304)
cases.append(("another byte order", resealed(order)))

for what, data in cases:
    write(CACHE, data)
    shown = prelink(*common, "-p", "--json", status=1)
    expect("prelink.cache" in shown.stderr and shown.stderr.count("\n") == 1, f"-p, {what}: {shown.stderr!r}")
    done = prelink(*common, "-aq")
    expect_equal(done.stderr.count(CACHE + ": warning: "), 1, f"{what}: messages about the cache in {done.stderr!r}")
    now = prelink(*common, "-p", "--json").stdout
    expect(now == table, f"{what}: the cache that was made anew differs")

# What it saw of the files lies beside it: where that is damaged, or not there, nothing passes for unchanged.
SEEN = CACHE + ".seen"
prelink(*common, "-a")
stamps = read(SEEN)
again = prelink(*common, "-aq", "-v").stdout
for what, data in [("cut", stamps[:-1]), ("longer", stamps + b"\0"), ("empty", b""), ("a bit flipped", stamps[:-9] + b"\xff" + stamps[-8:]),
                   ("another magic", b"P" + stamps[1:]), ("header only", stamps[:40])]:
    write(SEEN, data)
    done = prelink(*common, "-aq", "-v")
    expect_equal(done.stderr.count(SEEN + ": warning: "), 1, f"{what}: messages about it in {done.stderr!r}")
    expect(done.stdout != again, f"{what}: nothing was looked at")
    expect(read(CACHE) == good, f"{what}: the cache is another after that run")
    expect_equal(prelink(*common, "-aq", "-v").stdout, again, f"{what}: the run after that")
for what, data in [("of another cache", stamps[:28] + b"\1\2\3\4" + stamps[32:]), ("of another version", stamps[:16] + b"\1" + stamps[17:])]:
    write(SEEN, data)
    done = prelink(*common, "-aq", "-v")
    expect(done.stdout != again and SEEN not in done.stderr, f"{what}: {done.stdout}{done.stderr}")
os.unlink(SEEN)
done = prelink(*common, "-aq", "-v", env={**os.environ, "SOURCE_DATE_EPOCH": "1"})
expect(done.stdout != again and SEEN not in done.stderr, f"without it: {done.stdout}{done.stderr}")
expect(not os.path.exists(SEEN), "with SOURCE_DATE_EPOCH, it is made")
prelink(*common, "-a")
expect(read(CACHE) == good and len(read(SEEN)) == len(stamps), "it is not made anew")
prelink(*common, "-a", env={**os.environ, "SOURCE_DATE_EPOCH": "1"})
expect(read(CACHE) == good and not os.path.exists(SEEN), "with SOURCE_DATE_EPOCH, it stays")
prelink(*common, "-a")

# Right checksum, wrong contents: every field of every record, and the counts, take their turn.
crafted = 0
for at in list(range(28, HEADER, 4)) + [rng.randrange(HEADER, len(good) - 4) // 4 * 4 for _ in range(400 if LONG else 30)]:
    for value in (0xffffffff, 0x7fffffff, 0):
        data = bytearray(good)
        struct.pack_into("<I", data, at, value)
        if at >= 40:
            data = bytearray(resealed(data))
        write(CACHE, bytes(data))
        for options in (["-p", "-v"], ["-p", "--json"], ["-anq", "-m"], ["-un", "/usr/bin/prog0"]):
            done = prelink(*common, *options, status=None)
            expect(done.returncode in (0, 1), f"{options}, {value:#x} at {at}: exit status {done.returncode}")
        crafted += 1
# The same beside stamps that fit it: what it says of directories is believed, then.
objects, plugins, inputs, pool = struct.unpack_from("<4I", good, 40)
first = HEADER + 64 * objects + 24 * plugins
strings = first + 8 * inputs + 4 * pool
fitting = read(SEEN)
for number in range(inputs):
    at, flags = struct.unpack_from("<2I", good, first + 8 * number)
    for value in (b"x", b"/..", b"/") if flags & 1 else ():
        data = bytearray(good)
        data[strings + at:strings + at + len(value)] = value
        data = resealed(data)
        write(CACHE, data)
        stamps = bytearray(fitting)
        struct.pack_into("<IQ", stamps, 28, struct.unpack_from("<I", data, 24)[0], len(data))
        stamps[40:80] = bytes(40)  # something has changed
        struct.pack_into("<I", stamps, 24, zlib.crc32(stamps[28:]))
        write(SEEN, bytes(stamps))
        done = prelink(*common, "-anq", status=None)
        expect(done.returncode in (0, 1), f"directory {number} begins with {value}: exit status {done.returncode}")
        expect(SEEN not in done.stderr, f"the stamps do not fit: {done.stderr}")
        crafted += 1
write(CACHE, good)

# Believed only while the files are what they were.
layout = Layout(prelink(*common, "-an", "--json").stdout, root.path)
expect_equal(layout.slot, slots, "slots with the good cache")
victim = f"{graph.LIBDIR}/libl3.so"
original = read(root.path + victim)
write(root.path + victim, original)                     # same bytes, other times
done = prelink(*common, "-aq")
expect("unchanged 0" not in done.stdout, f"everything was done again: {done.stdout}")
stale = prelink(*common, "-aq").stdout
expect(stale.startswith("prelinked 0"), f"the next -q still has something to do: {stale}")
root.library("l3", 123456)                              # another file under the name
layout = Layout(prelink(*common, "-aq", "--json").stdout, root.path)
layout.check()
expect(layout.document["summary"]["prelinked"] >= 1, "-q did not see a changed library")
root.library("late", 10, directory="/usr/lib/plugins")  # a new file in a directory that was read
layout = Layout(prelink(*common, "-aq", "--json").stdout, root.path)
expect("/usr/lib/plugins/liblate.so" in layout.slot, "-q did not see a new library")

# A run of one file in between hides nothing from -q.
prelink(*common, "-a")
root.library("later", 10, directory="/usr/lib/plugins")
prelink(*common, "/usr/bin/prog0")
layout = Layout(prelink(*common, "-aq", "--json").stdout, root.path)
expect("/usr/lib/plugins/liblater.so" in layout.slot, "after a run of one file, -q did not see a new library")

# A cache that cannot be written or read is said, and hurts nothing else.
os.unlink(CACHE)
os.unlink(SEEN)
os.mkdir(CACHE)
done = prelink(*common, "-a", status=1)
expect(CACHE in done.stderr, f"a directory in the cache's place is not named: {done.stderr!r}")
os.rmdir(CACHE)
prelink(*common, "-aN")
expect(not os.path.exists(CACHE) and not os.path.exists(SEEN), "-N wrote a cache")
prelink(*common, "-a", "-C", "/etc/other.cache")
expect(os.path.exists(root.path + "/etc/other.cache") and not os.path.exists(CACHE), "-C did not name the cache")
print(f"{len(cases)} damaged caches reported and made anew, {crafted} crafted ones survived")
