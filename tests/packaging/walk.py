#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""README's commands as they stand there, on fresh debootstrapped Debians: "In a package of your own", where a program with
two plugins is packaged, installed and prelinked, and takes the fast path; and built and installed by `make install`, a
store, slots, and the way back, after which every file is what it was.  Needs LONG=1."""
import os
import re
import shutil

from harness import SOURCE, expect, expect_equal, read, run, skip
from machine import Machine, apt_sources, tarball
from scratch_root import Unavailable, debootstrapped

BUILD_DEPENDS = "build-essential debhelper libelf-dev libjansson-dev libyaml-dev nettle-dev pkgconf python3 zlib1g-dev"


def commands(title, least):
    """The commands of the section TITLE of README: its indented lines, without what is said of them.  At LEAST so many."""
    section = read(os.path.join(SOURCE, "README")).decode().split(f"\n{title}\n---")[1]
    section = re.split(r"\n[^\n]+\n-{4,}\n", section.split("\n", 1)[1])[0]
    found = [re.split(r" {2,}", line.strip())[0] for line in section.splitlines() if re.match(r" {4}\S", line)]
    expect(len(found) >= least, f"{title}: README has only the commands {found}")
    return found


PACKAGE = commands("In a package of your own", 8)
BUILD, BACK = commands("Installing it", 1)[0], commands("How to go back", 3)
STORE, SLOTS = commands("With a store", 4), commands("With slots", 5)


def unpacked(machine):
    """The release in /files/clone, as a clone is."""
    release, top = tarball(), os.path.join(machine.files, "clone")
    os.mkdir(top)
    run(["tar", "-xf", release, "-C", top, "--strip-components=1"])
    shutil.copy(release, top)


def installed():
    """As in README from the beginning, but that kate is perl with a plugin, and python3.11 the one that is there."""
    row = re.search(r"^    Debian, Ubuntu +(.*?)\n +\(", read(SOURCE + "/README").decode(), re.M | re.S)
    machine = Machine(debootstrapped("trixie"))
    apt_sources(machine, "trixie")
    machine.run(f"apt-get install -y -qq --no-install-recommends {row[1]} python3 python3-numpy perl libxml-libxml-perl")
    unpacked(machine)
    before = machine.sums("/usr", "/etc")

    def typed(command, status=0):
        command = re.sub(r"\bkate\b", "perl -MXML::LibXML -MPOSIX -e 1", command).replace("python3.11", "python3.13")
        return machine.run(f"cd /files/clone; export HOME=/root; {command}", status=status)

    def changed():
        after = machine.sums("/usr", "/etc")
        return sorted(path for path in before if after.get(path) != before[path] and "__pycache__" not in path)

    typed(BUILD)
    expect_equal(changed(), [], "files that make install changed")
    # What learns is still at it when the program has ended.
    said = typed("\n".join([*STORE[:2], f"for i in $(seq 300); do {STORE[2]} && break; sleep 1; done"]))
    expect("/perl: fast (by the store)" in said, f"{STORE[:3]}: {said}")
    said = typed(STORE[3])
    expect(re.match(r"[1-9]\d* programs in the store", said), f"{STORE[3]}: {said}")
    expect_equal(changed(), [], "files that a store changed")
    said = [typed(command, None if "--status" in command else 0) for command in SLOTS]
    expect("would have prelinked" in said[0] and re.match(r"prelinked \d\d\d", said[1]), f"{SLOTS}: {said[:2]}")
    expect(len(changed()) > 100, "hardly a file was prelinked")
    expect(re.search(r"^/usr/bin/perl: fast", said[2], re.M), f"{SLOTS[2]}: {said[2]}")
    typed(BACK[0])
    expect_equal(changed(), [], f"files that {BACK[0]} did not give back")
    typed(SLOTS[1])
    typed(BACK[-1])
    expect_equal(changed(), [], f"files that {BACK[-1]} did not give back")
    left = sorted(set(machine.sums("/usr", "/etc", "/var/lib")) - set(before))
    expect_equal([path for path in left if "prelink" in path or "notegen" in path], [], f"files that {BACK[-1]} left")
    print(f"make install, a store, slots and back: {len(before)} files are what they were")


def walk():
    machine = Machine(debootstrapped())
    apt_sources(machine)
    machine.run(f"apt-get install -y -qq --no-install-recommends {BUILD_DEPENDS}")
    unpacked(machine)
    # As at a terminal, but for apt's question.
    lines = [re.sub(r"^apt-get install", "apt-get install -y -qq", line) for line in PACKAGE]
    said = machine.run("cd /files/clone\n" + "\n".join(f"echo '# {line}'\n{line}" for line in lines))
    shown = dict(re.findall(r"^# (.*)\n((?:(?!# ).*\n)*)", said, re.M))
    expect("/usr/lib/greet/*.so" in shown["notegen show /usr/bin/greet"], f"no note: {said[-2000:]}")
    status = shown["prelink --status -v /usr/bin/greet"]
    print(status.strip())
    expect(re.search(r"^/usr/bin/greet: fast: .* 2 of 2 plugins", status, re.M), f"not the fast path: {status}")
    expect(shown["greet"].split() == ["hello", "bonjour"], f"greet says {shown['greet']!r}")
    verbose = machine.run("PRELINK_RTLD=verbose greet")
    for plugin in ("english.so", "french.so"):
        expect(re.search(rf"^prelink-rtld: /usr/lib/greet/{plugin}: full", verbose, re.M), f"{plugin}: {verbose}")


if not os.environ.get("LONG"):
    skip("with LONG=1: installs a Debian system and builds packages in it")
try:
    walk()
    installed()
except Unavailable as error:
    skip(str(error))
