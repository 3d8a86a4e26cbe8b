#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of other machines on kernels of their own, Debian's, by qemu-system.  qemu-user, which serves the other tests, places
mappings by rules of its own; here the kernel does, with its own randomisation.  A root of each machine is booted from an
ext4 disk: programs run as they are and from a store, then, where there are slots, moved to them, without and with the store.  All print what they did, and every
object of a process, plugins included, that has a slot lies there: /proc/PID/maps as each ends.

LONG=1 only, since a boot takes minutes; arguments: only these systems, by their names in SYSTEMS."""
import collections
import glob
import lzma
import os
import re
import shutil
import subprocess
import sys

import booted
import scratch_root
import whole_root
from elf import Elf, NotElf
from guest import COMMANDS, LONG, MACHINES, SETS, STORE, Guest, sound
from harness import SOURCE, compile_c, expect, expect_equal, need, prelink, run, scratch, skip, write

# Of what machine a root is, and of which release; what kernel it is booted with, of which machine; where (booted.SYSTEMS).
System = collections.namedtuple("System", "arch suite kernel kernel_arch machine append", defaults=[""])
SYSTEMS = {
    "i386": System("i386", "bookworm", "linux-image-686-pae", "i386", "i386"),
    "i386, no PAE": System("i386", "bookworm", "linux-image-686", "i386", "i386"),
    "i386 on amd64": System("i386", "bookworm", "linux-image-amd64", "amd64", "amd64"),
    "armhf": System("armhf", "bookworm", "linux-image-armmp", "armhf", "armhf"),
    "armhf, LPAE": System("armhf", "bookworm", "linux-image-armmp-lpae", "armhf", "armhf, LPAE"),
    "arm64": System("arm64", "bookworm", "linux-image-arm64", "arm64", "arm64"),
    "arm64, 16 KB pages": System("arm64", "trixie", "linux-image-arm64-16k", "arm64", "arm64"),
    "ppc64el, 64 KB pages": System("ppc64el", "bookworm", "linux-image-powerpc64le", "ppc64el", "ppc64el"),
    "riscv64": System("riscv64", "trixie", "linux-image-riscv64", "riscv64", "riscv64"),
    "riscv64, Sv39": System("riscv64", "trixie", "linux-image-riscv64", "riscv64", "riscv64", "no4lvl"),
    "riscv64, Sv48": System("riscv64", "trixie", "linux-image-riscv64", "riscv64", "riscv64", "no5lvl"),
    "s390x": System("s390x", "bookworm", "linux-image-s390x", "s390x", "s390x"),
}
SLOTLESS = ("ppc64el", "s390x")  # what of them is moved is refused: a store is all there is
MODULES = ["drivers/virtio", "drivers/s390/virtio", "drivers/block/virtio_blk*", "fs/ext4", "fs/jbd2", "fs/mbcache*", "lib/crc*", "lib/libcrc32c*",
           "crypto/crc32c*", "arch/*/crypto/crc32*"]
LONGEST = 3600  # seconds that a boot may take: what hangs is no proof


def kernel_of(system):
    """(kernel, initramfs) of SYSTEM, out of the distribution's package."""
    directory = scratch("kernel-")
    debs = scratch_root._download([system.kernel], system.suite, system.kernel_arch)
    deb = next(deb for deb in debs if re.match(r"linux-image-\d", os.path.basename(deb)))
    content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    run(["tar", "-x", "-C", directory, "--wildcards", "--no-anchored", "boot/vmlinu*", *("kernel/" + name for name in MODULES)],
        status=None, stdin=content.stdout)  # there may be no module of a name: it is in the kernel
    content.stdout.close()
    content.wait()
    top = directory + "/initramfs"
    os.makedirs(top + "/modules")
    for path in glob.glob(directory + "/**/*.ko*", recursive=True):
        with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
            write(f"{top}/modules/{os.path.basename(path).removesuffix('.xz')}", file.read())
    with open(os.path.join(SOURCE, "tests/machines/first.c")) as file:
        compile_c(file.read(), top + "/init", "-O1", "-static", compiler=MACHINES[system.arch][1])
    names = "\n".join(os.path.relpath(path, top) for path in glob.glob(top + "/**", recursive=True))
    with open(directory + "/initramfs.cpio", "wb") as out:
        run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=top, input=names, stdout=out)
    return glob.glob(directory + "/boot/vmlinu*")[0], directory + "/initramfs.cpio"


