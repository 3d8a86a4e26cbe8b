#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""With LONG=1: a Debian with a dozen programs that load plugins, this project's own package and PRELINKING=yes, of which every
package is upgraded by apt to one whose ELF files are others.  Nothing is typed after that: as many plugins as before are
on the fast path, they load, and removing the package gives back what the new packages have."""
import json
import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

from elf import Elf
from harness import elf_files, expect, expect_equal, need, read, run, scratch, skip, write
from machine import HELPERS, Machine, apt_sources, tarball
from scratch_root import Unavailable, debootstrapped

# By path (dot is the updater of its configuration): the packages that each takes, and a command that loads plugins of it.
PROGRAMS = {
    "/usr/bin/python3.11": ("python3 python3-numpy python3-lxml", "python3 -c 'import numpy, lxml.etree, sqlite3, ssl'"),
    "/usr/bin/perl": ("perl libxml-libxml-perl", "perl -e 'use XML::LibXML; use POSIX;'"),
    "/usr/bin/php8.2": ("php8.2-cli php8.2-xml php8.2-mbstring", "php8.2 -r 'new DOMDocument; mb_strlen(1);'"),
    "/usr/bin/ruby3.1": ("ruby", "ruby -e 'require %q(json); require %q(openssl)'"),
    "/usr/bin/vlc": ("vlc-bin vlc-plugin-base", "test -x /usr/bin/vlc"),  # not as root
    "/usr/bin/xine-list-1.2": ("libxine2-bin libxine2-misc-plugins", "xine-list-1.2 -p"),
    "/usr/bin/gst-inspect-1.0": ("gstreamer1.0-tools gstreamer1.0-plugins-base", "gst-inspect-1.0 audiotestsrc"),
    "/usr/sbin/apache2": ("apache2-bin", "apache2 -C 'LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so' "
                                         "-C 'ServerName x' -C 'DefaultRuntimeDir /tmp' -C 'ErrorLog /tmp/log' -f /dev/null -M"),
    "/usr/sbin/libgvc6-config-update": ("graphviz", "echo 'digraph { a -> b }' | dot -Tsvg"),
    "/usr/bin/convert-im6.q16": ("imagemagick-6.q16", "convert-im6.q16 -size 9x9 xc:red /tmp/red.png"),
    "/usr/bin/openssl": ("openssl", "openssl list -providers -provider legacy"),
    "/usr/sbin/rsyslogd": ("rsyslog", "rsyslogd -v"),  # its plugins want a configuration
}
ARCHIVE = "/files/new"
RELATIONS = r"(?m)^((?:Pre-)?Depends|Recommends|Breaks|Conflicts|Replaces|Provides):.*"


def other_bytes(path):
    """The same program built another time: another build-id, and a section more."""
    elf = Elf(path, read(path))
    if elf.kind not in (2, 3):  # ET_EXEC, ET_DYN
        return 0
    with tempfile.NamedTemporaryFile() as note:
        note.write(b"".join(word.to_bytes(4, "little") for word in (4, 20, 3)) + b"GNU\0" + os.urandom(20))
        note.flush()
        again = any(s.name == ".note.gnu.build-id" and s.size == 36 for s in elf.sections)
        run(["objcopy", f"--add-section=.upgraded={note.name}", path] +
            ([f"--update-section=.note.gnu.build-id={note.name}"] if again else []))
    return 1


def rebuild(deb, versions, to):
    """The package DEB with the next version and other ELF files, below TO; how many they are."""
    place = tempfile.mkdtemp(dir=to)
    run(["dpkg-deb", "-R", deb, place])
    control = read(place + "/DEBIAN/control").decode()
    name = re.search(r"^Package: (.*)", control, re.M)[1]
    control = re.sub(r"(?m)^(Version: .*)", r"\1+again", control)
    control = re.sub(RELATIONS, lambda line: re.sub(
        r"(\S+?)(:\w+)? \(= ([^)]+)\)", lambda r: r[0].replace(")", "+again)") if versions.get(r[1]) == r[3] else r[0], line[0]),
        control)
    write(place + "/DEBIAN/control", control)
    changed = sum(other_bytes(path) for path in elf_files(place))  # each inode once
    sums = place + "/DEBIAN/md5sums"
    if os.path.exists(sums):
        write(sums, run(["md5sum", *re.findall(r"(?m)^[0-9a-f]{32}  (.*)$", read(sums).decode())], cwd=place).stdout)
    run(["dpkg-deb", "-Znone", "-b", place, f"{to}/{name}.deb"])
    shutil.rmtree(place)
    return changed


def rebuild_all(machine):
    """An archive with another version of each package that is installed."""
    machine.run("mkdir -p /files/old /files/new; cd /files/old; "
                "apt-get download -qq $(dpkg-query -W -f '${Package}=${Version}\\n' | grep -v prelink-plugins)")
    lines = machine.run("dpkg-query -W -f '${Package} ${Version}\\n'").split("\n")
    versions = dict(line.split() for line in lines if line)
    old = [os.path.join(machine.files, "old", name) for name in sorted(os.listdir(machine.files + "/old"))]
    with ThreadPoolExecutor(2) as pool:
        changed = sum(pool.map(lambda deb: rebuild(deb, versions, machine.files + "/new"), old))
    run(["sh", "-c", "dpkg-scanpackages . >Packages"], cwd=machine.files + "/new")
    print(f"{len(old)} packages built again, {changed} ELF files are others")


def plugins(machine):
    rows = json.loads(machine.run("prelink --status --json " + " ".join(PROGRAMS) + " || :"))
    return {row["program"]: (row["state"], row["planned"], row["plugins"]) for row in rows}


def not_as_packaged(machine):
    return machine.run("dpkg --verify || :").splitlines()


def check():
    packages = scratch("packages-")
    run([HELPERS + "/debian/build", tarball(), packages])
    machine = Machine(debootstrapped())
    for name in os.listdir(packages):
        if re.fullmatch(r"prelink-plugins_.*\.deb", name):
            shutil.copy(os.path.join(packages, name), machine.files)
    apt_sources(machine)
    install = "apt-get install -y -qq --no-install-recommends "
    write(machine.files + "/fast", "force-unsafe-io\n")
    machine.run("cp /files/fast /etc/dpkg/dpkg.cfg.d/; apt-get -y -qq full-upgrade; " + install +
                " ".join(needed for needed, _ in PROGRAMS.values()))
    verified = not_as_packaged(machine)
    machine.run(install + "/files/prelink-plugins_*.deb; sed -i s/^PRELINKING=.*/PRELINKING=yes/ /etc/default/prelink; "
                "JOURNAL_STREAM=1 /usr/libexec/prelink-plugins/prelink-maintain")
    before = plugins(machine)
    for program, (state, planned, count) in before.items():
        expect(state == "fast" and planned == count > 1, f"{program}: {state}, {planned} of {count} plugins")
    expect_equal(sorted(before), sorted(PROGRAMS), "programs with plugins")

    rebuild_all(machine)
    expect(len(not_as_packaged(machine)) > 500, "hardly anything is prelinked")
    write(machine.files + "/again.list", f"deb [trusted=yes] file:{ARCHIVE} ./\n")
    said = machine.run("cp /files/again.list /etc/apt/sources.list.d/; apt-get -qq update; apt-get -y -qq full-upgrade; apt-get check")
    expect("Prelinking what changed" in said, f"nobody says what apt waits for: {said[-1000:]}")
    left = machine.run("dpkg-query -W -f '${Package} ${Version}\\n' | grep -v '+again$' || :").split()
    expect_equal(left[::2], ["prelink-plugins"], "packages that were not upgraded")
    expect_equal(plugins(machine), before, "what is on the fast path after the upgrade")
    for program, (_, command) in PROGRAMS.items():
        machine.run("cd /tmp; " + command)
        expect(program in machine.run("prelink -p"), f"{program} is not in the cache")
    said = machine.run("PRELINK_RTLD=verbose " + PROGRAMS["/usr/bin/python3.11"][1])
    levels = re.findall(r"^prelink-rtld: \S+: (.*)", said, re.M)
    expect(len(levels) > 30 and set(levels) == {"full"}, f"python3, in the module's words: {said}")

    machine.run("apt-get purge -y -qq prelink-plugins")
    expect_equal(not_as_packaged(machine), verified, "files that are not as they were packaged, after removal")
    print("plugins on the fast path before and after:",
          ", ".join(f"{os.path.basename(program)} {count}" for program, (_, _, count) in before.items()))


if not os.environ.get("LONG"):
    skip("LONG=1 upgrades all packages of a system")
need("unshare", "mount", "objcopy", "dpkg-scanpackages", "dpkg-buildpackage")
try:
    check()
except Unavailable as unavailable:
    skip(str(unavailable))
