#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Damaged and malicious files: each is refused, or rewritten so that undoing gives it back bit for bit; the
rewriter neither dies nor hangs.  Build with --enable-sanitizers and LONG=1 to look closer."""
import collections
import os
import random
import re
import shutil
import signal
import struct
import zlib

from harness import compile_c, expect, fail, read, scratch, write
from rewriting import Rewriter, SLOT, build_library, machine, sections

signal.alarm(1500)
directory = scratch()
rewriter = Rewriter()
seed = int(os.environ.get("SEED", "1"))
rounds = 20000 if os.environ.get("LONG") else 1500


def mend_crc(data, places):
    """Makes the undo record's CRC right, as undo.h defines it, so that the rest of the record is looked at."""
    record = places[".prelink.undo"][1]
    wide = data[4] == 2
    _, dynamic, size = places[".dynamic"]
    plain = bytearray(data)
    plain[record + 12:record + 16] = bytes(4)
    word = 8 if wide else 4
    in_null = data[record + 28] & 2
    checksum = None
    for at in range(dynamic, dynamic + size, 2 * word):
        tag = int.from_bytes(data[at:at + word], "little")
        if tag == 0 and in_null and wide:
            checksum = slice(at + word, at + word + 4)
        elif tag == 0x6ffffdf8 and not in_null:
            checksum = slice(at + word, at + 2 * word)
        if checksum:
            plain[checksum] = bytes(checksum.stop - checksum.start)
        if tag == 0 or checksum:
            break
    crc = zlib.crc32(plain)
    struct.pack_into("<I", data, record + 12, crc)
    if checksum:
        data[checksum] = crc.to_bytes(checksum.stop - checksum.start, "little")


INTERESTING = [0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
               0xffffffffffffffff, 0xfffffffffffff000]


def mutate(data, rng, places):
    """Changes a few bytes or words where they hurt: headers, tables, the undo record."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        name = rng.choice(places)
        start, size = name
        if size < 8 or start + size > len(data):
            continue
        kind = rng.random()
        at = start + rng.randrange(size)
        if kind < 0.4:
            data[at] = rng.randrange(256)
        elif kind < 0.8:
            at = min(start + rng.randrange(size // 4) * 4, len(data) - 8)
            value = rng.choice(INTERESTING + [len(data), len(data) - 1, start, at,
                                              int.from_bytes(data[at:at + 8], "little") + rng.choice((-8, -1, 1, 8, 4096))])
            width = rng.choice((2, 4, 8))
            data[at:at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        else:  # a record over another
            step = rng.choice((8, 12, 16, 24, 56, 64))
            source = start + rng.randrange(size) // step * step
            target = start + rng.randrange(size) // step * step
            chunk = bytes(data[source:min(source + step, start + size)])
            data[target:target + len(chunk)] = chunk
    if rng.random() < 0.03:
        del data[rng.randrange(len(data)):]
    return data


def targets(data):
    """Where to mutate: (offset, size) of the ELF header, program headers, section headers and each table."""
    found = sections(data)
    wide = data[4] == 2
    places = [(0, 64 if wide else 52), (64 if wide else 52, 56 * 9), (min(at for at, _, _ in found.values()), 64 * len(found))]
    for name, (_, offset, size) in found.items():
        if re.match(r"\.(dynamic|dynsym|rel|symtab|gnu\.hash|hash|got|eh_frame_hdr|gnu\.prelink|prelink|shstrtab)", name):
            places += [(offset, size)]
    return places + [places[0]]


seeds = []
for number, (compiler, flags) in enumerate([
        ("gcc", ["-DIFUNC"]), ("gcc", ["-Wl,-z,pack-relative-relocs", "-Wl,-z,now"]), ("gcc", ["-fuse-ld=lld"]),
        ("i686-linux-gnu-gcc", ["-DIFUNC"]), ("aarch64-linux-gnu-gcc", ["-Wl,--hash-style=sysv"]),
        ("arm-linux-gnueabihf-gcc", ["-DIFUNC"]), ("riscv64-linux-gnu-gcc", ["-Wl,-z,now"])]):
    if not shutil.which(compiler):
        print(f"{compiler} is not installed")
        continue
    source = os.path.join(directory, f"seed{number}")
    build_library(source, *flags, compiler=compiler)
    expect(rewriter.move(source, source + ".moved", SLOT[machine(source)]) == "ok", source)
    seeds += [("move", source), ("undo", source + ".moved"), ("move", source + ".moved")]
for number, flags in enumerate((["-no-pie"], ["-pie"], ["-pie", "-fuse-ld=lld"])):
    source = compile_c("__thread int t = 3; int main(void) { return t; }", os.path.join(directory, f"program{number}"), *flags)
    expect(rewriter.ask("grow", source, source + ".grown", "4").endswith("ok"), source)
    seeds += [("grow", source), ("undo", source + ".grown")]

results = collections.Counter()
rng = random.Random(seed)
hostile, out, back = (os.path.join(directory, name) for name in ("hostile", "out", "back"))
material = {source: (read(source), targets(read(source))) for _, source in seeds}
for source, (data, _) in material.items():
    if source.endswith((".moved", ".grown")):
        mended = bytearray(data)
        mend_crc(mended, sections(data))
        expect(mended == data, f"{source}: the CRC is not what undo.h says")
for turn in range(rounds):
    verb, source = seeds[turn % len(seeds)]
    original, places = material[source]
    data = mutate(original, rng, places)
    if source.endswith((".moved", ".grown")) and rng.random() < 0.8:
        try:
            mend_crc(data, sections(original))
        except (struct.error, IndexError):
            pass  # cut off before the record
    write(hostile, bytes(data))
    for path in (out, back):
        if os.path.exists(path):
            os.remove(path)
    answer = rewriter.ask(verb, hostile, out, "4" if verb == "grow" else f"{SLOT.get(machine(source)):x}")
    if answer.endswith(("ok", "ok unchanged")) and verb != "undo" and ".moved" not in source:
        seen = rewriter.undo(out, back)
        if seen != "ok" or read(back) != data:
            fail(f"turn {turn}, {verb} {source}: rewritten, but undoing says {seen} (SEED={seed})")
    if not answer.endswith(("ok", "ok unchanged")):
        expect(not os.path.exists(out), f"turn {turn}: {answer}, but something was written")
    results[verb + ": " + re.sub(r"^\(.*?\) ", "", answer).split(": ")[0 if answer.startswith("ok") else -1][:70]] += 1
said = rewriter.close()
expect("ERROR: AddressSanitizer" not in said and "runtime error" not in said, said[:5000])
print(f"{rounds} files, SEED={seed}")
for result, count in results.most_common():
    print(f"{count:6} {result}")
