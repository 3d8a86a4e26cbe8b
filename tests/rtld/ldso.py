#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The numbers in rtld/ldso.h are those of glibc: compared with the debug information of the running ld.so; with LONG=1 of
those of Debian 11, 12, 13 and sid.  A release that the table does not name has to be within the bounds."""
import glob
import os
import re

import scratch_root
from harness import SOURCE, expect, expect_equal, need, read, run, scratch, skip

need("gdb", "readelf")
header = read(os.path.join(SOURCE, "prelink-plugins/rtld/ldso.h")).decode()
names = re.search(r"^ \* +((?: +\d\.\d+)+)$", header, re.M)[1].split()
table = {version: {} for version in names}
for line in re.findall(r"^ \*   ([a-z_.]+(?: entries)?)((?: +\d+){%d})$" % len(names), header, re.M):
    for version, number in zip(names, line[1].split()):
        table[version][line[0]] = int(number)
bound = {name: int(value) for name, value in re.findall(r"\b(LDSO_\w+) = (\d+)", header)}


def seen_in(debug):
    """The same numbers as gdb reads them from DEBUG."""
    rows = list(table[names[0]])
    questions = []
    for row in rows:
        what, *field = row.replace(" entries", "").split(".")
        where = f"((struct {what} *) 0)"
        questions += ["-ex", "print " + (f"sizeof {where}->{field[0]} / sizeof *{where}->{field[0]}" if "entries" in row else
                                         f"(long) &{where}->{field[0]}" if field else f"sizeof(struct {what})")]
    answers = re.findall(r"^\$\d+ = (\d+)$", run(["gdb", "-batch", "-nx", *questions, debug]).stdout, re.M)
    expect_equal(len(answers), len(rows), f"answers of gdb about {debug}")
    return dict(zip(rows, map(int, answers)))


def debug_of(loader, directory=""):
    build_id = re.search(r"Build ID: (\w+)", run(["readelf", "-n", loader]).stdout)[1]
    return f"{directory}/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


def from_packages(suite):
    directory = scratch()
    try:
        packages = scratch_root._download(["libc6", "libc6-dbg"], suite, "amd64")
    except scratch_root.Unavailable as error:
        skip(" ".join(str(error).split()))
    for package in packages:
        if os.path.basename(package).startswith(("libc6_", "libc6-dbg_")):
            run(["dpkg-deb", "-x", package, directory])
    for loader in glob.glob(directory + "/**/ld-*.so*", recursive=True):
        if not os.path.islink(loader) and os.path.exists(debug_of(loader, directory)):
            version = next(os.path.basename(package).split("_")[1] for package in packages if "/libc6_" in package)
            return re.match(r"\d+\.\d+", version)[0], debug_of(loader, directory)
    skip(f"{suite}: no debug information of ld.so in its packages")


if os.environ.get("LONG"):
    releases = [from_packages(suite) for suite in ("bullseye", "bookworm", "trixie", "sid")]
else:
    debug = debug_of("/lib64/ld-linux-x86-64.so.2")
    if not os.path.exists(debug):
        skip("libc6-dbg is not installed; tests/run installs it")
    releases = [(re.search(r"\d+\.\d+$", run(["ldd", "--version"]).stdout.split("\n")[0])[0], debug)]
for version, debug in releases:
    seen = seen_in(debug)
    if version in table:
        expect_equal(seen, table[version], f"glibc {version} and rtld/ldso.h")
    tags = seen["link_map.l_info entries"] - bound["LDSO_TAGS_MORE"]
    expect(bound["LDSO_TAGS_MIN"] <= tags <= bound["LDSO_TAGS_MAX"], f"glibc {version}: {tags} tags")
    expect_equal(tags < bound["LDSO_TAGS_LAZY"], version < "2.35", f"glibc {version}: whether it makes every call lazy")
    expect(version < "2.41" or tags >= bound["LDSO_TAGS_RSEQ"], f"glibc {version}: {tags} tags, and a block for rseq")
    expect_equal(seen["link_map.l_phdr"], seen["link_map.l_info"] + 8 * seen["link_map.l_info entries"], "where l_phdr is")
    expect_equal(seen["link_map.l_phnum"], seen["link_map.l_phdr"] + 16, "where l_phnum is")
    expect(seen["link_map.l_scope"] < bound["LDSO_MAP_MAX"], f"glibc {version}: l_scope is further on")
    expect(seen["pthread"] <= bound["LDSO_PTHREAD_MAX"], f"glibc {version}: struct pthread has {seen['pthread']} bytes")
print("compared:", ", ".join(version for version, _ in releases))
