#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever is wrong with a file: one line that names it, exit status 1, and the file as it was."""
import atexit
import os
import shutil
import struct
import subprocess

import notes
from harness import compile_c, expect, expect_equal, notegen, read, run, scratch, tool, write

PROGRAM = "int main(void) { return 0; }"


class Elf64:
    """A little-endian 64-bit file, to be damaged."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.shoff = struct.unpack_from("<Q", data, 0x28)[0]
        self.shnum, self.shstrndx = struct.unpack_from("<HH", data, 0x3c)

    def section(self, name):
        """File offset of the header of section NAME."""
        table = struct.unpack_from("<Q", self.data, self.shoff + 64 * self.shstrndx + 24)[0]
        for index in range(self.shnum):
            at = self.shoff + 64 * index
            start = table + struct.unpack_from("<I", self.data, at)[0]
            if self.data[start:self.data.index(0, start)].decode() == name:
                return at
        raise KeyError(name)

    def get(self, name, field):
        return struct.unpack_from("<Q", self.data, self.section(name) + field)[0]

    def put(self, at, value, form="<Q"):
        struct.pack_into(form, self.data, at, value)
        return self

    def set(self, name, field, value, form="<Q"):
        return self.put(self.section(name) + field, value, form)


OFFSET, SIZE = 24, 32


def damaged(plain, noted):
    """Name -> (bytes, what the message has to say, commands that have to refuse)."""
    new = lambda: Elf64(plain)
    lying = Elf64(noted)
    note = lying.get(".note.prelink.plugins", OFFSET)
    both = ["add", "remove", "show"]
    change = ["add"]
    return {
        "empty": (b"", "not an ELF file", both),
        "text": (b"#!/bin/sh\n", "not an ELF file", both),
        "magic-only": (plain[:4], "class", both),
        "class": (plain[:4] + b"\7" + plain[5:], "class", both),
        "table-beyond-end": (new().put(0x28, len(plain) + 8).data, "section header table", both),
        "table-huge-offset": (new().put(0x28, 2**64 - 64).data, "section header table", both),
        "entry-size": (new().put(0x3a, 24, "<H").data, "section header table", both),
        "section-beyond-end": (new().set(".comment", SIZE, len(plain)).data, "lies outside the file", both),
        "section-wraps": (new().set(".comment", OFFSET, 2**64 - 16).data, "lies outside the file", both),
        "overlap": (new().set(".comment", OFFSET, new().get(".data", OFFSET)).data, "overlap", change),
        "on-elf-header": (new().set(".comment", OFFSET, 16).data, "the ELF header", change),
        "on-section-headers": (new().set(".comment", OFFSET, new().shoff + 8).data, "section header table", change),
        "count-in-section-0": (new().put(0x3c, 0, "<H").put(new().shoff + SIZE, 2**60).data, "do not fit", both),
        "names-not-text": (new().set(".shstrtab", 4, 1, "<I").data, "section name table", both),
        "names-index": (new().put(0x3e, 0x7fff, "<H").data, "section name table", both),
        "names-without-end": (new().set(".shstrtab", SIZE, new().get(".shstrtab", SIZE) - 1).data,
                              "section name table", both),
        "names-in-memory": (new().set(".shstrtab", 8, 2).data, "name table", change),
        "note-size": (lying.put(note + 4, 0xfffffff0, "<I").data, "larger than its section", both),
        "note-owner-size": (Elf64(noted).put(note, 0xffffffff, "<I").data, "larger than its section", both),
        "note-not-json": (Elf64(noted).put(note + 20, 0x7b7b7b7b, "<I").data, "note in section", both),
        "trailing-data": (plain + b"an archive", "follow the end", change),
        "core": (new().put(16, 4, "<H").data, "core file", change),
        "prelinked": (plain.replace(b".comment\0", b".gnu.pre\0"), None, []),
    }


def refused(path, done, says, what):
    lines = notes.errors(done)
    expect_equal(done.returncode, 1, f"exit status of {what}: {done.stderr}")
    expect(len(lines) == 1 and path in lines[0] and (says is None or says in lines[0]),
           f"{what}: expected one line that names the file and says {says!r}, seen {lines}")


def try_commands(directory, name, says, commands):
    path = os.path.join(directory, name)
    before = notes.identity(path)
    content = read(path) if os.path.getsize(path) < 1 << 20 else None
    for command in commands:
        done = notes.add(directory, name, status=None) if command == "add" else notegen(command, path, status=None)
        refused(path, done, says, f"{command} {name}")
    expect_equal(notes.identity(path), before, f"{name}, which was refused")
    expect(content is None or read(path) == content, f"{name} changed")


def check_damaged(directory, plain, noted):
    table = damaged(plain, noted)
    table.pop("prelinked")
    for name, (data, says, commands) in table.items():
        write(os.path.join(directory, name), bytes(data))
        try_commands(directory, name, says, commands)
    return len(table)


def check_prelinked(directory, plain):
    path = os.path.join(directory, "prelinked")
    run(["objcopy", "--add-section", ".gnu.prelink_undo=/etc/hostname", os.path.join(directory, "plain"), path])
    try_commands(directory, "prelinked", "prelink -u", ["add"])


def check_truncated(directory, data, step, what):
    """All lengths in one run: no crash, nothing changed, one line for each."""
    below = os.path.join(directory, "truncated-" + what)
    os.mkdir(below)
    paths = []
    for length in range(0, len(data), step):
        paths.append(os.path.join(below, str(length)))
        write(paths[-1], data[:length])
    before = [notes.identity(path) for path in paths]
    described = notes.manifest(os.path.join(directory, "all.yaml"), ["/*"])
    for start in range(0, len(paths), 1000):
        some = paths[start:start + 1000]
        done = notegen("add", "--root", below, "--manifest", described, *some, status=1)
        named = sorted(line.split(": ")[1] for line in notes.errors(done))
        expect(named == sorted(some), f"{what}: expected a line for each of {len(some)} files, "
               f"seen {len(named)}, without {sorted(set(some) - set(named))[:5]}")
    changed = [path for path, was in zip(paths, before) if notes.identity(path) != was]
    expect_equal(changed[:5], [], f"truncated files that were changed ({what})")
    return len(paths)


def check_no_files(directory, plain):
    """Names that are no regular files."""
    os.mkdir(os.path.join(directory, "directory"))
    os.mkfifo(os.path.join(directory, "fifo"))
    os.symlink("nowhere", os.path.join(directory, "dangling"))
    os.symlink("loop", os.path.join(directory, "loop"))
    for name in ["directory", "fifo", "dangling", "loop", "missing"]:
        path = os.path.join(directory, name)
        for command in ["show", "remove"]:
            refused(path, notegen(command, path, status=None), None, f"{command} {name}")
        refused(path, notes.add(directory, name, status=None), None, f"add {name}")
    for command in ["show", "remove"]:
        refused("/dev/zero", notegen(command, "/dev/zero", status=None), "not a regular file", f"{command} a device")
    # A link to a file is that file.
    os.symlink("plain", os.path.join(directory, "link"))
    notes.add(directory, "link")
    expect(os.path.islink(os.path.join(directory, "link")) and read(os.path.join(directory, "plain")) != plain,
           "add through a symbolic link")
    notegen("remove", os.path.join(directory, "link"))
    expect_equal(read(os.path.join(directory, "plain")), plain, "the file behind the link")


def check_sparse(directory, plain):
    """4 GB that are not there: not read, not written."""
    def grow(name, data):
        path = os.path.join(directory, name)
        write(path, bytes(data))
        os.truncate(path, (4 << 30) + len(plain))
        return path

    grow("sparse-text", b"text")
    try_commands(directory, "sparse-text", "not an ELF file", ["add", "remove", "show"])
    grow("sparse-tail", plain)
    try_commands(directory, "sparse-tail", "follow the end", ["add"])
    large = Elf64(plain)
    path = grow("sparse-section", large.set(".comment", OFFSET, len(plain)).set(".comment", SIZE, 4 << 30).data)
    notes.add(directory, "sparse-section")
    status = os.stat(path)
    expect(status.st_size > 4 << 30 and status.st_blocks * 512 < 1 << 20,
           f"a hole of 4 GB takes {status.st_blocks * 512} bytes of disk with the note")
    notegen("remove", path)
    expect_equal(os.path.getsize(path), (4 << 30) + len(plain), "size after remove")
    expect(os.stat(path).st_blocks * 512 < 1 << 20, "the hole was filled")
    with open(path, "rb") as file:
        expect_equal(file.read(len(plain)), bytes(large.data), "bytes before the hole")
    os.unlink(path)


def check_permission(directory, plain):
    if os.geteuid():
        print("not root: another user's files were not tried")
        return
    below = os.path.join(directory, "private")
    os.mkdir(below, 0o755)
    os.chmod(directory, 0o755)
    path = os.path.join(below, "file")
    described = notes.manifest(os.path.join(directory, "private.yaml"), [path])
    for mode, says in [(0o755, "creating a new file beside it"), (0o700, "opening it")]:
        write(path, plain)
        os.chmod(path, mode)
        before = notes.identity(path)
        copy = shutil.copy(tool("notegen"), os.path.join(directory, "notegen"))  # the build may be private too
        done = run([copy, "add", "--manifest", described, path], status=None, user=65534, cwd="/")
        refused(path, done, says, f"another user's file of mode {mode:o}")
        expect_equal(notes.identity(path), before, "another user's file")


def check_file_systems(directory, plain):
    mount = os.path.join(directory, "mount")
    os.mkdir(mount)
    size = (len(plain) + 20000) // 4096 * 4096
    if run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", mount], status=None).returncode:
        print("mount is not allowed here: a full disk and a read-only file system were not tried")
        return
    atexit.register(subprocess.run, ["umount", "-l", mount])
    write(os.path.join(mount, "file"), plain)
    path = os.path.join(mount, "file")
    described = notes.manifest(os.path.join(directory, "mount.yaml"), [path])
    before = notes.identity(path)
    for says, prepare in [("No space left", None), ("Read-only", ["mount", "-o", "remount,ro", mount])]:
        if prepare:
            run(prepare)
        else:
            # Room for nothing, for a part of the new file, for nearly all of it.
            write(os.path.join(mount, "filler"), b"x" * 4096)
        refused(path, notegen("add", "--manifest", described, path, status=None), says, says)
        expect_equal(notes.identity(path), before, f"the file ({says})")
        expect_equal(read(path), plain, f"the file ({says})")
    expect_equal(sorted(os.listdir(mount)), ["file", "filler"], "files on the full disk")


def main():
    directory = scratch()
    plain = read(compile_c(PROGRAM, os.path.join(directory, "plain")))
    shutil.copy2(os.path.join(directory, "plain"), os.path.join(directory, "noted"))
    notes.add(directory, "noted")
    noted = read(os.path.join(directory, "noted"))
    kinds = check_damaged(directory, plain, noted)
    check_prelinked(directory, plain)
    step = 1 if os.environ.get("LONG") else 41
    small = read(compile_c(PROGRAM, os.path.join(directory, "small"), "-c", compiler="i686-linux-gnu-gcc"))
    lengths = check_truncated(directory, plain, step, "whole") + check_truncated(directory, small, 1, "object")
    lengths += check_truncated(directory, noted, step, "noted")
    check_no_files(directory, plain)
    check_sparse(directory, plain)
    check_permission(directory, plain)
    check_file_systems(directory, plain)
    print(f"{kinds} kinds of damage, {lengths} truncated files, names that are no files, 4 GB holes, "
          f"another user, a full and a read-only disk")


main()
