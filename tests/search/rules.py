#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each rule of ld.so's search, in a root made for it, against ld.so itself inside that root (chroot).

Cases are one function each.  ld.so's list, and its scope's order, are what is expected; a case may add what it
was made to show, so that it cannot pass by finding nothing."""
import os
import platform
import shutil
import struct
import sys

import harness
import oracle
import tiny_elf
from tiny_elf import AUXILIARY, FILTER, NODEFLIB

LOADER = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}.get(platform.machine())
if not LOADER or not os.path.exists(LOADER):
    harness.skip(f"no glibc for {platform.machine()} to compare with")
if os.getuid() != 0:
    harness.skip("chroot takes root")
harness.need("ldconfig")
SYSTEM = os.path.dirname(os.path.realpath(LOADER)).replace("/usr", "", 1)  # /lib/x86_64-linux-gnu
LIB = SYSTEM[1:]


class Tree:
    """A root with nothing but ld.so in it."""
    def __init__(self):
        self.root = harness.scratch("search-")
        self.first = {}  # inode -> the first of its names
        for directory in (SYSTEM, "/usr" + SYSTEM, os.path.dirname(LOADER), "/etc", "/bin"):
            os.makedirs(self.root + directory, exist_ok=True)
        shutil.copy(LOADER, self.root + LOADER)

    def library(self, path, *needed, **keywords):
        keywords.setdefault("soname", os.path.basename(path))
        return tiny_elf.write(self.root, path, needed=needed, **keywords)

    def program(self, *needed, path="/bin/program", **keywords):
        return tiny_elf.write(self.root, path, needed=needed, interp=LOADER, **keywords)

    def link(self, path, target):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        os.symlink(target, self.root + path)

    def ldconfig(self, *directories, options=()):
        harness.write(self.root + "/etc/ld.so.conf", "".join(f"{entry}\n" for entry in directories))
        harness.run(["ldconfig", *options, "-r", self.root])

    def real(self, paths):
        """Real paths, as seen from inside."""
        return oracle.real_inside(self.root, paths)

    def needed(self, paths):
        """Real PATHS as they are listed, but for ld.so at the end: from glibc 2.43 on that is there whether somebody needs
        it or not.  What counts, the scope, is compared as it is."""
        return paths[:-1] if paths[-1:] == self.real([LOADER]) else paths

    def one_name(self, paths):
        """Real PATHS, each by the first name of its inode: hard links are one object."""
        if not self.first:
            for base, _, names in os.walk(self.root):
                for name in names:
                    full = os.path.join(base, name)
                    inode = os.lstat(full).st_ino
                    self.first[inode] = min(full, self.first.get(inode, full))
        return [self.first.get(os.stat(self.root + path).st_ino, path).replace(self.root, "", 1) for path in paths]

    def check(self, program="/bin/program", expect=None, missing=None, options=(), ours=(), auxiliary=(),
              missing_may_be_auxiliary=False, **environment):
        """Compares; EXPECT are the members after the program, MISSING the names not found, AUXILIARY those that
        are listed as missing but do no harm."""
        found, lost, output = oracle.trace(LOADER, program, *options, root=self.root, **environment)
        members = self.real(found)
        lost = [name for name in lost if name not in auxiliary]
        scopes, _ = oracle.driver("--root", self.root, *ours, program, status=None)
        mine = scopes.get(self.real([program])[0])
        what = f"{program} {' '.join(options)} {' '.join(ours)}"
        harness.expect(mine is not None, f"{what}: not in our table")
        if expect is not None:
            harness.expect_equal(self.needed(members), self.needed(self.real(expect)),
                                 f"{what}: the case itself (ld.so says {output})")
        if missing is not None:
            harness.expect_equal(lost, missing, f"{what}: the case itself")
        fatal = not found and not lost and "statically linked" not in output
        if missing_may_be_auxiliary and lost and not mine.missing:
            lost = []  # then ld.so, in earnest, has to load it; that is seen below
        harness.expect_equal(bool(mine.missing), bool(lost) or fatal, f"{what}: whether something is missing: {output}")
        if fatal:
            return "fatal"
        if mine.members[0] == mine.path:  # else a filtee comes before it, which is not listed
            seen, wanted = (self.one_name(self.needed(paths)) for paths in (mine.members[1:], members))
            harness.expect_equal(seen, wanted, f"{what}: list")
        if lost:
            return "lacking"
        scope, text = oracle.scope(LOADER, program, *options, root=self.root, **environment)
        harness.expect(scope is not None, f"{what}: ld.so gave up: {text}")
        harness.expect_equal(self.one_name(mine.members), self.one_name(self.real(scope)), f"{what}: scope")
        return "whole"


def rpath_is_inherited():
    t = Tree()
    t.program("liba.so", rpath="/opt/a")
    t.library("/opt/a/liba.so", "libb.so", rpath="/opt/b")
    t.library("/opt/b/libb.so", "libc1.so", "libd.so")
    t.library("/opt/a/libc1.so")
    t.library("/opt/b/libd.so")
    t.check(expect=["/opt/a/liba.so", "/opt/b/libb.so", "/opt/a/libc1.so", "/opt/b/libd.so"])


def runpath_is_not_inherited():
    t = Tree()
    t.program("liba.so", runpath="/opt/a")
    t.library("/opt/a/liba.so", "libb.so")
    t.library("/opt/a/libb.so")
    t.check(expect=["/opt/a/liba.so"], missing=["libb.so"])


def runpath_voids_rpath():
    t = Tree()
    t.program("liba.so", rpath="/opt/a")
    t.library("/opt/a/liba.so", "libb.so", rpath="/opt/b", runpath="/opt/c")
    for place in "abc":
        t.library(f"/opt/{place}/libb.so")
    t.check(expect=["/opt/a/liba.so", "/opt/c/libb.so"])


def a_runpath_in_the_chain_hides_only_its_own_rpath():
    t = Tree()
    t.program("liba.so", rpath="/opt/a")
    t.library("/opt/a/liba.so", "libb.so", runpath="/opt/b")
    t.library("/opt/b/libb.so", "libd.so")
    t.library("/opt/a/libd.so")
    t.check(expect=["/opt/a/liba.so", "/opt/b/libb.so", "/opt/a/libd.so"])


def tokens():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so", "libd.so", "libe.so", "$ORIGIN/lib/libf.so", "libg.so",
              rpath="$ORIGIN/../opt:/x/${LIB}:/x/$PLATFORM:/x/$ORIGINAL:/x/${ORIGIN:/$UNKNOWN/x:$ORIGIN/$LIB")
    t.library("/opt/liba.so")
    t.library(f"/x/{LIB}/libb.so")
    t.library(f"/x/{platform.machine()}/libc1.so")
    t.library("/x/$ORIGINAL/libd.so")
    t.library("/$UNKNOWN/x/libe.so")
    t.library("/bin/lib/libf.so", "$ORIGIN/libf2.so")
    t.library("/bin/lib/libf2.so")
    t.library(f"/bin/{LIB}/libg.so")
    t.check()


def origin_follows_the_name_not_the_file():
    t = Tree()
    t.program("liba.so", rpath="/opt/link")
    t.library("/opt/real/liba.so", "libb.so", runpath="$ORIGIN/../sub")
    t.link("/opt/link", "elsewhere/deep")
    t.link("/opt/elsewhere/deep", "../real")
    t.library("/opt/sub/libb.so")
    t.library("/opt/elsewhere/sub/libb.so")
    t.check()
    t = Tree()
    t.program("liba.so", rpath="/opt")
    t.library("/real/liba.so", "libb.so", runpath="$ORIGIN")
    t.link("/opt/liba.so", "/real/liba.so")
    t.library("/opt/libb.so")
    t.library("/real/libb.so")
    t.check(expect=["/opt/liba.so", "/opt/libb.so"])


def library_path():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so", "libd.so", rpath="/r")
    t.library("/r/liba.so")
    t.library("/l/liba.so")
    t.library("/l/libb.so", "libe.so", runpath="/e")
    t.library("/bin/sub/libc1.so")
    t.library("/l2/libd.so")
    t.library("/e/libe.so")
    t.library("/l2/libe.so")
    for value in ("/l:$ORIGIN/sub;/l2", ":/l//::relative:/l2:/none:/bin/sub"):
        t.check(expect=["/r/liba.so", "/l/libb.so", "/bin/sub/libc1.so", "/l2/libd.so", "/l2/libe.so"],
                ours=["--ld-library-path", value], LD_LIBRARY_PATH=value)
    # From the working directory, which is the tree's own here.
    t = Tree()
    t.program("liba.so", "libb.so")
    t.library("/relative/liba.so")
    t.library("/libb.so")
    for value in "relative:", "./relative/:.", "bin/../relative::/none":
        t.check(expect=["/relative/liba.so", "/libb.so"], ours=["--ld-library-path", value], LD_LIBRARY_PATH=value)
    t.check(missing=["liba.so", "libb.so"], ours=["--ld-library-path", "none"], LD_LIBRARY_PATH="none")


def nodeflib():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so", flags_1=NODEFLIB)
    t.library(f"{SYSTEM}/liba.so")
    t.library("/opt/libb.so")
    t.library(f"/usr{SYSTEM}/libc1.so", "libd.so")
    t.check(missing=["liba.so", "libb.so", "libc1.so"])
    t.ldconfig("/opt")
    t.check(expect=["/opt/libb.so"], missing=["liba.so", "libc1.so"])


def nodeflib_is_of_the_one_that_needs():
    t = Tree()
    t.program("libb.so")
    t.library(f"{SYSTEM}/liba.so")
    t.library(f"{SYSTEM}/libb.so", "liba.so", flags_1=NODEFLIB)
    t.check(missing=["liba.so"])
    t.ldconfig()
    t.check(missing=["liba.so"])


def default_directories():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so", "libd.so")
    for number, directory in enumerate((SYSTEM, "/usr" + SYSTEM, "/lib", "/usr/lib")):
        for name in ("liba.so", "libb.so", "libc1.so", "libd.so")[number:]:
            t.library(f"{directory}/{name}")
    t.check()


def cache(options=()):
    t = Tree()
    t.program("libbar.so.1", "libfoo.so.2", "libfoo.so.10")
    t.library("/opt/one/libfoo.so.2.3", soname="libfoo.so.2")
    t.library("/opt/two/libfoo.so.10.0", soname="libfoo.so.10")
    t.library("/opt/two/libbar.so.1.9", soname="libbar.so.1")
    t.library("/opt/one/libbar.so.1.2", soname="libbar.so.1")
    t.library("/opt/one/glibc-hwcaps/x86-64-v2/libfoo.so.2", soname="libfoo.so.2")
    t.library("/opt/one/glibc-hwcaps/x86-64-v3/libfoo.so.2", soname="libfoo.so.2")
    t.library("/opt/two/glibc-hwcaps/x86-64-v4/libfoo.so.2", soname="libfoo.so.2")
    t.library("/opt/one/tls/libbar.so.1", soname="libbar.so.1")
    for number in range(40):
        t.library(f"/opt/one/libfiller{number}.so.{number}")
    t.ldconfig("/opt/one", "/opt/two", options=options)
    t.check(missing=[])
    shutil.rmtree(t.root + "/opt/one/glibc-hwcaps")
    t.check()  # the cache names files that are gone: the system directories are next
    return t


def cache_compat_format():
    cache(["-c", "compat"])


def cache_old_format():
    """ldconfig of glibc 2.36 dies writing it, ld.so reads it."""
    t = Tree()
    t.program("libbar.so.1", "libfoo.so.2", "libfoo.so.10")
    names = ["libfoo.so.10", "libfoo.so.2", "libbar.so.1"]  # descending, numbers as numbers
    flags = {"x86_64": 0x303, "aarch64": 0xa03}[platform.machine()]
    strings, entries = b"", b""
    for name in names:
        path = t.library(f"/opt/old/{name}")
        entries += struct.pack("<III", flags, len(strings), len(strings) + len(name) + 1)
        strings += name.encode() + b"\0" + path.encode() + b"\0"
    harness.write(t.root + "/etc/ld.so.cache", b"ld.so-1.7.0\0" + struct.pack("<I", len(names)) + entries + strings)
    t.check(expect=["/opt/old/libbar.so.1", "/opt/old/libfoo.so.2", "/opt/old/libfoo.so.10"])


def capabilities():
    if platform.machine() != "x86_64":
        return
    levels = ["x86-64-v2", "x86-64-v3", "x86-64-v4"]
    flags = {"x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
             "x86-64-v3": "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
             "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl"}
    version = harness.run([LOADER, "--help"], status=None).stdout
    usable = [level for level in levels if f"{level} (supported, searched)" in version]
    for cached in (False, True):
        t = Tree()
        t.program("liba.so", "libb.so", "libc1.so", "libd.so", rpath="/opt")
        for level, name in (("x86-64-v2", "a"), ("x86-64-v3", "b"), ("x86-64-v4", "c1")):
            t.library(f"{SYSTEM}/glibc-hwcaps/{level}/lib{name}.so")
        for name in ("a", "b", "c1", "d"):
            t.library(f"{SYSTEM}/lib{name}.so")
        t.library("/opt/glibc-hwcaps/x86-64-v2/libd.so")
        t.library("/opt/glibc-hwcaps/x86-64-v3/libd.so")
        if cached:
            t.ldconfig()
        for count in range(len(usable) + 1):
            mask = ":".join(usable[:count]) or "none"
            cpu = " ".join(flags[level] for level in usable[:count])
            t.check(options=["--glibc-hwcaps-mask", mask], ours=["--cpu", cpu])
        t.check()


def old_capabilities():
    t = Tree()
    machine = platform.machine()
    subdirectories = ["tls", f"{machine}", f"tls/{machine}", f"{machine}/{machine}", f"tls/{machine}/{machine}",
                      "haswell", "haswell/x86_64", "tls/haswell/x86_64", "avx512_1", "tls/haswell/avx512_1/x86_64",
                      "haswell/avx512_1", "atomics", "tls/atomics"]
    t.program(*[f"lib{n}.so" for n in range(len(subdirectories))], runpath="/opt")
    for number in range(len(subdirectories)):
        for upto in range(number + 1):
            t.library(f"/opt/{subdirectories[upto]}/lib{number}.so")
        t.library(f"/opt/lib{number}.so")
    t.check()


def filters():
    t = Tree()
    t.program("liba.so", "libb.so", rpath="/l")
    t.library("/l/liba.so", (FILTER, "libf1.so"), (AUXILIARY, "libaux.so"), (AUXILIARY, "libnone.so"), "libd.so")
    t.library("/l/libb.so", (AUXILIARY, "libd.so"), (FILTER, "libf1.so"))
    t.library("/l/libf1.so", "libe.so", (AUXILIARY, "libg.so"))
    t.library("/l/libaux.so", "libd.so", "libb.so")
    for name in ("d", "e", "g"):
        t.library(f"/l/lib{name}.so")
    t.check(missing=[], auxiliary=["libnone.so"])


def filter_of_the_program():
    t = Tree()
    t.program((AUXILIARY, "liba.so"), "libb.so", rpath="/l")
    t.library("/l/liba.so", "libb.so")
    t.library("/l/libb.so")
    t.check()


def filter_is_missing():
    t = Tree()
    t.program("liba.so", "libb.so", rpath="/l")
    t.library("/l/liba.so", (FILTER, "libnone.so"))
    t.library("/l/libb.so")
    t.check(missing=["libnone.so"])


def cycles():
    t = Tree()
    t.program("liba.so", "libb.so", rpath="/l")
    t.library("/l/liba.so", "libb.so", "liba.so")
    t.library("/l/libb.so", "libc1.so", "liba.so")
    t.library("/l/libc1.so", "liba.so", "libb.so", "libc1.so")
    t.check()


def names_of_one_file():
    t = Tree()
    t.program("libone.so", "libtwo.so", "/l/libthree.so", "libreal.so.1", rpath="/l")
    t.library("/l/libreal.so.1.0", soname="libreal.so.1")
    t.link("/l/libone.so", "libreal.so.1.0")
    os.link(t.root + "/l/libreal.so.1.0", t.root + "/l/libtwo.so")
    t.link("/l/libthree.so", "/l/libtwo.so")
    t.check(missing=[])
    scopes, totals = oracle.driver("--root", t.root, "/bin/program", "/l")
    harness.expect_equal(len(scopes["/bin/program"].members), 2, "three names of one file are one object")


def two_files_of_one_soname():
    t = Tree()
    t.program("/l/first.so", "/l/second.so", "libx.so", "liby.so", rpath="/l")
    t.library("/l/first.so", soname="libx.so")
    t.library("/l/second.so", soname="libx.so")
    t.library("/l/liby.so", "libx.so", soname="libother.so")
    t.library("/l/libx.so", soname="libx.so")
    t.check(expect=["/l/first.so", "/l/second.so", "/l/liby.so"])


def a_filtee_answers_to_names_first():
    t = Tree()
    t.program("libc1.so", rpath="/l")
    t.library("/l/libc1.so", (AUXILIARY, "libb.so"), "libb.so")
    t.library("/l/libb.so", (FILTER, "libc1.so"), soname="libc1.so")  # itself, since it comes first now
    t.check(expect=["/l/libb.so", "/l/libc1.so"], missing=[])


def soname_of_the_program():
    t = Tree()
    t.program("liba.so", soname="libb.so", rpath="/l")
    t.library("/l/liba.so", "libb.so")
    t.library("/l/libb.so")
    t.check()


def needed_with_a_slash():
    t = Tree()
    t.program("/l/liba.so", "/none/libb.so", "/l/../l/liba.so", rpath="/x")
    t.library("/l/liba.so", "/l//libc1.so", soname="libzzz.so")
    t.library("/l/libc1.so", "libzzz.so")
    t.check(missing=["/none/libb.so"])


def links_that_leave_the_tree():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so", "libd.so", rpath="/l:/up:/$ORIGIN/../../../../../l2")
    t.library("/real/liba.so")
    t.library("/real/libb.so")
    t.link("/l/liba.so", "/real/liba.so")
    t.link("/l/libb.so", "../../../../../../real/libb.so")
    t.link("/up", "../../../../../../../" + t.root.strip("/"))   # from outside, a way back in; from inside, nothing
    t.library("/libc1.so")
    t.library("/l2/libd.so")
    outside = harness.scratch("outside-")
    tiny_elf.write(outside, "/libd.so")
    t.link("/l/libd.so", outside + "/libd.so")
    t.check(missing=["libc1.so"])


def what_is_in_the_way():
    t = Tree()
    other = "aarch64" if platform.machine() != "aarch64" else "x86_64"
    t.program("liba.so", "libb.so", "libc1.so", "libd.so", "libe.so", rpath="/w1:/w2:/l")
    t.library("/w1/liba.so", machine=other)
    t.library("/w1/libb.so", machine="i386")
    t.link("/w1/libc1.so", "nowhere")
    os.makedirs(t.root + "/w1/sub")
    harness.write(t.root + "/w2", "a file where a directory was expected")
    for name in ("liba.so", "libb.so", "libc1.so", "libe.so"):
        t.library(f"/l/{name}")
    t.library("/w1/libd.so")
    t.link("/w1/libe.so", "libe.so")  # a loop ends this list of directories
    t.library(f"{SYSTEM}/libe.so")
    t.check(expect=["/l/liba.so", "/l/libb.so", "/l/libc1.so", "/w1/libd.so", f"{SYSTEM}/libe.so"])


def what_kills():
    for content in (b"INPUT(libx.so)", b"", b"\177ELF", tiny_elf.build(e_type=2), tiny_elf.build(interp=LOADER),
                    tiny_elf.build(e_type=1), None):
        t = Tree()
        t.program("liba.so", rpath="/w:/l")
        t.library("/l/liba.so")
        os.makedirs(t.root + "/w")
        if content is None:
            os.makedirs(t.root + "/w/liba.so")
        else:
            harness.write(t.root + "/w/liba.so", content)
        t.check()


def preloaded():
    t = Tree()
    t.program("liba.so", "libb.so", rpath="/l")
    for name in ("a", "b", "p", "q"):
        t.library(f"/l/lib{name}.so")
    t.library("/l/libp.so", "libq.so")
    harness.write(t.root + "/etc/ld.so.preload", "libb.so # comment libq.so\n/l/libp.so:/none.so\n")
    t.check()


def many_preloaded():
    t = Tree()
    t.program("liba.so", rpath="/l")
    t.library("/l/liba.so")
    names = [f"/l/libp{i}.so" for i in range(80)]
    for name in names:
        t.library(name)
    harness.write(t.root + "/etc/ld.so.preload", "\n".join(names))
    t.check()


def loader_by_other_names():
    t = Tree()
    t.program(LOADER, os.path.basename(LOADER), "liba.so", rpath="/l")
    t.library("/l/liba.so", os.path.basename(LOADER))
    t.check()


def without_a_cache_ld_so_conf_stands_in():
    t = Tree()
    t.program("liba.so", "libb.so", "libc1.so")
    t.library("/one/liba.so")
    t.library("/two/libb.so")
    t.library("/three/libc1.so")
    os.makedirs(t.root + "/etc/ld.so.conf.d")
    harness.write(t.root + "/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n/one # comment\nhwcap 0 nosegneg\n")
    harness.write(t.root + "/etc/ld.so.conf.d/2.conf", "/three/\ninclude /etc/ld.so.conf\n")
    harness.write(t.root + "/etc/ld.so.conf.d/1.conf", "/two\n")
    ours, _ = oracle.driver("--root", t.root, "/bin/program", status=None)
    # ld.so says the same once ldconfig has run.
    harness.write(t.root + "/etc/ld.so.conf.d/2.conf", "/three/\n")
    harness.run(["ldconfig", "-r", t.root], status=None)
    found, missing, _ = oracle.trace(LOADER, "/bin/program", root=t.root)
    harness.expect_equal(missing, [], "the case itself")
    harness.expect_equal(ours["/bin/program"].members[1:], t.needed(t.real(found)), "from ld.so.conf")


CASES = [case for name, case in list(globals().items()) if callable(case) and getattr(case, "__module__", "") ==
         "__main__" and not isinstance(case, type) and case.__code__.co_argcount == (1 if name == "cache" else 0)]

if __name__ == "__main__":
    chosen = [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]
    for case in chosen:
        print(case.__name__, flush=True)
        case()
    print(f"{len(chosen)} cases")
