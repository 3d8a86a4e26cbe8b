#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program whose undo record eu-strip took away is named by -u, -ua and -y, and asks for the run-time module no more
afterwards: it starts without a word from ld.so when that has gone."""
import os
import subprocess

import whole_root
from harness import expect, expect_equal, need, prelink, read, run

need("eu-strip", "readelf")
root = whole_root.root_of("small")
module = whole_root.module()
path = "/usr/bin/bash"
program, cache = root + path, root + "/etc/prelink.cache"


def start():
    return subprocess.run(["chroot", root, path, "-c", "echo well"], capture_output=True, text=True)


def tags():
    return run(["readelf", "-dW", program]).stdout


original = read(program)
whole_root.prelink_all(root)
expect(module in tags(), f"{path} has no plan here: the test needs another program")
run(["eu-strip", program])
expect(module in tags(), "eu-strip took DT_AUDIT away: nothing to test")
stripped = read(program)

done = prelink("--root", root, "-y", "--sha256", path, status=1)
expect(program in done.stderr and not done.stdout, f"-y: {done.stderr}{done.stdout}")
done = prelink("--root", root, "-u", "-n", path, status=1)
expect("would be taken out" in done.stderr and read(program) == stripped, f"-un: {done.stderr}")
done = prelink("--root", root, "-ua", status=1)
said = [line for line in done.stderr.splitlines() if program in line]
expect_equal(len(said), 1, f"times that -ua names it: {done.stderr}")
expect("DT_AUDIT was taken out" in said[0] and "failed 1" in done.stdout, f"-ua: {said} {done.stdout}")
expect(os.path.exists(cache), "the cache went")
expect(module not in tags() and "0x6ffffefa" not in tags() and "(CONFIG)" not in tags(), f"tags left: {tags()}")

os.unlink(root + module)
done = start()
expect_equal((done.returncode, done.stdout, done.stderr), (0, "well\n", ""), "a start without the module")
# What is left of it harms nobody: a warning, and the package can go.
done = prelink("--root", root, "-ua")
expect(f"{program}: warning: " in done.stderr and not os.path.exists(cache), f"-ua once more: {done.stderr}")
expect(read(program) != original, "it cannot be the original again")
whole_root.expect_no_temporaries(root)
