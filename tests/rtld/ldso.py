#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The numbers in rtld/MACHINE/machine.h and rtld/ldso.h are those of glibc: compared with the debug information of the
running ld.so; with LONG=1, for each machine, of those of Debian's releases that its table names.  A release that the table
does not name has to be within the bounds."""
import glob
import os
import re

import scratch_root
from harness import SOURCE, expect, expect_equal, need, read, run, scratch, skip

need("gdb", "readelf")
RTLD = os.path.join(SOURCE, "prelink-plugins/rtld")
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64", "arm": "armhf", "powerpc64le": "ppc64el"}
SUITES = {"2.31": "bullseye", "2.36": "bookworm", "2.41": "trixie", "2.43": "sid"}
ROWS = ["link_map.l_info", "link_map.l_info entries", "link_map.l_phdr", "link_map.l_phnum", "link_map.l_scope_max",
        "link_map.l_scope", "link_map", "pthread"]


class Machine:
    def __init__(self, name):
        self.name = name
        header = read(f"{RTLD}/{name}/machine.h").decode()
        self.releases = re.search(r"^ \* +((?: +\d\.\d+)+)$", header, re.M)[1].split()
        self.table = {release: {} for release in self.releases}
        for row, *numbers in re.findall(r"^ \*   ([a-z_.]+(?: entries)?)((?: +\d+)+)(?: \*/)?$", header, re.M):
            for release, number in zip(self.releases, numbers[0].split()):
                self.table[release][row] = int(number)
        expect_equal(list(self.table[self.releases[0]]), ROWS, f"the rows of {name}'s table")
        constants = header + read(f"{RTLD}/ldso.h").decode()
        self.bound = {what: int(value) for what, value in re.findall(r"\b((?:LDSO|MACHINE)_\w+) = (\d+)", constants)}
        self.word = 4 if "ELFCLASS32" in header else 8

    def compare(self, release, debug):
        seen, bound, what = seen_in(debug), self.bound, f"{self.name}, glibc {release}"
        if release in self.table:
            expect_equal(seen, self.table[release], f"{what} and its machine.h")
        tags = seen["link_map.l_info entries"] - bound["LDSO_TAGS_MORE"]
        expect(bound["LDSO_TAGS_MIN"] <= tags <= bound["LDSO_TAGS_MAX"], f"{what}: {tags} tags")
        expect_equal(tags < bound["MACHINE_TAGS_LAZY"], release < "2.35", f"{what}: whether it makes every call lazy")
        expect(release < "2.41" or tags >= bound["MACHINE_TAGS_RSEQ"], f"{what}: {tags} tags, and a block for rseq")
        expect_equal(seen["link_map.l_phdr"], seen["link_map.l_info"] + self.word * seen["link_map.l_info entries"],
                     f"{what}: where l_phdr is")
        expect_equal(seen["link_map.l_phnum"], seen["link_map.l_phdr"] + 2 * self.word, f"{what}: where l_phnum is")
        expect(seen["link_map.l_scope"] < bound["LDSO_MAP_MAX"], f"{what}: l_scope is further on")
        expect(not bound["MACHINE_TLS_BELOW"] or seen["pthread"] <= bound["MACHINE_TLS_TAKEN"],
               f"{what}: struct pthread has {seen['pthread']} bytes")
        compared.append(what)


def seen_in(debug):
    """The same numbers as gdb reads them from DEBUG."""
    questions = []
    for row in ROWS:
        what, *field = row.replace(" entries", "").split(".")
        where = f"((struct {what} *) 0)"
        questions += ["-ex", "print " + (f"sizeof {where}->{field[0]} / sizeof *{where}->{field[0]}" if "entries" in row else
                                         f"(long) &{where}->{field[0]}" if field else f"sizeof(struct {what})")]
    answers = re.findall(r"^\$\d+ = (\d+)$", run(["gdb", "-batch", "-nx", *questions, debug]).stdout, re.M)
    expect_equal(len(answers), len(ROWS), f"answers of gdb about {debug}")
    return dict(zip(ROWS, map(int, answers)))


def debug_of(loader, directory=""):
    found = re.search(r"Build ID: (\w\w)(\w+)", run(["readelf", "-n", loader]).stdout)
    return f"{directory}/usr/lib/debug/.build-id/{found[1]}/{found[2]}.debug" if found else "/nonexistent"


def from_packages(suite, arch):
    directory = scratch()
    try:
        packages = scratch_root._download(["libc6", "libc6-dbg"], suite, arch)
    except scratch_root.Unavailable as error:
        skip(" ".join(str(error).split()))
    for package in packages:
        if os.path.basename(package).startswith(("libc6_", "libc6-dbg_")):
            run(["dpkg-deb", "-x", package, directory])
    for loader in glob.glob(directory + "/**/ld*.so*", recursive=True):
        if os.path.isfile(loader) and not os.path.islink(loader) and os.path.exists(debug_of(loader, directory)):
            version = next(os.path.basename(package).split("_")[1] for package in packages if "/libc6_" in package)
            return re.match(r"\d+\.\d+", version)[0], debug_of(loader, directory)
    skip(f"{suite} {arch}: no debug information of ld.so in its packages")


compared = []
machines = [Machine(name) for name in sorted(os.listdir(RTLD)) if os.path.exists(f"{RTLD}/{name}/machine.h")]
if os.environ.get("LONG"):
    for machine in machines:
        for release in machine.releases:
            machine.compare(*from_packages(SUITES[release], DEBIAN.get(machine.name, machine.name)))
else:
    debug = debug_of("/lib64/ld-linux-x86-64.so.2")
    if not os.path.exists(debug):
        skip("libc6-dbg is not installed; tests/run installs it")
    release = re.search(r"\d+\.\d+$", run(["ldd", "--version"]).stdout.split("\n")[0])[0]
    next(machine for machine in machines if machine.name == "x86_64").compare(release, debug)
print("compared:", "; ".join(compared))
