#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store for a whole root: no file but the store is written, the same files give the same store, and programs that
use it end up in memory byte for byte as ld.so alone would have made them, at random addresses, on the fast path.

LONG=1: xine, kate, and every program of the root that answers --version.
"""
import os
import re

import rooted
import tree
import whole_root
from harness import expect, expect_equal, need, prelink, read, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
LONG = bool(os.environ.get("LONG"))
root = whole_root.root_of(*(["xine", "python", "perl", "kate", "tools"] if LONG else ["python", "perl"]))
whole_root.add_notes(root)

before = tree.snapshot(root)
foretold = prelink("--root", root, "--store=/var/lib/prelink/store", "-a", "-n").stdout
expect(not tree.differences(before, tree.snapshot(root)), "prelink --store -n changed something")
said = prelink("--root", root, "--store=/var/lib/prelink/store", "-a").stdout
expect_equal(foretold, said.replace(" in the", " would be in the"), "what is written, and what -n foretold")
store = root + "/var/lib/prelink/store"
added = {"var/lib/prelink: is new", "var/lib/prelink/store: is new"}
different = [line for line in tree.differences(before, tree.snapshot(root)) if line not in added]
expect(not different, f"prelink --store changed other files: {different[:5]}")
first = read(store)
size, programs = len(first), int(re.search(r"(\d+) programs in the store", said)[1])
os.unlink(store)
prelink("--root", root, "--store=/var/lib/prelink/store", "-a", "-j1")
expect(read(store) == first, "the same files gave another store")

ENVIRONMENT = {"LD_AUDIT": rooted.module_path(), "PRELINK_STORE": "/var/lib/prelink/store",
               "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}
python = "import sys, numpy, numpy.random, lxml.etree, yaml, ssl, sqlite3, decimal, ctypes"
perl = "use XML::LibXML; use JSON::XS; use Net::SSLeay; use DBD::SQLite; use POSIX; use Encode;"
commands = [["python3", "-c", python], ["perl", "-e", perl]]
if LONG:
    commands += [["xine-list-1.2", "-p"], ["kate", "--version"]]
    for name in sorted(os.listdir(root + "/usr/bin")):
        path = root + "/usr/bin/" + name
        if name not in whole_root.LEFT_OUT and not os.path.islink(path) and not os.stat(path).st_mode & 0o6000 and \
                read(path)[:4] == b"\177ELF":
            commands.append(["/usr/bin/" + name, "--version"])

total_objects = total_pages = full = runs = 0
levels_seen = {}
for command in commands:
    aside = rooted.start(root, command, **ENVIRONMENT, PRELINK_RTLD="off")
    seen = rooted.start(root, command, **ENVIRONMENT, PRELINK_RTLD="verbose")
    if (seen.returncode, seen.stdout) != (aside.returncode, aside.stdout) or \
            rooted.messages_of(seen) != rooted.messages_of(aside):  # the first run may leave something behind
        aside = rooted.start(root, command, **ENVIRONMENT, PRELINK_RTLD="off")
        seen = rooted.start(root, command, **ENVIRONMENT, PRELINK_RTLD="verbose")
    expect_equal((seen.returncode, seen.stdout, rooted.messages_of(seen)),
                 (aside.returncode, aside.stdout, rooted.messages_of(aside)), f"what {command} says")
    levels = [level for _, level, _ in rooted.levels_of(seen)]
    for level in levels:
        levels_seen[level] = levels_seen.get(level, 0) + 1
    full += levels.count("full")
    if len(command) > 2 or LONG and command[-1] == "--version" and "full" in levels or command[-1] == "-p":
        objects, pages, _, _ = rooted.compare_images(root, command, **ENVIRONMENT)
        total_objects += objects
        total_pages += pages
    runs += 1
    if command[0] in ("python3", "perl", "xine-list-1.2", "kate"):
        expect(levels.count("full") > 10, f"{command[0]}: hardly anything took the fast path: {seen.stderr[:2000]}")
        print(f"{command[0]}: {', '.join(f'{levels.count(l)} {l}' for l in sorted(set(levels)))}")
expect(full, "nothing took the fast path")
print(f"{programs} programs, {size} bytes; {runs} runs the same, {full} objects full; {total_objects} objects with "
      f"{total_pages} pages the same in memory; levels {levels_seen}")
