#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is undone is undone, or said: -ua finds what was prelinked without the configuration and without the cache, keeps
the cache while anything is left, and knows files that have lost their undo record."""
import os
import re
import shutil

import graph
from elf import to_bend
from harness import expect, expect_equal, need, prelink, read, run, scratch, write

need("strip", "eu-strip", "readelf")
root = graph.Root(scratch())
CACHE, CONF = root.path + "/etc/prelink.cache", root.path + "/etc/prelink.conf"
common = root.library("common")
apart = root.library("apart", directory="/usr/lib")
# Not where prelink.conf says, and where no walk for prelinking goes.
for path in ("/srv/own/libfar.so", "/usr/lib/debug/libdeep.so", "/usr/lib/t/x.debug", "/usr/lib/black/libblack.so"):
    os.makedirs(os.path.dirname(root.path + path), exist_ok=True)
    shutil.copy(root.path + common, root.path + path)
elsewhere = ["/srv/own/libfar.so", "/usr/lib/debug/libdeep.so", "/usr/lib/t/x.debug", "/usr/lib/black/libblack.so"]
everything = [common, apart, *elsewhere]
originals = {path: read(root.path + path) for path in everything}


def all_prelinked():
    prelink("--root", root.path, "-a")
    for path in elsewhere:
        prelink("--root", root.path, path)
    for path in everything:
        expect(read(root.path + path) != originals[path], f"{path} was not prelinked")


def undo_all(*options, status=0):
    return prelink("--root", root.path, "-ua", *options, status=status)


def expect_undone(what, but=()):
    for path in everything:
        expect(path in but or read(root.path + path) == originals[path], f"{what}: {path} is left prelinked")


def without_conf():
    os.unlink(CONF)


def with_blacklist():
    write(CONF, "/usr/lib\n-b /usr/lib/black\n-b libapart.so\n")


def with_bad_conf():
    write(CONF, "nonsense\n")


def without_cache():
    os.unlink(CACHE)


def with_flipped_bit():
    data = bytearray(read(CACHE))
    data[len(data) // 2] ^= 4
    write(CACHE, bytes(data))


def with_neither():
    without_conf()
    without_cache()


conf = read(CONF)
for damage in (without_conf, with_blacklist, with_bad_conf, without_cache, with_flipped_bit, with_neither):
    all_prelinked()
    damage()
    undo_all()
    expect_undone(damage.__name__)
    expect(not os.path.exists(CACHE), f"{damage.__name__}: a cache is left")
    write(CONF, conf)

# A tree in the tree that has a cache of its own is not ours; a broken file that nobody prelinked is no reason to fail.
all_prelinked()
os.makedirs(root.path + "/srv/chroot/etc")
shutil.copy(CACHE, root.path + "/srv/chroot/etc/prelink.cache")
shutil.copy(root.path + common, root.path + "/srv/chroot/libinner.so")
inner = read(root.path + "/srv/chroot/libinner.so")
write(root.path + "/srv/own/broken.so", originals[common][:200])
undo_all()
expect_undone("beside a chroot")
expect(read(root.path + "/srv/chroot/libinner.so") == inner, "the files of a chroot with its own cache were undone")
shutil.rmtree(root.path + "/srv/chroot")

# What was changed, but is put back by the record, as program headers are, is no reason to keep the rest.
all_prelinked()
far = root.path + elsewhere[0]
bent = to_bend(far)
bent.data[200] ^= 1
bent.save()
undo_all()
expect_undone("with a bent program header")

# While one is left it is named, the exit status tells, and the cache stays.
all_prelinked()
bent = to_bend(far)
bent.data[next(section.offset for section in bent.sections if section.name == ".text")] ^= 1
bent.save()
ruins = root.path + "/srv/own/ruins.so"
write(ruins, read(root.path + common)[:64].replace(b"\x01\x00\x00\x00", b"\xff\xff\xff\xff") +
      read(root.path + common)[64:])
done = undo_all(status=1)
expect(f"{far}: undoing: the file was changed after" in done.stderr, f"what is left is not named: {done.stderr}")
expect(f"{ruins}: it was prelinked, and is damaged" in done.stderr, f"a ruin is not named: {done.stderr}")
expect(os.path.exists(CACHE), "the cache went although a file is left")
expect_undone("all but one", but=elsewhere[:1])
write(far, originals[elsewhere[0]])
os.unlink(ruins)
undo_all()
expect(not os.path.exists(CACHE), "the cache stays although nothing is left")

# GNU strip moves sections: the record is there, the file is another.
all_prelinked()
run(["strip", root.path + apart], status=None)
done = prelink("--root", root.path, "-u", apart, status=1)
expect("was changed after it was prelinked" in done.stderr and "damaged" not in done.stderr, f"strip: {done.stderr}")
write(root.path + apart, originals[apart])
undo_all()

# eu-strip takes the record and leaves the rest.
all_prelinked()
run(["eu-strip", root.path + common])
for mode in (["-u", common], ["-ua"], ["-y", common], ["-y", "--sha256", common], ["-u", "-o", root.path + "/out", common]):
    done = prelink("--root", root.path, *mode, status=1)
    expect_equal(re.findall(r"^prelink: (\S+): \w+: it was prelinked, and strip", done.stderr, re.M),
                 [root.path + common], f"files that {mode} names")
    expect_equal(done.stdout.count("\x7fELF"), 0, f"originals that {mode} prints")
expect(os.path.exists(CACHE) and not os.path.exists(root.path + "/out"), "the cache went, or something was written")
expect_undone("eu-strip", but=[common])
