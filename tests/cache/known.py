#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""With -q, where something has changed, directories that are as they were are not read again, nor what lies in them that is
no object; and whatever was changed, the store is the one that is made with nothing known, and slots are given to the same."""
import os
import re
import shutil

import graph
import whole_root
from harness import expect, expect_equal, need, prelink, read, run, scratch, tool, write

need("strace")
root = graph.Root(scratch()).random(7, 12, 6, 0)
here, DEEP = scratch(), "/usr/lib/deep"
for i in range(30):
    os.makedirs(f"{root.path}{DEEP}/{i}/data")
    for k in range(10):
        write(f"{root.path}{DEEP}/{i}/data/{k}", "no object")
for i in range(0, 30, 10):
    root.library(f"deep{i}", directory=f"{DEEP}/{i}")
    root.program(f"own{i}", [f"{DEEP}/{i}/libdeep{i}.so"], flags=["-rpath", f"{DEEP}/{i}"])
    os.rename(f"{root.path}/usr/bin/own{i}", f"{root.path}{DEEP}/{i}/own{i}")
spare = root.path + root.library("spare", directory="/etc")
host = os.path.basename(root.program("host", [f"{DEEP}/0/libdeep0.so"], flags=["-rpath", f"{DEEP}/0"]))
shutil.copy("/lib64/ld-linux-x86-64.so.2", root.path + "/usr/lib/ld.so")
os.makedirs(root.path + "/lib64")
os.symlink("/usr/lib/ld.so", root.path + "/lib64/ld-linux-x86-64.so.2")
deep = root.path + DEEP
at = ["--root", root.path]
open_calls = re.compile(r'^(?:\d+ +)?openat2?\((?:\d+|AT_FDCWD), "([^"]*)"', re.M)


def tables():
    """What the last run found: objects, and what it says of each; without where files lie on the disk."""
    return prelink(*at, "-p", "--json").stdout


def again(what, status=0):
    """A run with -q; the names that it opened.  Its store is that of a run that knows nothing."""
    calls = here + "/calls"
    made = run(["strace", "-f", "-o", calls, "-e", "trace=openat,openat2", tool("prelink"), *at, "--store", "-aq"], None)
    expect_equal(made.returncode, status, f"exit status after {what}: {made.stderr}")
    anew = prelink(*at, "--store=/other", "-a", status=status)
    expect(read(root.path + whole_root.store()) == read(root.path + "/other"), f"{what}: another store than made anew")
    expect_equal([line for line in made.stderr.splitlines() if "error" in line],
                 [line for line in anew.stderr.splitlines() if "error" in line], f"what is said after {what}")
    return open_calls.findall(read(calls).decode())


def quiet(opened, what, most=0):
    data = [name for name in opened if name in "0123456789"]
    expect(len(data) <= most, f"{what}: files that are no objects are opened: {data}")


first = again("the first run")
expect(len([name for name in first if name in "0123456789"]) > 200, f"the first run opens everything: {first}")
shutil.copy(spare, f"{deep}/3/libnew.so")
opened = again("a new library")
quiet(opened, "a new library")
expect("libnew.so" in opened and "libdeep10.so" in opened, f"not read: {opened}")
os.unlink(f"{deep}/3/libnew.so")
quiet(again("a library that is gone"), "a library that is gone")
shutil.copy(spare, f"{deep}/10/libdeep10.so.new")
os.rename(f"{deep}/10/libdeep10.so.new", f"{deep}/10/libdeep10.so")
quiet(again("another library by the same name"), "another library")
write(f"{deep}/20/own20", read(f"{deep}/0/own0"))  # in place: its directory is as it was
quiet(again("a program with other contents"), "other contents")
shutil.move(f"{deep}/20", f"{deep}/7/data/20")
opened = again("a directory that was moved")
expect("libdeep20.so" in opened, f"not found where it was moved to: {opened}")
os.makedirs(f"{deep}/new/er")
shutil.copy(spare, f"{deep}/new/er/libnew.so")
opened = again("a new directory in a new one")
expect("libnew.so" in opened, f"not found: {opened}")
os.link(f"{root.path}/usr/bin/{host}", f"{deep}/4/{host}")
again("a program with a second name")
os.unlink(f"{root.path}/usr/bin/{host}")
opened = again("the first name is gone")
expect(host in opened, f"a program by its second name is not read: {opened}")
os.rename(f"{deep}/4/{host}", f"{root.path}/usr/bin/{host}")
again("it is back")
shutil.rmtree(f"{deep}/9")
os.symlink(f"{DEEP}/8", f"{deep}/9")
again("a link in a directory's place")
os.chmod(f"{deep}/0", 0o777)
again("a directory that all may write")
os.chmod(f"{deep}/0", 0o755)

# What was wrong is said again, as long as it is.
write(f"{deep}/12/libbad.so", read(spare)[:700])
again("a damaged library", 1)
write(f"{deep}/13/data/new", "")
again("and something else", 1)
os.unlink(f"{deep}/12/libbad.so")
again("it is gone")

# The configuration says otherwise which directories count.
write(root.path + "/etc/prelink.conf", f"/usr/bin\n-l /usr/lib\n-b {DEEP}/0\n-c /etc/more.conf\n-c /etc/more.conf\n")
write(root.path + "/etc/more.conf", "")
again("another configuration")
write(f"{deep}/14/data/new", "")
quiet(again("a change beside it"), "a change beside it", 10)
write(root.path + "/etc/more.conf", f"-b {DEEP}/10\n")
again("an included file that was changed")
write(root.path + "/etc/prelink.conf", "/usr/bin\n-l /usr/lib\n-c /etc/part*.conf\n")
write(root.path + "/etc/part1.conf", f"-b {DEEP}/0\n")
again("files by a pattern")
write(root.path + "/etc/part2.conf", f"-b {DEEP}/10\n")
again("one file more that is included")
os.unlink(root.path + "/etc/part1.conf")
again("one file less")
write(root.path + "/etc/prelink.conf", "/usr/bin\n/usr/lib\n")
again("the first configuration")
os.makedirs(root.path + "/usr/follow/sub")
os.makedirs(root.path + "/opt")
os.rename(f"{root.path}/usr/bin/{host}", f"{root.path}/opt/{host}")
os.symlink("/opt", root.path + "/usr/follow/sub/link")
write(root.path + "/etc/prelink.conf", "/usr/bin\n/usr/lib\n-h /usr/follow\n")
again("a link to follow")
write(f"{deep}/15/data/new", "")
again("a change beside it")

# The same with slots: what is new gets one, what lies where all may write none.
os.chmod(f"{deep}/10", 0o777)
prelink(*at, "-a")
prelink(*at, "-a")
shutil.copy(spare, f"{deep}/5/libslot.so")
prelink(*at, "-aq")
quick = tables()
expect(f"{DEEP}/5/libslot.so" in quick, "a new library has no slot")
prelink(*at, "-a")
expect_equal(quick, tables(), "the cache of a run that knew most of it")
print(f"{len(first)} opened at first, {len(opened)} where something was new")
