#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store under other releases' ld.so: glibc 2.31 (Debian 11), where position-independent programs have one, too, and
2.41 (Debian 13); with LONG=1 also whatever is in sid, and larger programs."""
import os

import kit
import rooted
import whole_root
from harness import expect, expect_equal, need, prelink, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
LONG = bool(os.environ.get("LONG"))
SETS = ["openssl", "python3", "python3-lxml", "perl", "libxml-libxml-perl"]
COMMANDS = [["openssl", "version"],
            ["python3", "-c", "import lxml.etree, ssl, sqlite3, decimal, ctypes; print(lxml.etree.LXML_VERSION[0] > 0)"],
            ["perl", "-e", "use XML::LibXML; use POSIX; print XML::LibXML->new ? 1 : 0"]]
if LONG:
    SETS += ["xine-ui", "libxine2-all-plugins", "libxine2-bin", "python3-numpy", "kate"]
    COMMANDS += [["xine-list-1.2", "-p"], ["kate", "--version"], ["python3", "-c", "import numpy; print(numpy.ones(3).sum())"]]
STORE = "/var/lib/prelink/store"
ENVIRONMENT = {"LD_AUDIT": rooted.module_path(), "PRELINK_STORE": STORE,
               "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}

for suite, version in (("trixie", "2.41"), ("bullseye", "2.31"), *([("sid", "2.")] if LONG else [])):
    root = whole_root.root_of(*SETS, suite=suite)
    seen = rooted.start(root, ["ldd", "--version"]).stdout
    expect(f" {version}" in seen.split("\n")[0], f"{suite} has not glibc {version}: {seen}")
    version = seen.split("\n")[0].split()[-1]
    before = [rooted.start(root, command).stdout for command in COMMANDS]
    whole_root.add_notes(root)
    prelink("--root", root, f"--store={STORE}", "-a")
    for command, wanted in zip(COMMANDS, before):
        for mode in ({}, {"PRELINK_RTLD": "off"}, {"PRELINK_RTLD": "verbose"}):
            done = rooted.start(root, command, **ENVIRONMENT, **mode)
            expect_equal((done.returncode, done.stdout), (0, wanted), f"{suite}: {command} {mode}\n{done.stderr[-800:]}")
        levels = [level for _, level, _ in rooted.levels_of(done)]
        expect(levels.count("full") >= 3 and levels.count("full") == len(levels),
               f"{suite}: {command}: not all is on the fast path:\n{done.stderr}")
        objects, pages, slots, _ = rooted.compare_images(root, command, version == "2.31", **ENVIRONMENT)
        path = next(p for p in (f"{root}/usr/bin/{command[0]}",) if os.path.exists(p))
        kind = "position-independent" if kit.Elf(os.path.realpath(path)).kind == 3 else "at a fixed address"
        print(f"glibc {version}: {command[0]} ({kind}): {levels.count('full')} objects full, {objects} with {pages} pages "
              f"the same, {slots} calls bound early")