def boot(name, kernel, root, commands):
    """[(status, output, errors, map)] of COMMANDS, run by SYSTEMS[NAME] with KERNEL, from a disk with what is in ROOT."""
    system, work = SYSTEMS[name], scratch("disk-")
    results = root + "/results"
    shutil.rmtree(results, ignore_errors=True)
    os.mkdir(results)
    write(root + "/commands", "".join("".join(word + "\0" for word in command) + "\0" for command in commands))
    disk = booted.disk_of(root, work, 3072)
    said = booted.boot(system.machine, *kernel, disk, f"panic=-1 {system.append}", LONGEST, memory=2048)
    expect("first: all done" in said, f"{name}: the system did not end as it should:\n{said[-1500:]}")
    print(f"{name}: {re.search('Linux version [^ ]+', said)[0]}, {len(commands)} programs were run", flush=True)
    run(["debugfs", "-R", f"rdump /results {work}", disk])
    os.unlink(disk)

    def read(number, what):
        with open(f"{work}/results/{number}.{what}", errors="backslashreplace") as file:
            return file.read()
    return [(int(read(i, "status")), *(read(i, what) for what in ("out", "err", "maps"))) for i in range(len(commands))]


def slot_of(path, cache={}):
    """Address of the library at PATH in its file, its slot; 0 where it has none, and for what is none."""
    if path not in cache:
        try:
            cache[path] = min(segment.vaddr for segment in Elf(path).loads()) if ".so" in path else 0
        except NotElf:
            cache[path] = 0
    return cache[path]


def at_slots(what, root, maps):
    """({(object, slot)} of what lies at its slot, {object} of those that have none), by the text of MAPS."""
    first = {}
    for start, path in re.findall(r"^([0-9a-f]+)-\S+ \S+ \S+ \S+ [1-9]\d* +/disk(/.*)$", maps, re.M):
        first.setdefault(path, int(start, 16))
    expect(first, f"{what}: no map")
    placed = {(path, slot_of(root + path)) for path in first}
    astray = {(path, hex(slot), hex(first[path])) for path, slot in placed if slot and first[path] != slot}
    expect(not astray, f"{what}: not at their slots: {sorted(astray)}")
    return {place for place in placed if place[1]}, {path for path, slot in placed if not slot and ".so" in path}


def check(name):
    system = SYSTEMS[name]
    guest = Guest(system.arch, system.suite, *SETS)
    guest.runner = None  # its kernel will do
    kernel = kernel_of(system)

    def runs(audit):
        return [guest.inside(command, audit) for command in COMMANDS]

    whole_root.add_notes(guest.root)
    prelink("--root", guest.root, f"--store={STORE}", "-a")
    seen = boot(name, kernel, guest.root, runs({}) + runs(guest.audit("verbose")))
    plain, ways = seen[:len(COMMANDS)], {"store": seen[len(COMMANDS):]}
    if system.arch not in SLOTLESS:
        prelink("--root", guest.root, "-am")  # 32 bits have no room for all of them
        prelink("--root", guest.root, f"--store={STORE}", "-a")
        seen = boot(name, kernel, guest.root, runs({}) + runs(guest.audit("verbose")))
        ways |= {"slots": seen[:len(COMMANDS)], "slots and store": seen[len(COMMANDS):]}
    for way, seen in ways.items():
        full, slots, without = 0, set(), set()
        for command, before, now in zip(COMMANDS, plain, seen):
            what = f"{name}, {way}: {command}"
            expect_equal((*now[:2], sound(now[2])), (*before[:2], sound(before[2])), what)
            levels = re.findall(r"^prelink-rtld: (\S+): (full|relative only|none)", now[2], re.M)
            fast = [level == "full" for _, level in levels]
            # A small program may have none: the module would cost more than it saves.
            expect(all(fast) if command in COMMANDS[:2] else all(fast) or not any(fast), f"{what}: not fast:\n{now[2]}")
            full += sum(fast)
            if way != "store":
                more, none = at_slots(what, guest.root, now[3])
                slots, without = slots | more, without | none
        expect(way == "store" or len(slots) > 100, f"{name}: few lie at slots: {slots}")
        print(f"{name}, {way}: {len(COMMANDS)} programs the same, {full} objects full" + (
            f"; {len(slots)} libraries and plugins at their slots, none for {', '.join(sorted(map(os.path.basename, without)))}"
            if slots else ""), flush=True)


if not LONG:
    skip("a kernel takes minutes to start: LONG=1")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
names = sys.argv[1:] or list(SYSTEMS)
need("cpio", "mke2fs", "debugfs", "dpkg-deb")
for name in names:
    booted.need_system(SYSTEMS[name].machine)
for name in names:
    check(name)
