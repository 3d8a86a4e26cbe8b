#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices and pipes are never opened, whoever names them: a library's DT_NEEDED or DT_RUNPATH, a note, a link, the
configuration, ld.so's files, a manifest, the command line.  To open a watchdog starts it, to open a pipe may wait for
ever.  Oracle: inotify, which tells of each open(2)."""
import ctypes
import os
import stat
import subprocess

import graph
import harness
from harness import expect, expect_equal, fail, notegen, scratch, skip, write

IN_OPEN, IN_NONBLOCK = 0x20, os.O_NONBLOCK
libc = ctypes.CDLL(None, use_errno=True)
root = graph.Root(scratch())
watch = libc.inotify_init1(IN_NONBLOCK)


def node(path, device=None):
    """A pipe at PATH in the root, in the place of what is there, or the DEVICE; watched from now on."""
    path = root.path + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    try:
        if device:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*device))
        else:
            os.mkfifo(path)
    except PermissionError:
        skip("device nodes take root")
    if libc.inotify_add_watch(watch, path.encode(), IN_OPEN) < 0:
        fail(f"watching {path}: {os.strerror(ctypes.get_errno())}")


def opened():
    try:
        return len(os.read(watch, 1 << 16)) > 0
    except BlockingIOError:
        return False


def tool(name, *arguments, status):
    """Runs the tool; whatever it is told, it ends, and has opened none of the nodes.  Its standard error."""
    try:
        done = subprocess.run([harness.tool(name), *arguments], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        fail(f"{name} {arguments} hangs")
    expect(not opened(), f"{name} {arguments} has opened a device or a pipe")
    expect(status is None or done.returncode == status, f"{name} {arguments}: status {done.returncode}: {done.stderr}")
    return done.stderr


def prelink(*arguments, status=0):
    return tool("prelink", "--root", root.path, *arguments, status=status)


null, pipe = "/dev/null", "/dev/pipe"
node(null, (1, 3))
node(pipe)
os.close(os.open(root.path + null, os.O_RDONLY))
expect(opened(), "the oracle does not see an open(2)")

# In objects: needed by path, in a directory of DT_RUNPATH, as ld.so, as a plugin by path and by pattern, through a link.
common = root.library("common")
subprocess.run(["ld", "-shared", "-soname", null, "-o", root.path + "/null.so", root.path + common], check=True)
subprocess.run(["ld", "-shared", "-soname", pipe, "-o", root.path + "/pipe.so", root.path + common], check=True)
node("/dev/shelf/libshelf.so")
root.library("shelf", directory="/usr/lib/plugins")
program = root.program("prog", [common, "/null.so", "/pipe.so", "/usr/lib/plugins/libshelf.so"],
                       flags=["-rpath", "/dev/shelf"])
root.program("loaded", [common], flags=["-dynamic-linker", pipe])
os.symlink("/dev/pipe", root.path + "/usr/lib/t/liblink.so")
os.symlink("/dev/null", root.path + "/usr/bin/link")
node("/usr/lib/plugins/libpipe.so")
node("/usr/bin/pipe")
root.note("/usr/bin/prog", {"feature": "a", "path": "/dev/*"}, {"feature": "b", "path": pipe},
          {"feature": "c", "path": "/usr/lib/plugins/*"}, {"feature": "d", "soname": "[liblink.so]"})
root.add_notes()
expect(not opened(), "notegen has opened one to add notes")
for arguments in (["-a"], ["-ah"], ["-aq"], ["-af"], ["-p"], ["--status"], ["-ua"]):
    prelink("--with-plugins", *arguments, status=None)
prelink("--with-plugins", program, status=None)
prelink("--bindings", program, status=None)
prelink("-y", "--sha256", program, status=None)

# On the command line.
for path in (null, pipe, "/usr/lib/t/liblink.so"):
    for mode in ([], ["-u"], ["-y"], ["-r", "0x10000000"], ["--bindings"]):
        prelink(*mode, path, status=1)
    tool("notegen", "show", root.path + path, status=1)
    tool("notegen", "remove", root.path + path, status=1)
    prelink("-a", "-c", path, status=1)
    prelink("-a", "-C", path, status=None)
    prelink("-p", "-C", path, status=1)
expect(stat.S_ISCHR(os.lstat(root.path + null).st_mode), "-C has replaced a device")

# Files that say where to look.
said = notegen("check", root.path + pipe, status=1).stderr
expect("not a regular file" in said, f"notegen check of a pipe: {said}")
tool("notegen", "add", "--root", root.path, "--manifest", root.path + pipe, status=1)
for name in ("ld.so.cache", "ld.so.conf", "ld.so.preload", "prelink.cache"):
    node("/etc/" + name)
    prelink("-a", status=None)
write(root.path + "/etc/prelink.conf", "/usr/bin\n-c /etc/more.conf\n")
node("/etc/more.conf")
expect("more.conf" in prelink("-a", status=1), "an included pipe is passed over in silence")
node("/etc/prelink.conf")
expect_equal(prelink("-a", status=1).count("prelink.conf: reading the configuration: not a regular file"), 1,
             "times that it is said of a configuration")
prelink(program, status=None)
