#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module under other releases' ld.so: glibc 2.31 (Debian 11) and 2.41 (Debian 13), for real, in scratch roots; with
LONG=1 also whatever is in sid.

2.31 knows no DT_AUDIT and maps a PIE's libraries at random: there LD_AUDIT and LD_USE_LOAD_BIAS=1 stand in."""
import os

import rooted
import whole_root
from harness import expect, expect_equal, need, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
SETS = ["openssl", "python3", "python3-lxml", "perl", "libxml-libxml-perl"]
COMMANDS = [["openssl", "version"],
            ["python3", "-c", "import lxml.etree, ssl, sqlite3, decimal, ctypes; print(lxml.etree.LXML_VERSION[0] > 0)"],
            ["perl", "-e", "use XML::LibXML; use POSIX; print XML::LibXML->new ? 1 : 0"]]
if os.environ.get("LONG"):
    SETS += ["xine-ui", "libxine2-all-plugins", "libxine2-bin", "python3-numpy", "kate"]
    COMMANDS += [["xine-list-1.2", "-p"], ["kate", "--version"], ["python3", "-c", "import numpy; print(numpy.ones(3).sum())"]]

RELEASES = [("trixie", "2.41", {}),
            ("bullseye", "2.31", {"LD_AUDIT": rooted.module_path(), "LD_USE_LOAD_BIAS": "1"})]
if os.environ.get("LONG"):
    RELEASES.append(("sid", "2.", {}))
for suite, version, environment in RELEASES:
    root = whole_root.root_of(*SETS, suite=suite)
    seen = rooted.start(root, ["ldd", "--version"]).stdout
    expect(f" {version}" in seen.split("\n")[0], f"{suite} has not glibc {version}: {seen}")
    version = seen.split("\n")[0].split()[-1]
    rooted.install_module(root)
    before = [rooted.start(root, command).stdout for command in COMMANDS]
    whole_root.add_notes(root)
    whole_root.prelink_all(root)
    for command, wanted in zip(COMMANDS, before):
        for mode in ({}, {"PRELINK_RTLD": "off"}, {"PRELINK_RTLD": "verbose"}):
            done = rooted.start(root, command, **environment, **mode)
            expect_equal((done.returncode, done.stdout), (0, wanted), f"{suite}: {command} {mode}\n{done.stderr[-800:]}")
        levels = [level for _, level, _ in rooted.levels_of(done)]
        expect(levels.count("full") >= 3 and levels.count("full") > len(levels) / 2,
               f"{suite}: {command}: hardly anything is on the fast path:\n{done.stderr}")
        objects, pages, slots, _ = rooted.compare_images(root, command, version == "2.31", **environment)
        print(f"glibc {version}: {command[0]}: {levels.count('full')} of {len(levels)} objects full, {pages} pages the "
              f"same, {slots} calls bound early")
        if environment:
            done = rooted.start(root, command)
            expect_equal((done.returncode, done.stdout), (0, wanted), f"{suite}: {command} without LD_AUDIT")
