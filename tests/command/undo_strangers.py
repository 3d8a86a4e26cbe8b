#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user does to files of his own keeps nobody from undoing everything: copies of prelinked files that he damages or
holds open for writing, directories so deep that they have no path, and such that are something else a moment later.  They
are named, all else is undone, and it is a success."""
import os
import shutil
import threading

import graph
from elf import to_bend
from harness import expect, prelink, read, scratch, skip, write

if os.geteuid() != 0:
    skip("needs root, to be somebody else")
USER = 65534
root = graph.Root(scratch())
common = root.library("common")
program = root.program("program", [common])
originals = {path: read(root.path + path) for path in (common, program)}
home = root.path + "/home/user"
os.makedirs(home)


def own(name, data):
    """A file of the user's."""
    write(f"{home}/{name}", data)
    os.chown(f"{home}/{name}", USER, USER)
    return f"{home}/{name}"


def bend(path):
    bent = to_bend(path)
    bent.data[next(section.offset for section in bent.sections if section.name == ".text")] ^= 1
    bent.save()


def make_deep(directory):
    here = os.open(directory, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def flip(stop, directory):
    """A directory that is a link, or not there, at times."""
    while not stop.is_set():
        os.mkdir(directory)
        os.rmdir(directory)
        os.symlink("/usr", directory)
        os.unlink(directory)


prelink("--root", root.path, "-a")
copy = read(root.path + common)
held = own("held.so", copy)
changed = own("changed.so", copy)
bend(changed)
ruins = own("ruins.so", copy[:64].replace(b"\x01\x00\x00\x00", b"\xff\xff\xff\xff") + copy[64:])
plain = own("plain.so", copy)
make_deep(home)
stop = threading.Event()
flipper = threading.Thread(target=flip, args=(stop, home + "/flip"), daemon=True)
flipper.start()
with open(held, "r+b"):
    done = prelink("--root", root.path, "-ua")
stop.set()
flipper.join()
for path, original in originals.items():
    expect(read(root.path + path) == original, f"{path} was not undone")
expect(read(plain) == originals[common], "the user's sound copy was not undone")
expect(os.stat(plain).st_uid == USER, "the user's file is not his any more")
for path in held, changed, ruins:
    expect(f"{path}: warning: " in done.stderr, f"{path} is not named: {done.stderr}")
expect(not os.path.exists(root.path + "/etc/prelink.cache"), "the cache stays")

# Root's own is another matter, and so is what was named.
for owner, arguments in ((0, ["-ua"]), (USER, ["-u", changed])):
    os.chown(changed, owner, owner)
    done = prelink("--root", root.path, *arguments, status=1)
    expect(f"{changed}: undoing: the file was changed after" in done.stderr, f"{arguments}: {done.stderr}")
shutil.rmtree(home)
