#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A container image of python3 and numpy whose last layer is a store: made in one place, laid over the image in another
(other inodes, other times), used in namespaces of its own; every other file is the packages', bit for bit."""
import os
import subprocess

import rooted
import scratch_root
import tree
import whole_root
from harness import expect, expect_equal, need, prelink, read, run, scratch, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "unshare", "chroot", "tar")
STORE = "/var/lib/prelink/store"
built = whole_root.root_of("python")
whole_root.add_notes(built)
image = os.path.join(scratch(), "image")
scratch_root.copy(built, image)
for base, _, names in os.walk(image):
    for name in names:
        os.utime(os.path.join(base, name), (10 ** 9, 10 ** 9), follow_symlinks=False)

# The last layer: what the build stage wrote, and nothing else.
before = tree.snapshot(built)
prelink("--root", built, f"--store={STORE}", "-a")
written = [line.split(":")[0] for line in tree.differences(before, tree.snapshot(built))]
expect_equal(sorted(written), ["var/lib/prelink", STORE[1:]], "what making the store wrote")
layer = os.path.join(scratch(), "layer.tar")
run(["tar", "-C", built, "-cf", layer, *sorted(written)])
before = tree.snapshot(image)
run(["tar", "-C", image, "-xf", layer])
changed = [line.split(":")[0] for line in tree.differences(before, tree.snapshot(image))]
expect_equal(sorted(changed), ["var/lib/prelink", STORE[1:]], "what the layer changed")
prelink("--root", image, "--store=/var/lib/prelink/again", "-a")
expect(read(image + STORE) == read(image + "/var/lib/prelink/again"), "made in the other place, it has other bytes")

# Used: the image's ENV has the variables, as a Dockerfile sets them.
CODE = "import numpy, os; print(numpy.ones(3).sum(), os.getpid())"


def start(**environment):
    return subprocess.run(["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "chroot", image, "/usr/bin/env", "-i",
                           *(f"{name}={value}" for name, value in {**rooted.SETTINGS, **environment}.items()),
                           "/usr/bin/python3", "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


env = {"LD_AUDIT": rooted.module_path(), "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}
if STORE != whole_root.store():  # configured for another prefix
    env["PRELINK_STORE"] = STORE
plain, fast, told = start(), start(**env), start(**env, PRELINK_RTLD="verbose")
expect_equal((plain.returncode, plain.stdout, plain.stderr), (0, "3.0 1\n", ""), "the image as it is")
expect_equal((fast.returncode, fast.stdout, fast.stderr), (0, "3.0 1\n", ""), "the image with its store")
levels = [level for _, level, _ in rooted.levels_of(told)]
expect(levels and set(levels) == {"full"}, f"not all took the fast path: {told.stderr}")
print(f"{len(levels)} objects full in the container, {len(read(image + STORE))} bytes of store, no other file changed")
