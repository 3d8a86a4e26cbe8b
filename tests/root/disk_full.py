#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink -a on a disk that fills up, at several points: it says so and fails, every file is its old or its new
self, no temporary stays; with room again the next run finishes the work."""
import os
import subprocess
import sys

import scratch_root
from harness import expect, scratch, skip
from tree import snapshot
from whole_root import expect_no_temporaries, prelink_all, root_of

# The small disk is a mount of our own that nobody else sees and that goes when we go.
if "DISK_FULL_NAMESPACE" not in os.environ:
    if os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        skip("mounting a small disk needs root and a mount namespace")
    os.environ["DISK_FULL_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


def contents(root):
    return {path: entry["content"] for path, entry in snapshot(root).items()
            if "content" in entry and not path.startswith("etc/prelink.cache")}


source = root_of("small")
whole = scratch_root.copy(source, os.path.join(scratch(), "root"))
old = contents(whole)
prelink_all(whole)
new = contents(whole)
work = sum(1 for path in old if new[path] != old[path])
expect(work > 20, f"prelink -a changed only {work} files")
needs = sum(os.lstat(os.path.join(base, name)).st_blocks * 512 for base, _, names in os.walk(source)
            for name in names)

disk = scratch("disk-")
stages = []
for spare in (0, 64, 256, 1024, 2048, 3072):  # KiB left free when the run begins
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={3 * needs}", "none", disk], check=True)
    root = scratch_root.copy(source, os.path.join(disk, "root"))
    free = os.statvfs(disk)
    filler = os.path.join(disk, "filler")
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - spare * 1024)
    done = prelink_all(root, status=None)
    expect(done.returncode in (0, 1), f"{spare} KiB free: exit status {done.returncode}\n{done.stderr}")
    expect_no_temporaries(root)
    now = contents(root)
    expect(now.keys() == old.keys(), f"{spare} KiB free: files differ: {sorted(now.keys() ^ old.keys())[:5]}")
    for path, content in now.items():
        expect(content in (old[path], new[path]), f"{spare} KiB free: {path} is neither its old nor its new self")
    finished = sum(1 for path in old if now[path] != old[path])
    if finished < work:
        expect(done.returncode == 1 and "No space left" in done.stderr,
               f"{spare} KiB free: {finished} of {work} files done, but status {done.returncode}, said:\n{done.stderr}")
    stages.append(finished)
    os.unlink(filler)
    prelink_all(root)
    expect_no_temporaries(root)
    now = contents(root)
    undone = sorted(path for path in now.keys() | new.keys() if now.get(path) != new.get(path))
    expect(not undone, f"{spare} KiB free at first: the next run did not finish the work: {undone[:5]}")
    subprocess.run(["umount", disk], check=True)
expect(min(stages) < work, "the disk was never full")
print(f"of {work} files, done before the disk was full: {stages}")
