#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""--status foretells the next start of every program of a real root, whatever is broken there: those that it calls fast or
partly so start with all of their libraries as planned, the others do not, in the run-time module's own words; and perl
loads each of its plugins as planned where it calls it fast, some not where partly.  LONG=1: everything that can happen, hundreds of programs,
and a store."""
import glob
import json
import os
import re
import shutil
import subprocess

import rooted
import whole_root
from harness import SOURCE, expect, expect_equal, fail, need, prelink, read, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("chroot")
LONG = bool(os.environ.get("LONG"))
root = whole_root.root_of("python", "perl", *(["xine", "kate", "tools"] if LONG else []))
module = rooted.install_module(root)
os.makedirs(root + whole_root.manifests())
for name in ("python", "perl"):
    shutil.copy(f"{SOURCE}/manifests/{name}.yaml", root + whole_root.manifests())
os.mkdir(root + "/kept")
LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
PERL, AUTO = "/usr/bin/perl", "/usr/lib/x86_64-linux-gnu/perl/5.36.0/auto/"
LOAD_ALL = "require DynaLoader; DynaLoader::dl_load_file($_) or print qq(cannot load $_\\n) for @ARGV"
away = []
settings, twins = {}, set()


def real(path):
    return os.path.realpath(root + path)


def put(path, content=None):
    """CONTENT in the place of the file PATH, or nothing: what is written in place may be mapped somewhere."""
    path = real(path)
    away.append((path, f"{root}/kept/{len(away)}" if os.path.exists(path) else None))
    mode = os.stat(path).st_mode if away[-1][1] else 0o644
    if away[-1][1]:
        os.rename(path, away[-1][1])
    if content is not None:
        write(path, content)
        os.chmod(path, mode)


def put_back():
    while away:
        path, kept = away.pop()
        if os.path.exists(path):
            os.unlink(path)
        if kept:
            os.rename(kept, path)


def original(path):
    return prelink("--root", root, "-y", path, text=False, errors=None).stdout


THINGS = {
    "nothing": lambda: None,
    "the module is empty": lambda: put(rooted.module_path(), ""),
    "the module is gone": lambda: put(rooted.module_path()),
    "libz is as packaged": lambda: put(LIBRARIES + "libz.so.1", original(LIBRARIES + "libz.so.1")),
    "libz is copied": lambda: put(LIBRARIES + "libz.so.1", read(real(LIBRARIES + "libz.so.1"))),
    "libz is empty": lambda: put(LIBRARIES + "libz.so.1", ""),
    "libsystemd is gone": lambda: put(LIBRARIES + "libsystemd.so.0"),
    "libcrypt is text": lambda: put(LIBRARIES + "libcrypt.so.1", "INPUT(libc.so.6)\n"),
    "libstdc++ is libz": lambda: put(LIBRARIES + "libstdc++.so.6", read(real(LIBRARIES + "libz.so.1"))),
    "another libz comes first": lambda: put("/usr/local/lib/libz.so.1", original(LIBRARIES + "libz.so.1")),
    "libm is preloaded": lambda: put("/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libm.so.6\n"),
    "what is not there is preloaded": lambda: put("/etc/ld.so.preload", "/usr/lib/nosuch.so\n"),
    "an odd libz is preloaded": lambda: put("/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libz.so.1\n"),
    "ld.so.cache is gone": lambda: put("/etc/ld.so.cache"),
    "POSIX.so is empty": lambda: put(AUTO + "POSIX/POSIX.so", ""),
    "POSIX.so is as packaged": lambda: put(AUTO + "POSIX/POSIX.so", original(AUTO + "POSIX/POSIX.so")),
    "POSIX.so is gone": lambda: put(AUTO + "POSIX/POSIX.so"),
    "POSIX.so has a copy": lambda: put(AUTO + "POSIX/Copy.so", read(real(AUTO + "POSIX/POSIX.so"))),
}


def said_by_module(*command):
    """[level] of each object at a start of COMMAND, and all that was said."""
    try:
        done = rooted.start(root, command, PRELINK_RTLD="verbose", **settings)
    except subprocess.TimeoutExpired as late:
        fail(f"{command}: does not end: {late.stderr}")
    return [level for _, level, _ in rooted.levels_of(done)], f"exit status {done.returncode}\n{done.stdout}{done.stderr}"


def check_start(what, row):
    """The start of a program that does next to nothing."""
    levels, said = said_by_module(row["program"], "--version")
    wanted = row["state"] in ("fast", "partly")
    count = row["libraries"] - 1  # ld.so is one, of which the module does not speak
    expect_equal(count > 0 and levels[:count] == ["full"] * count, wanted,
                 f"{what}: --status says {row}, and the module\n{said[:2000]}")


def build_id(path):
    found = re.search(r"Build ID: (\w+)", run(["readelf", "-n", path], None).stdout)  # it may be empty
    return found[1] if found else path


def check_plugins(what, row):
    """All of perl's plugins are loaded; from a store, of those that are one object from the beginning (perl-base has some of
    perl's) one: a second stands for nothing there, as prelink-store(5) says."""
    paths = [path[len(root):] for path in sorted(glob.glob(root + LIBRARIES + "perl*/**/auto/**/*.so", recursive=True))]
    if what == "store, nothing":
        twins.update(set(paths) - set({build_id(root + path): path for path in paths}.values()))
    levels, said = said_by_module(PERL, "-e", LOAD_ALL, *sorted(set(paths) - twins))
    expect_equal("fast" if "cannot load" not in said and set(levels) == {"full"} else "partly", row["state"],
                 f"{what}: --status says {row}, and the module\n" + "\n".join(
                     line for line in said.split("\n") if not line.endswith(": full")))


