#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: the test programs of glibc itself, of elf, dlfcn, nptl, malloc and debug, built from Debian's source against Debian's C library, say the
same untouched and prelinked.

glibc's makefiles say what there is: which programs, of which modules, with which flags and environment; nothing else of
glibc is built.  Each program also needs a library with so many relocations that its plan pays.  What does not build outside
of glibc's own tree, or fails untouched, is counted.  DIFFERENT is what may differ, each with its reason.

DIRECTORY... or DIRECTORY/TEST... on the command line: only these; LINKER=gold, lld, ...: linked by that; LINK=FLAGS: with these,
-Wl,-z,now for one; SUITE=trixie, sid: the tests and the C library of another Debian.
GLIBC=DIR keeps the source there, configured, for the next time; SHOW=N prints N reasons why tests were not built."""
import os
import re
import shlex
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import rooted
import scratch_root
import whole_root
from harness import compile_c, expect, need, prelink, scratch, skip, write

if not os.environ.get("LONG"):
    skip("LONG=1 builds and runs the tests of glibc")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "g++", "gawk", "bison", "dpkg-source", "chroot")
DIRECTORIES = list(dict.fromkeys(word.split("/")[0] for word in sys.argv[1:])) or ["elf", "dlfcn", "nptl", "malloc", "debug"]
ONLY = {word for word in sys.argv[1:] if "/" in word}
LINKER = [f"-fuse-ld={name}" for name in os.environ.get("LINKER", "").split()] + shlex.split(os.environ.get("LINK", ""))
SUITE = os.environ.get("SUITE", "bookworm")
HERE = "/opt/glibc"
ROOM = "a dlopen that is to fail for want of static TLS does not: a program with a plan has more room there"
SEEN = "_r_debug has one namespace more than the program made: ld.so gives an audit module a namespace of its own (load_audit_module())"
FREED = "at the end of a program that calls mtrace() glibc frees what ld.so allocated for any audit module (free_mem(), README)"
LOADED = "the program's own audit module sees that ours is loaded after it: ld.so marks it as one only once it is (load_audit_module())"
DIFFERENT = {"elf/tst-tls-ie": ROOM, "elf/tst-tls-ie-dlmopen": ROOM,  # for a user: what could not be loaded can
             "elf/tst-dlmopen4": SEEN, "elf/tst-dlmopen4-nonpic": SEEN, "elf/tst-audit23": LOADED,
             **dict.fromkeys(("elf/noload", "elf/tst-leaks1", "nptl/tst-atfork2", "nptl/tst-stack3"), FREED)}
PRINTER = r"""include Makefile
host-test-program-cmd = @SELF@
show:
	$(foreach t,$(sort $(tests) $(tests-pie) $(xtests)),$(info TEST|$t|$($(t)-ENV)|$($(t)-ARGS)))
	$(foreach t,$(sort $(tests) $(tests-pie) $(modules-names) $(test-extras)),$(info FLAGS|$t|$(CFLAGS-$(t).c)|$(LDFLAGS-$(t))|$(LDFLAGS-$(t).so)|$(LDLIBS-$(t))|$(LDLIBS-$(t).so)))
	$(info PIE|$(tests-pie))
