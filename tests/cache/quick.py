#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""-q looks at everything that the last run read, each directory opened once for all that lies in it, and notices whatever
has changed, a link in a directory's place too."""
import json
import os
import re
import shutil
import tempfile

import graph
import kit
import whole_root
from harness import expect, expect_equal, need, prelink, run, scratch, tool, write

need("strace")
root = graph.Root(scratch()).random(5, 30, 8, 20)
os.makedirs(f"{root.path}/usr/lib/deep/er")
root.program("prog", [root.library("one"), root.library("two", directory="/usr/lib/deep/er")])
for i in range(40):
    os.makedirs(f"{root.path}/usr/lib/empty/{i}")
at = ["--root", root.path]
prelink(*at, "-a")
prelink(*at, "-a")


def quick():
    """True if -q left it at looking."""
    here = os.path.join(tempfile.mkdtemp(dir=scratch()), "calls")
    run(["strace", "-o", here, tool("prelink"), *at, "-aq"])
    with open(here) as file:
        calls = file.read()
    return "getdents64(" not in calls, calls


same, calls = quick()
expect(same, "-q walks a tree where nothing has changed")
calls = calls[calls.index("prelink.cache.seen"):]
looked = re.findall(r'^newfstatat\(\d+, "([^"]+)"', calls, re.M)
opened = re.findall(r'^openat2\(\d+, "([^"]+)"', calls, re.M)
expect({str(i) for i in range(40)} <= set(looked), f"not looked at by name: {sorted(looked)}")
expect_equal(len(opened), len(set(opened)), f"how many are opened twice of {sorted(opened)}")
expect(len(opened) * 2 < len(looked), f"{len(opened)} are opened to look at {len(looked)}: {sorted(opened)}")
print(f"{len(looked)} looked at, {len(opened)} opened")


def noticed(what):
    expect(not quick()[0], f"-q does not notice {what}")
    prelink(*at, "-a")
    prelink(*at, "-a")
    expect(quick()[0], f"after {what}: never current again")


write(f"{root.path}/usr/lib/empty/7/file", "")
noticed("a new file")
os.rmdir(f"{root.path}/usr/lib/empty/8")
noticed("a directory that is gone")
shutil.copytree(f"{root.path}/usr/lib/empty", f"{root.path}/usr/lib/other")
noticed("a new directory")
# The same, by its name seen from outside, and inside.
for target in (f"{root.path}/usr/lib/other", "/usr/lib/other"):
    place = f"{root.path}/usr/lib/empty"
    shutil.rmtree(place) if not os.path.islink(place) else os.unlink(place)
    os.symlink(target, place)
    noticed(f"a link to {target} in a directory's place")
os.utime(f"{root.path}/usr/lib/deep/er/{os.listdir(root.path + '/usr/lib/deep/er')[0]}")
noticed("a library with another time")
conf = root.path + "/etc/prelink.conf"
os.rename(conf, root.path + "/usr/real.conf")
os.symlink("/usr/real.conf", conf)
noticed("a configuration that is a link")
with open(root.path + "/usr/real.conf", "a") as file:
    file.write("-b /usr/lib/deep\n")
noticed("a change behind a link")


# What was said of programs is not believed once the module is there.
def reasons():
    prelink(*at, "-a")
    return {entry["no_plan"] for entry in json.loads(prelink(*at, "-p", "--json").stdout)["objects"] if entry["path"].startswith("/usr/bin/")}


expect_equal(reasons() - {None}, {"the run-time module is not installed"}, "why no program has a plan")
os.makedirs(os.path.dirname(root.path + whole_root.module()), exist_ok=True)
shutil.copy(kit.MODULE, root.path + whole_root.module())
expect("the run-time module is not installed" not in reasons(), "the module that was installed is not noticed")
