#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration of prelink-maintain is read, not run: what it may say is taken as a shell takes it, all else is named
with file and line, and nothing in it happens.  Every option of prelink is either one that PRELINK_OPTS may hold or not."""
import os
import re
import subprocess

from harness import SOURCE, expect, expect_equal, prelink, read
from maintained import System

FIRST = "-a -f -R "
GOOD = [
    ("PRELINKING=yes", FIRST.strip()),
    ("  PRELINKING='yes'  # a comment\n# PRELINKING=no\n\n", FIRST.strip()),
    ('PRELINKING="y"e\'s\'', FIRST.strip()),
    ("PRELINKING=no\nPRELINKING=yes", FIRST.strip()),
    ("PRELINKING=yes\nPRELINK_OPTS=", FIRST.strip()),
    ('PRELINKING=yes\nPRELINK_OPTS="-mR --seed=4 -j 2"', FIRST + "-mR --seed=4 -j 2"),
    ("PRELINKING=yes\nPRELINK_OPTS=' -b /opt/x\t--layout-page-size 65536 '", FIRST + "-b /opt/x --layout-page-size 65536"),
    (r'PRELINKING=yes' '\n' r'PRELINK_OPTS="-b /\$x\\y"', FIRST + r"-b /$x\y"),
]
# Configuration, the line that is wrong, a word of what is said.
BAD = [
    ("PRELINKING=maybe", 1, "yes or no"), ("PRELINKING", 1, "no setting"), ("prelinking=yes", 1, "no such setting"),
    ("PRELINKING=yes\nFOO=1", 2, "FOO"), ("export PRELINKING=yes", 1, "no setting"), ("touch {mark}", 1, "no setting"),
    ("PRELINKING=yes; touch {mark}", 1, "';'"), ("PRELINKING=yes touch {mark}", 1, "more behind"),
    ("PRELINKING=$(touch {mark})", 1, "'$'"), ("PRELINKING=`touch {mark}`", 1, "'`'"),
    ('PRELINKING="$(touch {mark})"', 1, "'$'"), ('PRELINKING="`touch {mark}`"', 1, "'`'"),
    ("PRELINKING=yes&touch {mark}", 1, "'&'"), ("PRELINKING=yes|touch {mark}", 1, "'|'"),
    ("PRELINKING=yes>{mark}", 1, "'>'"), ("PRELINKING=yes<{mark}", 1, "'<'"), (". {mark}", 1, "no setting"),
    ("PRELINKING='yes", 1, "quote"), ('PRELINKING="yes\n"', 1, "quote"), ("PRELINKING=yes\\", 1, "'\\'"),
    ("PRELINKING=yes\r", 1, "control"), ("PRELINKING =yes", 1, "no setting"), ("PATH=/tmp", 1, "PATH"),
    ("LD_PRELOAD=/x.so\nPRELINKING=yes", 1, "LD_PRELOAD"), ("f() { touch {mark}; }", 1, "no setting"),
    ("PRELINK_FULL_TIME_INTERVAL=often", 1, "number of days"), ("PRELINK_FULL_TIME_INTERVAL=-1", 1, "number of days"),
    ("PRELINK_FULL_TIME_INTERVAL=99999999999999999999", 1, "number of days"),
    ("PRELINK_OPTS='--root /'", 1, "--root"), ("PRELINK_OPTS='-m --report={mark}'", 1, "--report"),
    ("PRELINK_OPTS='-C {mark}'", 1, "-C"), ("PRELINK_OPTS='-mu'", 1, "-mu"), ("PRELINK_OPTS='/bin/true'", 1, "/bin/true"),
    ("PRELINK_OPTS=-", 1, "'-'"), ("PRELINK_OPTS='--'", 1, "'--'"), ("PRELINK_OPTS='-b'", 1, "lacks"),
    ("PRELINK_OPTS=--rep=x", 1, "--rep"), ("PRELINK_OPTS=--force=x", 1, "--force"),
]
# What is not for a configuration: another thing to do, another tree, a file to write; or it says nothing of a layout.
REFUSED = {"all", "bindings", "dry-run", "print-cache", "report", "reloc-only", "status", "undo", "verify", "undo-output",
           "cache-file", "no-update-cache", "root", "json", "help", "usage", "version", "advise", "store", "learn",
           "audit", "freeze-search"}


def check_good():
    for text, called in GOOD:
        system = System()
        system.configuration(text)
        expect_equal(system.maintain(), [called], text)


def check_bad():
    for text, line, word in BAD:
        system = System()
        mark = system.root + "/mark"
        system.configuration(text.replace("{mark}", mark))
        expect_equal(system.maintain(status=1), [], text)
        expect(re.search(rf"^prelink-maintain: \S+/etc/default/prelink:{line}: .*{re.escape(word)}", system.output, re.M),
               f"{text!r}, line {line}: said {system.output!r}")
        expect(not os.path.exists(mark), f"{text!r} was run")
    system = System()
    system.configuration("A=1\nB=2\n")
    system.maintain(status=1)
    expect("prelink:1: A" in system.output and "prelink:2: B" in system.output, f"not every mistake: {system.output}")


def check_files():
    """No text, too much of it, nothing that is a file."""
    for text in (b"PRELINKING=yes\0\n", b"#" * 70000, b"PRELINKING=\xff\n"):
        system = System()
        with open(system.root + "/etc/default/prelink", "wb") as file:
            file.write(text)
        expect_equal(system.maintain(status=1), [], f"{text[:20]}, {len(text)} bytes")
    system = System()
    path = system.root + "/etc/default/prelink"
    for make in os.mkfifo, os.mkdir, lambda path: os.symlink("prelink", path):
        make(path)
        expect_equal(system.maintain(status=1), [], f"{make} in place of the configuration")
        expect("regular file" in system.output, system.output)
        subprocess.run(["rm", "-rf", path], check=True)


def check_options():
    """What settings.c allows and what it does not are all that prelink has."""
    text = prelink("--help=all").stdout
    options = set(re.findall(r"(?<=--)[a-z0-9][a-z0-9-]+", text))
    allowed = set(re.findall(r'\{ "([a-z0-9-]+)", ', read(SOURCE + "/ebuild-helpers/keep-fresh/settings.c").decode()))
    expect_equal(sorted(options - allowed - REFUSED), [], "options of prelink that PRELINK_OPTS neither takes nor refuses")


check_good()
check_bad()
check_files()
check_options()
print(f"{len(GOOD)} configurations are taken, {len(BAD)} refused")
