#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Caches that programs keep of their plugins, and compare with times and sizes of the files: modification times are kept,
and GLib's giomodule.cache stays as new as the modules beside it, with its own modification time, also when all is given back; nothing is
made where there is none."""
import os
import subprocess
import time

import graph
from harness import expect, expect_equal, prelink, scratch, write

root = graph.Root(scratch())
modules = [root.library(f"gio{i}", directory="/usr/lib/plugins") for i in range(40)]  # more than are ended together
other = root.library("other")
cache = root.path + "/usr/lib/plugins/giomodule.cache"
write(cache, "libgio0.so: gsettings-backend\n")
os.utime(cache, ns=(10**18 + 1, 10**18 + 2))
for path in [*modules, other]:
    os.utime(root.path + path, (1000000000, 1000000001))


def status(path):
    return os.stat(root.path + path)


for command in (["-a"], ["-ua"]):
    before = {path: status(path).st_ino for path in [*modules, other]}
    while time.time_ns() <= os.stat(cache).st_ctime_ns + 20000000:
        subprocess.run(["true"])  # a later tick of the file system's clock
    prelink("--root", root.path, *command)
    for path, inode in before.items():
        expect(status(path).st_ino != inode, f"{command}: {path} was not replaced")
        expect_equal(status(path).st_mtime, 1000000001, f"{command}: modification time of {path}")
    newest = max(status(path).st_ctime_ns for path in modules)
    expect(os.stat(cache).st_ctime_ns >= newest, f"{command}: giomodule.cache is older than a module: GLib would load them all")
    expect_equal(os.stat(cache).st_mtime_ns, 10**18 + 2, f"{command}: modification time of giomodule.cache")
expect(not os.path.exists(f"{root.path}{graph.LIBDIR}/giomodule.cache"), "a giomodule.cache was made")
print(f"{len(modules)} modules replaced twice, giomodule.cache as new as they")
