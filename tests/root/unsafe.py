#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files with rights of their own, and files where others can write: listed and left alone; with --with-unsafe
prelinked, with mode, owner and capabilities as they were, verified, and given back.  Programs with rights of their own
never change."""
import os
import shutil

import graph
from harness import BUILD, expect, expect_equal, need, prelink, read, run, scratch, skip
from whole_root import module

if os.geteuid() != 0:
    skip("owners and capabilities take the root user")
need("setcap")

root = graph.Root(scratch())
plain = root.library("plain")
setuid, setgid, capable = (root.library(name) for name in ("setuid", "setgid", "capable"))
open_library = root.library("open", directory="/usr/lib/plugins")
program = root.program("prog", [plain])
setuid_program, capable_program = (root.program(name, [plain, setuid]) for name in ("setuid_prog", "capable_prog"))
os.makedirs(os.path.dirname(root.path + module()))
shutil.copy(os.path.join(BUILD, "prelink-plugins/rtld/prelink-rtld.so"), root.path + module())
libraries = [setuid, setgid, capable, open_library]
programs = [setuid_program, capable_program]
for path in (setgid, capable):
    os.chown(root.path + path, 1234, 5678)
for path, mode in ((setuid, 0o4755), (setgid, 0o2711), (setuid_program, 0o6755), ("/usr/lib/plugins", 0o1777)):
    os.chmod(root.path + path, mode)
for path in (capable, capable_program):
    run(["setcap", "cap_net_raw+ep", root.path + path])


def state(path):
    status = os.lstat(root.path + path)
    return (oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns,
            {name: os.getxattr(root.path + path, name) for name in os.listxattr(root.path + path)})


def states():
    return {path: state(path) for path in libraries + programs}


def contents():
    return {path: read(root.path + path) for path in libraries + programs}


before, attributes = contents(), states()
expect("security.capability" in attributes[capable][4], "setcap had no effect")
at = ["--root", root.path, "-a"]

prelink(*at)
done = prelink(*at, "-v")  # from here on -q has nothing to do, but for the option
expect_equal(contents(), before, "files without --with-unsafe")
for path in before:
    expect(f"\n{path}: " in done.stdout, f"{path} is left alone and not listed: {done.stdout}")

expect("--with-unsafe" in prelink("--help=all").stdout, "--help=all says nothing of --with-unsafe")
done = prelink(*at, "-q", "--with-unsafe", "-v")
now = contents()
for path in libraries:
    expect(now[path] != before[path], f"{path} is not prelinked with --with-unsafe")
    expect(f"\n{path}: " not in done.stdout, f"{path} is listed as left alone: {done.stdout}")
for path in programs:
    expect_equal(now[path], before[path], f"{path}, into which ld.so loads no module")
    expect(f"\n{path}: set-user-id, set-group-id or has file capabilities" in done.stdout,
           f"{path} is not listed: {done.stdout}")
expect_equal(states(), attributes, "mode, owner, times and capabilities of what was prelinked")

# Another run without the option leaves them as they are, at their slots; -y and -ua need no option.
prelink(*at)
expect_equal(contents(), now, "files after a run without --with-unsafe")
for path in libraries:
    expect_equal(prelink("--root", root.path, "-y", path, text=False, errors=None).stdout, before[path],
                 f"original of {path} that -y prints")
expect_equal(prelink(*at, "-u").stdout, f"undone {len(libraries) + 1}\n", "what -ua says")
expect_equal(contents(), before, "files after -ua")
expect_equal(states(), attributes, "attributes after -ua")
print(f"{len(libraries)} libraries left alone, prelinked with --with-unsafe, and given back; {len(programs)} programs "
      "left alone")
