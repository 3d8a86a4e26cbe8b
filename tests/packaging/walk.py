#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""README's section "In a package of your own", its commands as they stand there, on a fresh debootstrapped Debian: a
program with two plugins is packaged, installed and prelinked, and takes the fast path.  Needs LONG=1."""
import os
import re
import shutil

from harness import SOURCE, expect, read, run, skip
from machine import Machine, apt_sources, tarball
from scratch_root import Unavailable, debootstrapped

BUILD_DEPENDS = "build-essential debhelper libelf-dev libjansson-dev libyaml-dev nettle-dev pkgconf python3 zlib1g-dev"


def commands():
    """The commands of that section of README: its indented lines."""
    section = read(os.path.join(SOURCE, "README")).decode().split("In a package of your own\n")[1]
    section = re.split(r"\n[^\n]+\n-{4,}\n", section.split("\n", 1)[1])[0]
    found = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    expect(len(found) >= 8, f"README's section has only the commands {found}")
    return found


def walk():
    machine = Machine(debootstrapped())
    apt_sources(machine)
    machine.run(f"apt-get install -y -qq --no-install-recommends {BUILD_DEPENDS}")
    release = tarball()
    top = os.path.join(machine.files, "clone")
    os.mkdir(top)
    run(["tar", "-xf", release, "-C", top, "--strip-components=1"])
    shutil.copy(release, top)
    # As at a terminal, but for apt's question.
    lines = [re.sub(r"^apt-get install", "apt-get install -y -qq", line) for line in commands()]
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
    commands()
    skip("with LONG=1: installs a Debian system and builds packages in it")
try:
    walk()
except Unavailable as error:
    skip(str(error))
