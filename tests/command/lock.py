#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run at a time changes a tree: the second is refused, touches nothing, and is free to go when the first has
ended; who only reads is not held up."""
import fcntl
import os
import shutil

import graph
from harness import expect, prelink, read, scratch

root = graph.Root(scratch()).random(5, 12, 3, 2).path
files = [os.path.join(base, name) for base, _, names in os.walk(root) for name in names]
before = {path: read(path) for path in files if not os.path.islink(path)}
# Anybody could lock this: it stops nobody.
anybody = os.open(root, os.O_RDONLY)
fcntl.flock(anybody, fcntl.LOCK_EX)
os.makedirs(root + "/run/prelink", mode=0o755)
other = os.open(root + "/run/prelink/lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(other, fcntl.LOCK_EX)
for arguments in (["-a"], ["-au"]):
    done = prelink("--root", root, *arguments, status=1)
    expect("another run" in done.stderr and done.stderr.count("\n") == 1, f"{arguments}: {done.stderr!r}")
expect(os.stat(root + "/run/prelink").st_mode & 0o777 == 0o700, "others can enter the lock's directory")
expect(before == {path: read(path) for path in before}, "a run that was refused changed a file")
expect(not os.path.exists(root + "/etc/prelink.cache"), "a run that was refused left a cache")
prelink("--root", root, "-a", "-n")
os.close(other)
prelink("--root", root, "-a")
changed = sum(read(path) != data for path, data in before.items())
expect(changed > 10, f"only {changed} files changed after the lock was gone")
expect(not os.path.exists(root + "/run/prelink"), "the lock stayed")
os.mkdir(root + "/run/prelink", mode=0o700)
fcntl.flock(os.open(root + "/run/prelink/lock", os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
prelink("--root", root, "-p")
path = next(path for path, data in before.items() if read(path) != data and ".so" in path)
for arguments in (["-y"], ["-u", "-o", "-"]):
    seen = prelink("--root", root, *arguments, path, text=False, errors=None).stdout
    expect(seen == before[path], f"{arguments}: not the original of {path}")

# A tree without /run gets none, and its top directory keeps its times: a quick run finds that nothing has changed.
shutil.rmtree(root + "/run")
os.unlink(root + "/etc/prelink.cache")
times = os.stat(root)
prelink("--root", root, "-a")
prelink("--root", root, "-aq")
now = os.stat(root)
expect((now.st_mtime_ns, now.st_ctime_ns) == (times.st_mtime_ns, times.st_ctime_ns), "the lock changed the top directory")
expect(not os.path.exists(root + "/etc/prelink.lock"), "the lock stayed in /etc")
os.mkdir(root + "/etc/prelink.lock", mode=0o700)
fcntl.flock(os.open(root + "/etc/prelink.lock/lock", os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
done = prelink("--root", root, "-a", status=1)
expect(root + "/etc/prelink.lock/lock" in done.stderr and "another run" in done.stderr, f"no /run: {done.stderr!r}")
print(f"refused twice, then {changed} files prelinked")
