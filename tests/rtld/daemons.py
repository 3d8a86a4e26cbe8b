#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: daemons that load modules, and load them again when they are told to: with a store, and prelinked, they answer as they
did untouched, after each of a hundred reloads.

NAME... on the command line: only those; TIMES=N: so many reloads; SHOW=1: what each said untouched."""
import difflib
import os
import shutil
import sys

import rooted
import whole_root
from daemon_scripts import DAEMONS
from harness import expect, need, skip, write

if not os.environ.get("LONG"):
    skip("LONG=1 runs eight daemons and has each reload its modules a hundred times")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("chroot", "unshare", "ip")
TIMES = os.environ.get("TIMES", "100")


def answers(root, daemon, environment):
    """What DAEMON's script prints, from a new /t."""
    shutil.rmtree(root + "/t", ignore_errors=True)
    os.makedirs(root + "/t")
    for name, text in daemon.files.items():
        write(f"{root}/t/{name}", text)
    done = rooted.start_alone(root, ["/bin/sh", "-c", daemon.script], 1800, TIMES=TIMES, **environment)
    return (done.stdout + done.stderr).split("\n")


wrong = []
for name, daemon in whole_root.installable(DAEMONS, sys.argv[1:]):
    root = whole_root.root_of(*daemon.packages)
    whole_root.add_notes(root)
    said = {}
    for way, environment, planned in rooted.ways(root):
        said[way] = answers(root, daemon, environment)
        if os.environ.get("SHOW") and way == "untouched":
            print("\n".join(line[:300] for line in said[way][:60]))
        if said[way] != said["untouched"]:
            wrong.append(f"{name}, {way}:\n" + "\n".join(difflib.unified_diff(said["untouched"], said[way], "untouched", way, lineterm="", n=1)))
            print(wrong[-1])
    print(f"{name}: {TIMES} reloads, {len(said['untouched'])} lines of answers, " +
          ", ".join(f"{way} {'the same' if said[way] == said['untouched'] else 'differs'}" for way in said if way != "untouched"), flush=True)
expect(not wrong, f"{len(wrong)} differ")
