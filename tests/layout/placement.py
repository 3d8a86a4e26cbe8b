#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libraries of all sizes about those from which the kernel looks for a huge page's place get their slots, close to each
other, on tmpfs, on ext4, and on other file systems that can be made here; and --status says so, not otherwise.

The rules that layout relies on are tried on the running kernel first: where a file of some size is mapped when it asks
for an address, with something right before and right behind what layout_room() keeps free."""
import ctypes
import mmap
import os
import shutil
import subprocess

import kit
from harness import alone_in_the_system, compile_c, expect_equal, need, prelink, run, scratch, skip

if os.geteuid() != 0:
    skip("mounting file systems needs the root user")
need("gcc")
alone_in_the_system()
HUGE, PAGE = 2 << 20, mmap.PAGESIZE
here = scratch()
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def file_systems():
    """(name, directory on it), mounted until it is asked for the next one."""
    yield "where tests work", here + "/own"
    for name in ("tmpfs", "ext4", "xfs", "btrfs", "f2fs"):
        at = f"{here}/{name}"
        os.makedirs(at)
        if name == "tmpfs":
            mount = ["mount", "-t", "tmpfs", "-o", "huge=always,size=256m", "none", at]
        else:
            if not shutil.which("mkfs." + name):
                print(f"{name}: no mkfs.{name}, left out")
                continue
            image = f"{here}/{name}.image"
            with open(image, "wb") as file:
                file.truncate(512 << 20)
            run(["mkfs." + name, "-q", image], status=None)
            mount = ["mount", "-o", "loop", image, at]
        done = subprocess.run(mount, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: left out: {done.stderr.strip()}")
            continue
        try:
            yield name, at + "/x"
        finally:
            run(["umount", at])


def room(size):
    """layout_room(), once more: of objects whose alignment is a page."""
    size = size + PAGE - 1 & -PAGE
    return size + HUGE if size >= HUGE else size


def place(fd, address, size):
    return LIBC.mmap(address, size, mmap.PROT_READ, mmap.MAP_PRIVATE, fd, 0)


SIZES = [PAGE, HUGE - 2 * PAGE, HUGE - PAGE - 1, HUGE - PAGE, HUGE - PAGE + 1, HUGE - 1, HUGE, HUGE + 1, HUGE + PAGE + 1,
         2 * HUGE - 1, 2 * HUGE, 3 * HUGE + 5]


def try_kernel(directory):
    """Each size, at an address that is no multiple of a huge page, between two mappings of one page."""
    path, seen = directory + "/file", 0
    with open(path, "wb") as file:
        file.truncate(max(SIZES) + HUGE)
    fd = os.open(path, os.O_RDONLY)
    for size in SIZES:
        at = 0x3200000000 + 5 * PAGE
        before, behind = at - PAGE, at + room(size)
        neighbours = [place(fd, before, PAGE), place(fd, behind, PAGE)]
        expect_equal(neighbours, [before, behind], "one page at an address that is free")
        got = place(fd, at, size)
        expect_equal(hex(got), hex(at), f"{size:#x} bytes, with {room(size):#x} free there")
        for address, length in ((before, PAGE), (behind, PAGE), (got, size)):
            LIBC.munmap(address, length)
        seen += 1
    os.close(fd)
    os.unlink(path)
    return seen


def library(directory, name, size):
    """A library whose segments take SIZE bytes."""
    fill, path = max(size - 0x5000, 16), f"{directory}/lib{name}.so"
    for _ in range(4):
        compile_c(f"const char fill_{name}[{fill}] = {{ 1 }}; static int v = 1; static int *p[99] = {{ [0 ... 98] = &v }};"
                  f"int {name}(void) {{ return fill_{name}[0] + *p[3]; }}", path, "-x", "none", "-O1", "-shared", "-fPIC",
                  f"-Wl,-soname,lib{name}.so")
        rows = [line.split() for line in run(["readelf", "-lW", path]).stdout.split("\n")]
        taken = max(int(row[2], 16) + int(row[5], 16) for row in rows if row[:1] == ["LOAD"])
        if size <= taken < size + 16:
            break
        fill = max(fill + size - taken, 16)
    return taken


def try_programs(directory):
    """Programs that load libraries of these sizes, in both orders; the first comes lowest."""
    names = [f"size{i}" for i in range(len(SIZES))]
    for name, size in zip(names, SIZES):
        library(directory, name, size)
    for which, order in (("up", names), ("down", names[::-1])):
        call = "".join(f"int {name}(void);" for name in order) + "int main(void) { return " + \
            "+".join(name + "()" for name in order) + f" - {2 * len(order)}; }}"
        compile_c(call, f"{directory}/{which}", "-x", "none", f"-L{directory}", f"-Wl,-rpath,{directory},--no-as-needed",
                  *[f"-l{name}" for name in order])
    with open(directory + "/conf", "w", encoding="utf-8") as file:
        file.write(f"{directory}\n-b /usr\n-b /lib\n-b /lib64\n")
    prelink("-c", directory + "/conf", "-C", directory + "/cache", "-a")
    for which in ("up", "down"):
        done = run([f"{directory}/{which}"], env={**os.environ, "LD_AUDIT": kit.MODULE, "PRELINK_RTLD": "verbose"})
        said = [line for line in done.stderr.split("\n") if "/libsize" in line]
        expect_equal(len(said), len(order), f"{which}: lines about libraries:\n{done.stderr}")
        expect_equal([line for line in said if ": relative only" not in line], [], f"{which}: libraries that are not at their slots")
    return len(names)


for name, directory in file_systems():
    os.makedirs(directory)
    sizes = try_kernel(directory)
    print(f"{name}: {sizes} sizes mapped as they ask, {try_programs(directory)} libraries at their slots in two programs")
