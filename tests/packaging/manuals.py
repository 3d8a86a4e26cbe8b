#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The man pages of the build hooks and scripts: every option that a script takes has its paragraph, every option of a
page is taken, variables of the configuration agree, man has nothing to say, and the units are ones that systemd can
read."""
import os
import re
import shutil

from harness import BUILD, SOURCE, expect, expect_equal, read, run, scratch, write

HELPERS = os.path.join(SOURCE, "ebuild-helpers")
MAINTAIN = BUILD + "/ebuild-helpers/keep-fresh/prelink-maintain"


def words(text):
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


def taken(script):
    """Options in the case patterns of a shell script's loop."""
    return {option for line in read(script).decode().splitlines()
            for option in words(line.split(")")[0]) if re.match(r"\t+--?[a-z][^()]*\)", line)} - {"--help"}


def described(page):
    """Options in the paragraphs of a page's OPTIONS."""
    text = re.search(r"\.SH OPTIONS\n(.*?)\n\.SH", read(page).decode(), re.S)[1].replace("\\-", "-")
    return {option for line in re.findall(r"\.TP\n(.*)", text) for option in words(re.sub(r"\\f.", " ", line))}


expect_equal(sorted(described(HELPERS + "/add-plugin-note.1")), sorted(taken(HELPERS + "/add-plugin-note.in")),
             "options in add-plugin-note.1 and in its script")
usual = {"--help", "--usage", "--version"}
expect_equal(sorted(described(HELPERS + "/keep-fresh/prelink-maintain.8")),
             sorted(words(run([MAINTAIN, "--help"]).stdout) - usual - {"-?", "-"}), "options in prelink-maintain.8")

settings = set(re.findall(r"^(PRELINK\w+)=", read(HELPERS + "/keep-fresh/prelink.default").decode(), re.M))
page = read(HELPERS + "/keep-fresh/prelink-maintain.8").decode()
code = read(HELPERS + "/keep-fresh/settings.c").decode()
for name in settings:
    expect(name in page and name in code, f"{name} is not in the page, or unknown to prelink-maintain")

if shutil.which("man"):
    for base, _, names in os.walk(HELPERS):
        for name in names:
            if re.search(r"\.[158]$", name) and not read(f"{base}/{name}").startswith(b".so "):
                done = run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", f"{base}/{name}"],
                           env={**os.environ, "LC_ALL": "C.UTF-8"})
                expect_equal(done.stderr, "", f"what man says about {name}")

if shutil.which("systemd-analyze"):
    units = scratch()
    for unit in (BUILD + "/ebuild-helpers/keep-fresh/prelink.service", HELPERS + "/keep-fresh/prelink.timer"):
        text = read(unit).decode()
        # The programs are not installed where the test runs.
        write(f"{units}/{os.path.basename(unit)}", re.sub(r"ExecStart=\S+", "ExecStart=/bin/true",
                                                         re.sub(r"Documentation=.*\n", "", text)))
    done = run(["systemd-analyze", "verify", units + "/prelink.service", units + "/prelink.timer"], status=None)
    said = [line for line in done.stderr.splitlines() if units in line or line.startswith("prelink.")]
    expect_equal(said, [], "what systemd says about the units")
else:
    print("systemd-analyze is not installed: the units are not checked")
