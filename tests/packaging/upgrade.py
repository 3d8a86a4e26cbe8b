#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""With LONG=1: a prelinked Debian 12 becomes a Debian 13 by apt, with nobody to prelink in between: maintainer
scripts, dpkg, perl, python and apt run on files of which some are prelinked, some replaced, libc among them.  Then it
is prelinked again, and given back; dpkg's own checksums say what every file should be."""
import os
import shutil

from harness import BUILD, expect, expect_equal, run, scratch, skip
from machine import HELPERS, Machine, apt_sources
from scratch_root import Unavailable, debootstrapped
from whole_root import LEFT_OUT, noted

PACKAGES = "python3 perl git xine-ui vim gdb python3-numpy libxml-libxml-perl gawk openssl ffmpeg graphviz ruby php-cli"


def programs(machine):
    """What every program of the machine answers, by its path and the option."""
    script = r"""
cd /tmp
for program in /usr/bin/* /usr/sbin/*; do
	case ${program##*/} in LEFT_OUT) continue;; esac
	[ -x "$program" ] && [ ! -d "$program" ] && head -c 4 "$program" | grep -qa ELF || continue
	for option in --version --help; do
		said=$(timeout -s KILL 20 setpriv --reuid 65534 --clear-groups "$program" $option </dev/null 2>&1 | md5sum)
		printf '%s %s\n' "$program$option" "$said"
	done
done""".replace("LEFT_OUT", "|".join(sorted(LEFT_OUT)))
    return dict(line.split(" ", 1) for line in machine.run(script).splitlines() if line.startswith("/"))


def changed(machine):
    """What dpkg says of files that are not as they were packaged."""
    return machine.run("dpkg --verify || :").splitlines()


def prelink_all(machine):
    """Adds the notes and prelinks; the files that got a note."""
    hosts = noted(machine.run("notegen add -v"))
    machine.run("prelink --with-plugins -a")
    rewritten = len(changed(machine))
    expect(rewritten > 300, f"dpkg finds only {rewritten} files changed by prelinking")
    print(f"prelinked: dpkg finds {rewritten} files changed; {len(hosts)} have new notes")
    return hosts


def check():
    install = scratch("install-")
    run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={install}"])
    machine, plain = Machine(debootstrapped()), Machine(debootstrapped())
    apt_install = "apt-get install -y -qq --no-install-recommends"
    upgrade = ("echo 'force-confnew' >/etc/dpkg/dpkg.cfg.d/new; apt-get -y -qq full-upgrade; "
               "apt-get -y -qq autoremove; apt-get check; dpkg --audit")
    for each in (machine, plain):
        apt_sources(each)
        each.run(f"{apt_install} {PACKAGES} libelf1 libyaml-0-2 libjansson4 libnettle8")
    run(["cp", "-a", install, os.path.join(machine.files, "install")])
    shutil.copy(HELPERS + "/keep-fresh/prelink.conf", machine.files)
    machine.run("cp -a /files/install/* /; cp /files/prelink.conf /etc/")
    hosts = prelink_all(machine)

    for each in (machine, plain):
        apt_sources(each, "trixie")
        each.run(upgrade)
    versions = [each.run("dpkg-query -W") for each in (machine, plain)]
    expect_equal(versions[0], versions[1], "packages after the upgrade")
    print(f"upgraded: {len(versions[0].splitlines())} packages")
    expected = programs(plain)
    steady = {asked for asked, said in programs(plain).items() if expected.get(asked) == said}

    def compare(when):
        said = programs(machine)
        wrong = [asked for asked in sorted(steady) if said.get(asked) != expected[asked]]
        expect(not wrong, f"{when}: {len(wrong)} of {len(steady)} answers differ: {' '.join(wrong[:10])}")
        print(f"{when}: {len(steady)} answers are those of the machine that was never prelinked")

    compare("upgraded, and not prelinked since")
    hosts += prelink_all(machine)
    compare("prelinked again")
    machine.run("prelink -ua")
    machine.run(f"for host in {' '.join(hosts)}; do [ ! -e $host ] || notegen remove $host; done")
    compare("given back")
    expect_equal(changed(machine), changed(plain), "what dpkg --verify says of both machines")
    print("dpkg --verify: the same as of the machine that was never prelinked")


if not os.environ.get("LONG"):
    skip("LONG=1 upgrades a machine: half a gigabyte of packages")
try:
    check()
except Unavailable as unavailable:
    skip(str(unavailable))
