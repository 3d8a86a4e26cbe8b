#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same input gives the same files, the cache among them, and what is prelinked already is not written again: by a
second run, -f, a run that lost the cache, one over a copy of the root, of all or of a part of it, by a configuration that
names programs alone, so that libraries are only met by the links that ld.so follows to them, or directories with more
names of one file, and by turns with the command line naming a directory and a program in it.

LONG=1: more configurations, of a root with xine, Python and Perl."""
import os
import shutil
import subprocess

import whole_root
from harness import compile_c, expect, need, prelink, scratch, skip, write
from tree import differences, snapshot

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc")
APP = "/opt/app"
LONG = bool(os.environ.get("LONG"))
TABLE = "static int f(void) {{ return 1; }} int (*table{0}[40000])(void) = {{ [0 ... 39999] = f }}; int one{0}(void) {{ return 1; }}"


def build(root):
    """A program with libraries and a plugin that have links, hard links and names that are not their sonames."""
    os.makedirs(root + APP)
    at = root + APP + "/"
    flags = ["-O1", "-shared", "-fPIC"]
    compile_c(TABLE.format(0), at + "liba.so.1.2", *flags, "-Wl,-soname,liba.so.1")
    compile_c(TABLE.format(1), at + "libplain.so", *flags)
    compile_c(TABLE.format(2), at + "real-name", *flags, "-Wl,-soname,libother.so.2")
    compile_c("int one0(void); int plugin(void) { return one0(); }", at + "plugin.so", *flags, f"-L{at}", "-l:liba.so.1.2")
    os.symlink("liba.so.1.2", at + "liba.so.1")
    os.symlink("liba.so.1", at + "liba.so")
    os.symlink("real-name", at + "libother.so.2")
    os.symlink(".", at + "lib")
    os.link(at + "libplain.so", at + "hardlink.so")
    os.link(at + "plugin.so", at + "a-plugin.so")
    compile_c("int one0(void), one1(void), one2(void); int main(void) { return one0() + one1() + one2() - 3; }", at + "app",
              "-O1", f"-L{at}", f"-Wl,-rpath,{APP}/lib", "-l:liba.so", "-l:libplain.so", "-l:real-name")
    os.link(at + "app", at + "twin")
    directory = root + whole_root.manifests(own=True)
    os.makedirs(directory)
    write(directory + "/app.yaml", f"manifest: 1\napplication: app\nhosts:\n  - path: {APP}/app\nplugins:\n"
          f"  - feature: a\n    path: {APP}/*plugin.so\n  - feature: b\n    soname: [libz.so.1, libother.so.2]\n")


def build_for_list(root):
    """A program for which ld.so of glibc 2.31 takes a list of libraries, by the names that they are asked for."""
    os.makedirs(root + APP)
    at = root + APP + "/"
    compile_c("int one(void) { return 1; }", at + "real-name", "-nostdlib", "-shared", "-fPIC")
    for name in ("liba.so", "libb.so"):
        os.symlink("real-name", at + name)
    os.symlink(".", at + "lib")
    compile_c("int one(void); void _start(void) { __builtin_exit(one() - 1); } void exit(int s) { for (;;) ; }", at + "exec",
              "-nostdlib", "-no-pie", f"-L{at}", f"-Wl,-rpath,{APP}/lib", "-l:libb.so")


def files(root):
    """All that is in ROOT; of what the cache knows of this file system, only that it is there."""
    found = snapshot(root)
    for path, entry in found.items():
        if path.startswith("etc/prelink.cache"):
            del entry["time"]
        if path == "etc/prelink.cache.seen":
            del entry["content"]
    return found


def same(before, root, what):
    lines = differences(before, files(root))
    expect(not lines, f"{what} changed:\n" + "\n".join(lines))


def run_all(root):
    return prelink("--root", root, "-a", "-v").stdout


def check(source, configuration, what):
    """Two roots that are the same, prelinked; then each again, in all ways."""
    roots = [os.path.join(scratch("root-"), name) for name in ("first", "second", "copy")]
    for root in roots[:2]:
        subprocess.run(["cp", "-a", source, root], check=True)
        write(root + "/etc/prelink.conf", configuration)
        os.utime(root + "/etc/prelink.conf", (1, 1))
    said = run_all(roots[0])
    expect(f"{APP}/app: plan:" in said, f"{what}: the program has no plan:\n{said}")
    run_all(roots[1])
    first = files(roots[0])
    same(first, roots[1], f"{what}: prelinking a second root that is the same")
    run_all(roots[0])
    same(first, roots[0], f"{what}: prelinking again")
    prelink("--root", roots[0], "-a", "-f")
    same(first, roots[0], f"{what}: -f")
    subprocess.run(["cp", "-a", *roots[1:]], check=True)
    run_all(roots[2])
    same(first, roots[2], f"{what}: prelinking a prelinked copy")
    os.unlink(roots[1] + "/etc/prelink.cache")
    run_all(roots[1])
    same(first, roots[1], f"{what}: prelinking without the cache")
    prelink("--root", roots[1], "-ua")
    run_all(roots[1])
    same(first, roots[1], f"{what}: undoing and prelinking")
    for root in roots:
        shutil.rmtree(root)


def check_turns(root, program, wanted):
    """By turns, the command line names a directory, PROGRAM in it, of which WANTED is said, and others."""
    said = prelink("--root", root, "-v", APP).stdout
    expect(f"{program}: {wanted}" in said, f"{program}: no {wanted}\n{said}")
    first = files(root)
    for names in ([program], [APP], [APP + "/lib/real-name", program], [APP + "/liba.so"], [APP + "/lib"], [program], [APP]):
        prelink("--root", root, *names)
        now = files(root)
        for found in (first, now):
            found.pop("etc/prelink.cache", None)  # says what the last run was about
        lines = differences(first, now)
        expect(not lines, f"prelink {' '.join(names)} after others changed:\n" + "\n".join(lines))


source = whole_root.root_of(*(["tools", *whole_root.LOADER_SETS] if LONG else ["small"]))
build(source)
for what, configuration in [("programs alone", f"{APP}/app\n{APP}/twin\n/usr/bin/env\n"), ("all", whole_root.CONFIGURATION),
                            ("a link", f"-h {APP}/lib\n"), ("a directory", APP + "\n")][:4 if LONG else 2]:
    check(source, configuration, what)
    print(what + ": the same files each time")
check_turns(source, APP + "/app", "plan:")
old = whole_root.root_of("small", suite="bullseye")
build_for_list(old)
check_turns(old, APP + "/exec", "list for ld.so:")
print("by turns: the same files each time")