"""
VARIANT = re.compile("-(malloc-check|malloc-hugetlb[12]|malloc-largetcache|mcheck)$")  # the same source with another environment
PLACES = {"SYSCONFDIR": "/etc", "OBJDIR": HERE, "OBJDIR_ELF_LDSO": "/lib64/ld-linux-x86-64.so.2", "INSTDIR": "/usr",
          "LIBDIR": "/usr/lib", "BINDIR": "/usr/bin", "SBINDIR": "/usr/sbin", "ROOTSBINDIR": "/sbin", "ROOTDIR": "/",
          "COMPLOCALEDIR": "/usr/lib/locale", "SLIBDIR": "/lib/x86_64-linux-gnu", "SRCDIR": HERE, "TOP_SRCDIR": HERE}
FLAGS = ["-std=gnu11", "-fgnu89-inline", "-O2", "-w", "-D_GNU_SOURCE", "-DMODULE_NAME=testsuite", "-D_ISOMAC", "-DTIMEOUTFACTOR=2", "-Dattribute_hidden=",
         "-Dinhibit_stack_protector=", "-Dlibc_hidden_proto(...)=", "-Drtld_hidden_proto(...)=", "-Dattribute_relro=",
         "-DIS_IN(module)=IS_IN_##module", "-DIS_IN_testsuite=1", "-DHAVE_TUNABLES=1", "-D__attribute_optimization_barrier__=__attribute__((noinline, noclone))", "-include", "limits.h", "-include", "stdbool.h"]


class Tree:
    """glibc's source, configured; what its makefiles say of the tests of DIRECTORY."""

    def __init__(self, source, build, directory):
        self.source, self.build, self.directory = source, build, directory
        write(build + "/print.mk", PRINTER)
        done = subprocess.run(["make", "-pnr", "-f", build + "/print.mk", f"objdir={build}", f"subdir={directory}", "..=../",
                               "show"], cwd=f"{source}/{directory}", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.needs, self.flags, self.tests, self.pie, self.supported, self.own = {}, {}, {}, set(), set(), set()
        prefix, target = f"{build}/{directory}/", None
        for line in done.stdout.split("\n"):
            word = line.split("|")
            if word[0] == "TEST" and len(word) == 4:
                self.tests[word[1]] = self.place(word[2]), self.place(word[3])
            elif word[0] == "FLAGS" and len(word) == 7:
                self.flags[word[1]] = [shlex.split(self.place(flags)) for flags in word[2:]]
            elif word[0] == "PIE":
                self.pie = set(word[1].split())
            elif line.startswith(prefix) and ":" in line and "=" not in line.split(":")[0]:
                target, _, needed = line[len(prefix):].partition(":")
                self.needs.setdefault(target, []).extend(name[len(prefix):] for name in needed.split()
                                                         if name.startswith(prefix) and name.endswith((".so", ".o", ".os")))
                if "/libsupport_nonshared.a" in needed:
                    self.supported.add(target)
            elif re.match(r"#  recipe to execute \(from '(\.\./sysdeps/\S+/)?Makefile'", line) and target:
                self.own.add(target)
            elif not line:
                target = None

    def recipe(self, name):
        """What of the test NAME glibc makes by a recipe of its own, in words; None where there is nothing."""
        modules = [n for what in (name, name + ".out") for n in self.needs.get(what, []) if n in self.own and not n.startswith(name + ".o")]
        return "glibc runs it by a recipe of its own" if name + ".out" in self.own else \
            "glibc makes a module of it by a recipe of its own" if modules else None

    def place(self, text):
        """TEXT with the directory where the tests are built as it is in the root, whose own library for debugging malloc is taken."""
        text = text.replace(f"{self.build}/{self.directory}/", f"{HERE}/{self.directory}/").replace(self.build, HERE)
        return re.sub(rf"{HERE}/+malloc/+libc_malloc_debug\.so", "libc_malloc_debug.so.0", text)

    def path(self, name):
        name = VARIANT.sub("", name)
        for suffix in (".c", ".cc", ".S"):
            for directory in (self.directory, "sysdeps/x86_64", "sysdeps/x86", "sysdeps/generic", "sysdeps/pthread"):
                path = f"{self.source}/{directory}/{name}{suffix}"
                if os.path.exists(path):
                    return path
        return None


class Builder:
    def __init__(self, tree, root, support):
        self.tree, self.root, self.support = tree, root, support
        self.at = f"{root}{HERE}/{tree.directory}"
        self.made, self.lock = {}, threading.RLock()
        os.makedirs(self.at, exist_ok=True)
        os.makedirs(self.at + "-objects", exist_ok=True)

    def outside(self, flag):
        """FLAG with the files that the linker reads where they are; what it only writes down stays as it is in the root."""
        written = "-Wl,--filter", "-Wl,--auxiliary", "-Wl,--audit", "-Wl,-rpath"
        return flag if flag.startswith(written) else flag.replace(HERE + "/", self.root + HERE + "/")

    def compile(self, name, output, extra, linked):
        source = self.tree.path(name)
        if not source:
            return False
        cflags, ldflags, so_flags, libs, so_libs = self.tree.flags.get(VARIANT.sub("", name), [[]] * 5)
        shared, program = "-shared" in extra, "-shared" not in extra and "-c" not in extra
        own = [self.outside(f) for f in (so_flags if shared else ldflags)]
        own = [f for f in own if f.startswith(("-Wl,", "-z", "now", "lazy", "-nostdlib", "-nostart", "-static", "-rdynamic", "-export"))]
        compiler = "g++" if source.endswith(".cc") else "gcc"
        flags = FLAGS[2:] if compiler == "g++" else FLAGS
        libs = [f for f in (so_libs if shared else libs) if f.startswith(("-l", "-Wl,")) or f.endswith(".lds")]
        command = [compiler, *LINKER, *flags, *headers_of(self.tree.source, self.tree.directory), *cflags, *extra, os.path.relpath(source, f"{self.tree.source}/{self.tree.directory}"), "-o", output]
        if "-c" not in extra:
            command += [*own, "-Wl,--no-as-needed", *linked, *libs]
        if program:
            command += ["-Wl,-rpath-link," + self.at, self.support, f"-L{self.root}{HERE}", "-lheavy",
                        f"-Wl,-rpath,{HERE}/{self.tree.directory}:{HERE}", "-lpthread", "-ldl"]
        done = subprocess.run(command, cwd=f"{self.tree.source}/{self.tree.directory}", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode:
            errors = [line for line in done.stdout.split("\n") if "error" in line or "undefined" in line or "cannot" in line]
            missing.setdefault(re.sub(r"^[^ ]*?([^/ ]+:)", r"\1", (errors or [done.stdout])[0])[-150:], []).append(name)
        return done.returncode == 0

    def part(self, name):
        """Builds the module NAME.so, or the object NAME.o or .os, and what it needs; what to link with it, None where it cannot be
        built."""
        with self.lock:
            first = name not in self.made
            if first:
                self.made[name] = Future()
        stem, _, kind = name.rpartition(".")
        if first:
            output = f"{self.at}/{name}" if kind == "so" else f"{self.at}-objects/{name}"
            linked = self.parts(name) + [self.support] * (name in self.tree.supported) if kind == "so" else []
            built = None not in linked and self.compile(stem, output, ["-shared", "-fPIC", f"-Wl,-soname,{name}"] if kind == "so" else ["-fPIC", "-c"],
                                 [f for f in linked if f])
            self.made[name].set_result(output if built else None)
        try:
            return self.made[name].result(timeout=300)
        except TimeoutError:  # a circle
            return ""

    def parts(self, name):
        """Builds all that NAME, a test, its run or a module, needs; see part()."""
        own = {"ld.so", *(name.rpartition(".")[0] + suffix for suffix in (".o", ".os")), name + ".o"}
        return [self.part(needed) for needed in dict.fromkeys(self.tree.needs.get(name, [])) if needed not in own]

    def test(self, name):
        """Builds the test NAME; True if it and all it needs could be."""
        linked, later = self.parts(name), self.parts(name + ".out")
        if None in linked or None in later:
            return False
        pie = ["-pie", "-fPIE"] if name in self.tree.pie else ["-no-pie", "-fno-pie"]
        return self.compile(name, f"{self.at}/{name}", pie, [f for f in linked if f])


def headers_of(source, *directories):
    """The root's, and those that only glibc has; what links with its C library."""
    return [f"--sysroot={root}", f"-B{root}/usr/lib/x86_64-linux-gnu", "-I", os.path.dirname(source) + "/headers",
            *(word for name in ("support", "include", "sysdeps/x86_64", "sysdeps/x86", "sysdeps/x86/include", "sysdeps/generic", "sysdeps/pthread", "sysdeps/unix/sysv/linux", *directories, ".", "../build")
              for word in ("-idirafter", f"{source}/{name}"))]


def prepare(suite):
    """Source and a configured build directory of glibc."""
    at = os.environ.get("GLIBC") or scratch("glibc-")
    if os.path.exists(at + "/build/config.make"):
        return at + "/src", at + "/build"
    os.makedirs(at, exist_ok=True)
    subprocess.run(["dpkg-source", "-x", scratch_root.source("glibc", suite), at + "/src"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.makedirs(at + "/build")
    os.makedirs(at + "/headers")
    subprocess.run(["../src/configure", "--prefix=/usr", "--disable-werror", "--without-selinux"], cwd=at + "/build", check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    write(at + "/headers/config.h", "")
    for name in ("first-versions.h", "abi-versions.h", "dl-tunable-list.h"):
        subprocess.run(["make", "-s", "-r", f"objdir={at}/build", "subdir=csu", "..=../", f"{at}/build/{name}"], cwd=at + "/src/csu",
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in ("support", "malloc", "test-skeleton.c"):
        os.symlink(f"../src/{name}", f"{at}/headers/{name}")
    return at + "/src", at + "/build"


def make_support(source, build):
    """glibc's library of helpers for its tests: what of it builds."""
    objects = []
    places = [f'-D{name}_PATH="{path}"' for name, path in PLACES.items()]
    directory = os.path.dirname(build) + "/support"
    os.makedirs(directory, exist_ok=True)
    archive = directory + "/libsupport.a"
    if os.path.exists(archive):
        return archive, len(os.listdir(directory)) - 2

    def one(name):
        output = f"{directory}/{name[:-2]}.o"
        done = subprocess.run(["gcc", *FLAGS, *headers_of(source), "-fPIC", *places, "-c", name, "-o", output], cwd=source + "/support",
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            objects.append(output)

    no_part = ("tst-", "test-run-", "shell-", "echo-", "true-", "links-", "support_test_main")  # programs
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, sorted(n for n in os.listdir(source + "/support") if n.endswith(".c") and not n.startswith(no_part))))
    subprocess.run(["gcc", *FLAGS, *headers_of(source), "-fPIC", "-c",
                    "support_test_main.c", "-o", directory + "/main.o"], cwd=source + "/support", check=True)
    subprocess.run(["ar", "rcs", archive, directory + "/main.o", *sorted(objects)], check=True)
    return archive, len(objects)


def outcome(root, tree, name, seconds=90):
    """The exit status, None where it did not end in SECONDS, and what it said last.  One that a signal ended says so by its
    number.  Nothing that it started outlives it."""
    environment, arguments = tree.tests[name]
    path = f"{HERE}/{tree.directory}/{name}"
    command = f"cd {HERE}/{tree.directory}; {environment} exec {path} {arguments.replace('@SELF@', path)}"
    try:
        done = subprocess.run(["unshare", "-p", "-f", "--kill-child", f"--mount-proc={root}/proc", "chroot", root, "/bin/sh", "-c", command], stdin=subprocess.DEVNULL,
                              env={**rooted.SETTINGS, "LD_LIBRARY_PATH": f"{HERE}/{tree.directory}", "TIMEOUTFACTOR": str(max(2, seconds // 40))}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="backslashreplace", timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout[-300:]


def is_late(seen):
    return seen[0] is None or "Timed out" in seen[1]


def reason(seen):
    """Why a test fails, in a few words without what is of one test only."""
    lines = [line for line in seen[1].split("\n") if line.strip() and not line.startswith(("Termination time", "Last write"))]
    return "it takes too long here" if is_late(seen) else re.sub(r"\S*/\S*|0x\w+|\d+|[`'\"].*", "", lines[-1])[:70].strip() if lines else f"status {seen[0]}"


def outcomes(root, trees, wanted):
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(wanted, pool.map(lambda key: outcome(root, trees[key[0]], key[1]), wanted)))


missing = {}  # error: names
root = whole_root.root_of("small", "libstdc++6", "libc6-dev", suite=SUITE)
os.makedirs(root + HERE)
os.makedirs(root + "/dev/shm", mode=0o1777)
compile_c("static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };", root + HERE + "/libheavy.so",
          "-shared", "-fPIC", "-Wl,-soname,libheavy.so")
source, build = prepare(SUITE)
support, count = make_support(source, build)
trees = {directory: Tree(source, build, directory) for directory in DIRECTORIES}
built, tried = [], 0
for directory, tree in trees.items():
    builder = Builder(tree, root, support)
    names = sorted(name for name in tree.tests if "static" not in name and (not ONLY or f"{directory}/{name}" in ONLY))
    tried += len(names)
    with ThreadPoolExecutor(4) as pool:
        built += [(directory, name) for name, done in zip(names, pool.map(builder.test, names)) if done]
print(f"{count} files of support; {tried} tests, {len(built)} built outside of glibc's tree", flush=True)
for error, names in sorted(missing.items(), key=lambda item: -len(item[1]))[:int(os.environ.get("SHOW", 0))]:
    print(f"  {len(names)} not built: {error}: {' '.join(names[:4])}")
untouched = outcomes(root, trees, built)
steady = [key for key in built if untouched[key][0] in (0, 77)]
said = prelink("--root", root, "-v", *(f"{HERE}/{directory}" for directory in DIRECTORIES), HERE + "/libheavy.so", status=None).stdout
planned = {path for path in re.findall(r"^(\S+): plan:", said, re.M)}
with_plan = [key for key in steady if f"{HERE}/{key[0]}/{key[1]}" in planned]
print(f"{len(steady)} pass untouched, {len(with_plan)} of these have a plan", flush=True)
failing = {}
for key in built:
    if key not in steady:
        failing.setdefault(trees[key[0]].recipe(key[1]) or reason(untouched[key]), []).append("/".join(key))
for why, names in sorted(failing.items(), key=lambda item: -len(item[1])):
    print(f"  {len(names)} fail untouched: {why}: {' '.join(names)}")
prelinked = outcomes(root, trees, built)
for key in with_plan:
    if is_late(prelinked[key]):  # beside others and on a busy machine; alone, and with more time?
        prelinked[key] = outcome(root, trees[key[0]], key[1], 400)
passed = [key for key in with_plan if prelinked[key][0] == untouched[key][0]]
print(f"{len(passed)} of {len(with_plan)} pass with their plan")
for what, reason in sorted(re.findall(rf"^{HERE}/(\S+): no plan: (.*)$", said, re.M)):
    if tuple(what.split("/")) in steady:
        print(f"  no plan: {what}: {reason}")
wrong = [key for key in built if prelinked[key][0] != untouched[key][0] and not is_late(untouched[key])]
for key in wrong:
    print(f"  differs: {'/'.join(key)}: {untouched[key][0]} untouched, {prelinked[key][0]} prelinked: {prelinked[key][1].strip()[-250:]!r}")
unknown = [key for key in wrong if "/".join(key) not in DIFFERENT]
expect(not unknown, f"{len(unknown)} differ: {unknown}")
