#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The memory image: real programs, prelinked with their plugins, end up in memory byte for byte as ld.so alone
would have made them, at the entry point and after each dlopen; and they get there on the fast path.  (But for words in
a library's copy of a C++ table, where ld.so says that the library was given another's: see shadowed.py.)

LONG=1: kate, all of lib-dynload, every XS module, and every program of the root that answers --version.
"""
import glob
import os

import kit
import rooted
import whole_root
from harness import expect, expect_equal, need, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
LONG = bool(os.environ.get("LONG"))

sets = ["xine", "python", "perl"] if LONG else ["python", "perl"]
if LONG:
    sets += ["tools", "kate", "python3-scipy", "python3-pyqt5", "libgtk3-perl"]
root = whole_root.root_of(*sets)
rooted.install_module(root)
whole_root.add_notes(root)
whole_root.prelink_all(root)
python = "import sys, numpy, numpy.random, lxml.etree, yaml, ssl, sqlite3, decimal, ctypes"
perl = "use XML::LibXML; use JSON::XS; use Net::SSLeay; use DBD::SQLite; use POSIX; use Encode;"
commands = [["perl", "-e", "1"], ["python3", "-c", python], ["perl", "-e", perl]]


def perl_modules():
    """use-names of every XS module of the root."""
    found = set()
    for path in glob.glob(root + "/usr/lib/x86_64-linux-gnu/perl*/5.36*/auto/**/*.so", recursive=True):
        found.add("::".join(path.split("/auto/")[1].split("/")[:-1]))
    return sorted(found)


def answering_programs():
    """Programs that print something for --version, exit with 0, and are dynamic ELF files."""
    found = []
    for directory in ("usr/bin", "usr/sbin"):
        for name in sorted(os.listdir(os.path.join(root, directory))):
            path = os.path.join(root, directory, name)
            if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.X_OK):
                continue
            if os.stat(path).st_mode & 0o6000: # never rewritten; and the kernel randomises its addresses all the same
                continue
            with open(path, "rb") as file:
                if file.read(4) != b"\177ELF":
                    continue
            if not kit.is_dynamic(path):
                continue
            try:
                done = rooted.start(root, ["/" + directory + "/" + name, "--version"], timeout=10, PRELINK_RTLD="off")
            except Exception:
                continue
            if done.returncode == 0 and done.stdout:
                found.append(["/" + directory + "/" + name, "--version"])
    return found


if LONG:
    modules = sorted(os.path.basename(p).split(".")[0]
                     for p in glob.glob(root + "/usr/lib/python3.11/lib-dynload/*.so"))
    commands += [["xine-list-1.2", "-p"], ["kate", "--version"],
                 ["python3", "-c", "import numpy, scipy.linalg, lxml.etree, PyQt5.QtWidgets"],
                 ["python3", "-c", "import importlib\nfor m in %r:\n  try: importlib.import_module(m)\n"
                  "  except ImportError: print(m)" % modules],
                 ["perl", "-e", "use Gtk3;"],
                 ["perl", "-e", "for (qw(%s)) { eval qq(require $_); }" % " ".join(perl_modules())],
                 *answering_programs()]

total_objects = total_pages = total_slots = unseen = full = 0
for command in commands:
    verbose = rooted.start(root, command, PRELINK_RTLD="verbose")
    aside = rooted.start(root, command, PRELINK_RTLD="off")
    expect_equal(verbose.stdout, aside.stdout, f"what {command} prints")
    levels = [level for _, level, _ in rooted.levels_of(verbose)]
    objects, pages, slots, words = rooted.compare_images(root, command)
    total_objects += objects
    total_pages += pages
    total_slots += slots
    unseen += words
    full += levels.count("full")
    if command[-1] != "--version" or command[0] == "kate":
        print(f"{' '.join(command)[:60]}: {objects} objects, {pages} pages the same, {slots} calls bound early; "
              f"levels: {', '.join(f'{levels.count(l)} {l}' for l in sorted(set(levels)))}")
expect(full > 20, f"hardly anything took the fast path: {full} objects")
if LONG:
    expect(len(commands) >= 200, f"only {len(commands)} programs answered")
print(f"{len(commands)} runs, {total_objects} objects, {total_pages} pages: no byte differs but {unseen} words that nobody "
      f"looks at; {full} objects at level full, {total_slots} calls bound early")
