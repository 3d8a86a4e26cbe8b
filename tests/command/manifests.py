#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manifests that are installed count by themselves, beside notes and each other, for whatever file is at a path; no file is
changed for them, -q notices each change of them, and what is wrong with one is told until it is mended."""
import hashlib
import json
import os

import graph
import whole_root
from harness import expect, expect_equal, notegen, prelink, read, scratch, write

root = graph.Root(scratch())
packages, own = whole_root.manifests(), whole_root.manifests(own=True)
for directory in (packages, own):
    os.makedirs(root.path + directory)
plugins = [root.library(f"plug{i}", directory="/usr/lib/plugins") for i in range(5)]
library = root.library("host")
program = root.program("prog", [library])


def manifest(path, host, *patterns):
    write(root.path + path, f"manifest: 1\napplication: test\nhosts:\n  - path: {host}\nplugins:\n" +
          "".join(f"  - feature: f\n    path: {pattern}\n" for pattern in patterns))


def run(*options, status=0):
    return prelink("--root", root.path, *options, status=status)


def known():
    """Plugins of the program in the cache: by host, each once."""
    document = json.loads(run("-p", "--json").stdout)
    item = next(o for o in document["objects"] if o["path"] == program)
    return sorted({(os.path.basename(o["host"]), plugins.index(o["path"])) for o in item["plugins"]})


def check(what, wanted, *options, status=0):
    done = run(*(options or ("-a", "-q")), status=status)
    expect_equal(known(), wanted, what)
    return done


def cache():
    return os.stat(root.path + "/etc/prelink.cache").st_ino


before = [hashlib.sha256(read(root.path + path)).hexdigest() for path in (library, program)]
check("without any", [], "-a")
manifest(packages + "/a.yaml", "/usr/bin/p?og", plugins[0])
check("one is installed, and -q", [("prog", 0)])
manifest(own + "/b.yaml", library, plugins[0], plugins[1])
check("one of the administrator's, of a library", [("libhost.so", 0), ("libhost.so", 1), ("prog", 0)])
manifest(own + "/a.yaml", "/usr/bin/prog", plugins[2])
check("one of the same name beside that of a package", [("libhost.so", 0), ("libhost.so", 1), ("prog", 0), ("prog", 2)])
manifest(packages + "/a.yaml", "/usr/bin/p?og", plugins[3])
check("one was edited", [("libhost.so", 0), ("libhost.so", 1), ("prog", 2), ("prog", 3)])
os.unlink(root.path + own + "/b.yaml")
check("one was removed", both := [("prog", 2), ("prog", 3)])

# Nothing to do: the cache stays the file that it is; a run that was about one file only changes nothing of that.
inode = cache()
check("nothing changed", both)
expect_equal(cache(), inode, "the cache that -q left")
expect(run("-y", "--md5", program).stdout.endswith(program + "\n"), "-y")
expect_equal(notegen("show", root.path + program).stdout.count("path"), 0, "entries in a note of the program")
run("-ua")
expect_equal([hashlib.sha256(read(root.path + path)).hexdigest() for path in (library, program)], before, "files after -ua")

# A note that is there counts as well, and what both say counts once.
notegen("add", "--root", root.path, "--manifest", root.path + packages + "/a.yaml")
manifest(packages + "/a.yaml", "/usr/bin/prog", plugins[3], plugins[4])
document = check("beside a note", [*both, ("prog", 4)], "-a")
item = next(o for o in json.loads(run("-p", "--json").stdout)["objects"] if o["path"] == program)
expect_equal(len(item["plugins"]), 3, "what a note and a manifest both say")
check("--without-plugins", [], "-a", "--without-plugins")
check("with them again", [*both, ("prog", 4)], "-a", "-q", "--with-plugins")

# Another file at the path, as an upgrade leaves it, and another name of it.
root.program("prog", [library], pie=False)
check("another program at that path, without a note", [*both, ("prog", 4)])
os.rename(root.path + program, root.path + "/usr/bin/real")
os.symlink("real", root.path + program)
program = "/usr/bin/real"
check("a link has the name", [("real", 2), ("real", 3), ("real", 4)])

# -n and questions write nothing.
names = {path: os.lstat(path).st_mtime_ns for base, _, files in os.walk(root.path) for path in
         [base, *(os.path.join(base, name) for name in files)]}
manifest(packages + "/c.yaml", "/usr/bin/real", plugins[0])
names = {**names, root.path + packages: os.stat(root.path + packages).st_mtime_ns}
for options in (["-a", "-n", "-v"], ["-a", "-n", "-q"], ["--status", "-v"], ["--status", program], ["-p", "-v"]):
    run(*options, status=None)
    changed = [path for path, time in names.items() if os.lstat(path).st_mtime_ns != time]
    expect_equal(changed, [], f"files that {options} changed")

# What is wrong with one is said with its place, by each run that would look, and is no reason to leave out the others.
write(root.path + own + "/bad.yaml", "manifest: 1\napplication: x\nhost:\n  - path: /x\n")
for options in (["-a"], ["-a", "-q"], ["-a", "-q"]):
    done = check("beside a wrong one", [("real", 0), ("real", 2), ("real", 3), ("real", 4)], *options, status=1)
    expect(f"{root.path}{own}/bad.yaml:3:1: " in done.stderr and done.stderr.count("bad.yaml") == 1, f"what is said: {done.stderr}")
expect_equal(run("-u", "-n", library).stderr, "", "what -u says of manifests")
os.unlink(root.path + own + "/bad.yaml")
os.mkfifo(root.path + own + "/bad.yaml")
expect("bad.yaml" in run("-a", "-q", status=1).stderr, "nothing is said of a manifest that is a pipe")
os.unlink(root.path + own + "/bad.yaml")
# Outside of the root is nothing, wherever a link points.
manifest("/out.yaml", "/usr/bin/real", plugins[1])
os.symlink(root.path + "/out.yaml", root.path + own + "/out.yaml")
expect("out.yaml" in run("-a", "-q", status=1).stderr, "a link out of the root was followed")
os.unlink(root.path + own + "/out.yaml")
os.symlink("/out.yaml", root.path + own + "/in.yaml")
check("a link inside", [("real", 0), ("real", 1), ("real", 2), ("real", 3), ("real", 4)])
print("manifests: merged, noticed, told, and confined to the root")