def check_way(way):
    """What can happen, one after the other, where plans are in the files or in a store."""
    planned, states = {}, {}
    for what, happen in list(THINGS.items())[::1 if LONG else 2]:
        happen()
        rows = [row for row in json.loads(prelink("--root", root, "--status", "--json", status=None).stdout)
                if os.path.dirname(row["program"]) == "/usr/bin" and os.path.basename(row["program"]) not in whole_root.LEFT_OUT]
        planned = planned or {row["program"] for row in rows if row["state"] == "fast"}
        for row in rows:
            states[row["state"]] = states.get(row["state"], 0) + 1
            if row["program"] in planned or LONG and way == "slots":
                check_start(f"{way}, {what}", row)
            if row["program"] == PERL and row["state"] in ("fast", "partly"):
                check_plugins(f"{way}, {what}", row)
        put_back()
    expect(len(states) == 4, f"{way}: states seen: {states}")
    print(f"{way}: starts foretold: {states}")


def check_environment():
    """A virtual environment of Python with a copy of a module that is planned."""
    packages = "/opt/venv/lib/python3.11/site-packages/lxml"
    os.makedirs(root + packages)
    for path in glob.glob(root + "/usr/lib/python3/dist-packages/lxml/*.py"):
        shutil.copy(path, root + packages)
    module = f"{packages}/etree.cpython-311-x86_64-linux-gnu.so"
    write(root + module, original("/usr/lib/python3/dist-packages/lxml/" + os.path.basename(module)))
    os.makedirs(root + "/opt/venv/bin")
    os.symlink("/usr/bin/python3", root + "/opt/venv/bin/python3")
    write(root + "/opt/venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")

    def check(state, file):
        row, = json.loads(prelink("--root", root, "--status", "--json", "/opt/venv/bin/python3", status=None).stdout)
        expect_equal((row["state"], row["file"]), (state, file), "a virtual environment")
        done = rooted.start(root, ["/opt/venv/bin/python3", "-c", "import lxml.etree"], PRELINK_RTLD="verbose")
        expect_equal(({path: level for path, level, _ in rooted.levels_of(done)}.get(module) == "full", done.returncode),
                     (state == "fast", 0), f"{row}, and the module\n{done.stderr}")

    check("partly", module)
    write(root + whole_root.manifests() + "/venv.yaml", "manifest: 1\napplication: venv\nhosts:\n  - path: /usr/bin/python3.11\n"
          "plugins:\n  - feature: packages\n    path: /opt/venv/lib/python3.11/site-packages/**/*.so\n")
    prelink("--root", root, "-a")
    check("fast", None)


prelink("--root", root, "-a")
check_way("slots")
check_environment()
if LONG:
    prelink("--root", root, "-ua")
    prelink("--root", root, "--store", "-a")
    settings["LD_AUDIT"] = rooted.module_path()
    check_way("store")
