#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prefix-plugin-manifest: of a tree laid out as conda does, with a name that is full of quotes and brackets, and of one
where each package has a directory of its own, as spack does it, the manifests say who loads what; nothing that is not
there is named, nothing in the tree is run, and what is asked wrongly is refused."""
import os

import yaml

from harness import BUILD, SOURCE, expect, expect_equal, notegen, run, scratch, tool, write

COMMAND = os.path.join(BUILD, "ebuild-helpers/interpreters/prefix-plugin-manifest")
ENVIRONMENT = {**os.environ, "NOTEGEN": tool("notegen")}
HOSTS = ["bin/python3.11", "bin/lua5.4", "bin/node", "lib/libtcl8.6.so", "lib/libguile-3.0.so.1.7.0"]
PLUGINS = ["lib/python3.11/lib-dynload/a.so", "lib/python3.11/site-packages/p/b.so", "lib/lua/5.4/m/c.so",
           "lib/node_modules/m/build/Release/d.node", "lib/tcl8.6/x/e.so", "lib/guile/3.0/extensions/f.so"]
WANTED = ["guile", "lua 5.4", "node", "python", "tcl"]


def fill(directory, paths):
    """Programs that would leave a mark if they were run."""
    for path in paths:
        path = os.path.join(directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, f"#!/bin/sh\necho >'{mark}'\n")
        os.chmod(path, 0o755)


def described(*arguments, status=0):
    done = run([COMMAND, "--manifest-dir", SOURCE + "/manifests", *arguments], env=ENVIRONMENT, status=status)
    if status:
        expect(not done.stdout and done.stderr.count("prefix-plugin-manifest: ") == 1, f"{arguments}: {done}")
        return []
    path = os.path.join(top, "m.yaml")
    write(path, done.stdout)
    for line in notegen("check", path).stdout.splitlines():
        expect(": hosts 0" not in line and not line.endswith("match 0"), f"named, and not there: {line}")
    return [document["application"] for document in yaml.safe_load_all(done.stdout)]


top = scratch()
mark = os.path.join(top, "run")
conda = os.path.join(top, "o'n\"e [x] & \\two")
fill(conda, HOSTS + PLUGINS)
literal = conda.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
expect_equal(described(literal), WANTED, "a prefix with an odd name")
expect_equal(described(literal + "/", "lua", "node"), ["lua 5.4", "node"], "two applications only")

spack = os.path.join(top, "spack")
for number, path in enumerate(HOSTS + PLUGINS):
    fill(f"{spack}/linux/gcc-12/package-{number}", [path])
expect_equal(described(spack + "/*/*/*"), WANTED, "a directory for each package")

described(top + "/nothing", status=1)
described("relative", status=1)
described(top, "nosuch", status=1)
described(top + "/[", status=1)
described(top + "/new\nline", status=1)
run([COMMAND], env=ENVIRONMENT, status=2)
expect(not os.path.exists(mark), "something in the tree was run")
