#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""It builds without a warning, from a release and from its sources, on Debian 11, 12, 13 and sid, with what README says is to
be installed and nothing more (no Python), by each compiler that is named below; where pkg-config is missing, what there is
to install is said in words.

LONG=1 only: roots of the distributions' own packages.  Releases on the command line: only those."""
import os
import re
import shutil
import subprocess
import sys

import scratch_root
from harness import SOURCE, expect, fail, read, scratch, skip
from machine import tarball

if not os.environ.get("LONG"):
    skip("only with LONG=1: builds on four releases take minutes")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
COMPILERS = {"bullseye": ["gcc"], "bookworm": ["gcc"], "trixie": ["gcc", "clang-19"], "sid": ["gcc", "gcc-15", "clang-21"]}
PKG_CONFIG = {"pkgconf", "pkg-config"}
release = tarball()


def packages():
    """Those of Debian in README, but for how pkg-config is called."""
    row = re.search(r"^    Debian, Ubuntu +(.*?)\n +\(", read(SOURCE + "/README").decode(), re.M | re.S)
    expect(row, "README does not say what to install on Debian")
    return [name for name in row[1].split() if name not in PKG_CONFIG]


def unpacked(root, name):
    """The release, unpacked as NAME in ROOT."""
    os.makedirs(f"{root}/{name}")
    subprocess.run(["tar", "-xf", release, "--strip-components=1", "-C", f"{root}/{name}"], check=True)
    return "/" + name


# What automake's own script would set up: the commands without their versions.
NAMES = "export ACLOCAL=$(ls /usr/bin/aclocal-1.*) AUTOMAKE=$(ls /usr/bin/automake-1.*); "


def inside(root, script, status=0):
    done = scratch_root.chroot(root, "sh", "-c", NAMES + script, stderr=subprocess.STDOUT)
    if status is not None and done.returncode != status:
        fail(f"{script}: expected exit status {status}, seen {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def root_of(suite, *names):
    try:
        return scratch_root.make(*packages(), *names, suite=suite, path=scratch("builds-") + "/root")
    except scratch_root.Unavailable as error:
        print(f"{suite}: no root: {' '.join(str(error).split())}")
        return None


def check_without_pkg_config():
    root = root_of("bookworm")
    if not root:
        return
    said = inside(root, f"cd {unpacked(root, 'src')} && ./configure", status=1)
    expect("pkg-config" in said and "yntax error" not in said, f"configure without pkg-config: {said[-600:]}")
    said = inside(root, "cd /src && ! ./autogen.sh")
    expect("install pkg-config" in said, f"autogen.sh without pkg-config: {said[-600:]}")
    shutil.rmtree(root)


def check_builds(suite, compilers):
    root = root_of(suite, "pkg-config", *(name for name in compilers if name != "gcc"))
    if not root:
        return
    expect(not os.path.lexists(root + "/usr/bin/python3"), f"{suite}: there is a Python: nothing tests how it is without")
    for compiler in compilers:
        at = unpacked(root, compiler)
        autogen = "" if compiler == "gcc" else "./autogen.sh >/dev/null 2>&1 && "
        said = inside(root, f"cd {at} && {autogen}./configure --enable-werror CC={compiler}")
        expect("make check" in said, f"{suite}, {compiler}: no word of what is missing without Python")
        inside(root, f"cd {at} && make -s -j2 && notegen/notegen --version && prelink-plugins/prelink --version")
        print(f"{suite}: {inside(root, compiler + ' --version').splitlines()[0]}: builds", flush=True)
    shutil.rmtree(root)


check_without_pkg_config()
for suite, compilers in COMPILERS.items():
    if suite in (sys.argv[1:] or COMPILERS):
        check_builds(suite, compilers)
