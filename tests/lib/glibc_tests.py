# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test programs of glibc itself: what its makefiles say of them, and built so against the C library of a root.

glibc's makefiles say what there is: which programs, of which modules and objects, with which flags and environment; nothing
else of glibc is built."""
import os
import re
import shlex
import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import scratch_root
from harness import scratch, write

HERE = "/opt/glibc"  # where the tests are in the root
PRINTER = r"""include Makefile
host-test-program-cmd = @SELF@
show:
	$(foreach t,$(sort $(tests) $(tests-pie) $(xtests)),$(info TEST|$t|$($(t)-ENV)|$($(t)-ARGS)))
	$(foreach t,$(sort $(tests) $(tests-pie) $(modules-names) $(test-extras)),$(info FLAGS|$t|$(CFLAGS-$(t).c)|$(LDFLAGS-$(t))|$(LDFLAGS-$(t).so)|$(LDLIBS-$(t))|$(LDLIBS-$(t).so)))
	$(info PIE|$(tests-pie))
"""
SYSDEPS = [f"sysdeps/{name}" for name in ("unix/sysv/linux/x86_64", "unix/sysv/linux/x86", "unix/sysv/linux", "nptl", "pthread", "x86_64", "x86")]
VARIANT = re.compile("-(malloc-check|malloc-hugetlb[12]|malloc-largetcache|mcheck)$")  # the same source with another environment
PLACES = {"SYSCONFDIR": "/etc", "OBJDIR": HERE, "OBJDIR_ELF_LDSO": "/lib64/ld-linux-x86-64.so.2", "INSTDIR": "/usr",
          "LIBDIR": "/usr/lib", "BINDIR": "/usr/bin", "SBINDIR": "/usr/sbin", "ROOTSBINDIR": "/sbin", "ROOTDIR": "/",
          "COMPLOCALEDIR": "/usr/lib/locale", "SLIBDIR": "/lib/x86_64-linux-gnu", "SRCDIR": HERE, "TOP_SRCDIR": HERE}
FLAGS = ["-std=gnu11", "-fgnu89-inline", "-O2", "-w", "-D_GNU_SOURCE", "-DMODULE_NAME=testsuite", "-D_ISOMAC", "-DTIMEOUTFACTOR=2", "-Dattribute_hidden=",
         "-Dinhibit_stack_protector=", "-Dlibc_hidden_proto(...)=", "-Drtld_hidden_proto(...)=", "-Dattribute_relro=",
         "-DIS_IN(module)=IS_IN_##module", "-DIS_IN_testsuite=1", "-DHAVE_TUNABLES=1",
         "-D__attribute_optimization_barrier__=__attribute__((noinline, noclone))", "-include", "limits.h", "-include", "stdbool.h"]


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
            for directory in (*SYSDEPS, self.directory, "sysdeps/generic"):
                path = f"{self.source}/{directory}/{name}{suffix}"
                if os.path.exists(path):
                    return path
        return None


class Builder:
    """Builds tests of TREE, linked with SUPPORT, by the linker's options LINKER; self.missing has what was said of those that do
    not build, and their names."""

    def __init__(self, glibc, tree, support, linker):
        self.glibc, self.tree, self.root, self.support, self.linker, self.missing = glibc, tree, glibc.root, support, linker, {}
        self.at = f"{self.root}{HERE}/{tree.directory}"
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
        command = [compiler, *self.linker, *flags, *self.glibc.headers(self.tree.directory), *cflags, *extra, os.path.relpath(source, f"{self.tree.source}/{self.tree.directory}"), "-o", output]
        if "-c" not in extra:
            command += [*own, "-Wl,--no-as-needed", *linked, *libs]
        if program:
            command += ["-Wl,-rpath-link," + self.at, self.support, f"-L{self.root}{HERE}", "-lheavy",
                        f"-Wl,-rpath,{HERE}/{self.tree.directory}:{HERE}", "-lpthread", "-ldl"]
        done = subprocess.run(command, cwd=f"{self.tree.source}/{self.tree.directory}", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode:
            errors = [line for line in done.stdout.split("\n") if "error" in line or "undefined" in line or "cannot" in line]
            self.missing.setdefault(re.sub(r"^[^ ]*?([^/ ]+:)", r"\1", (errors or [done.stdout])[0])[-150:], []).append(name)
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


class Glibc:
    """glibc's source of SUITE, in DIRECTORY or a scratch one, with a configured build directory, for tests in ROOT."""

    def __init__(self, suite, directory, root):
        at = directory or scratch("glibc-")
        self.root, self.source, self.build = root, at + "/src", at + "/build"
        if os.path.exists(self.build + "/config.make"):
            return
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

    def headers(self, *directories):
        """The root's, and those that only glibc has; what links with its C library."""
        return [f"--sysroot={self.root}", f"-B{self.root}/usr/lib/x86_64-linux-gnu", "-I", os.path.dirname(self.source) + "/headers",
                *(word for name in ("support", "include", *SYSDEPS, "sysdeps/x86/include", "sysdeps/generic", *directories, ".", "../build")
                  for word in ("-idirafter", f"{self.source}/{name}"))]

    def make_support(self):
        """glibc's library of helpers for its tests: what of it builds."""
        objects = []
        places = [f'-D{name}_PATH="{path}"' for name, path in PLACES.items()]
        directory = os.path.dirname(self.build) + "/support"
        os.makedirs(directory, exist_ok=True)
        archive = directory + "/libsupport.a"
        if os.path.exists(archive):
            return archive, len(os.listdir(directory)) - 2

        def one(name):
            output = f"{directory}/{name[:-2]}.o"
            done = subprocess.run(["gcc", *FLAGS, *self.headers(), "-fPIC", *places, "-c", name, "-o", output], cwd=self.source + "/support",
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                objects.append(output)

        no_part = ("tst-", "test-run-", "shell-", "echo-", "true-", "links-", "support_test_main")  # programs
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, sorted(n for n in os.listdir(self.source + "/support") if n.endswith(".c") and not n.startswith(no_part))))
        subprocess.run(["gcc", *FLAGS, *self.headers(), "-fPIC", "-c",
                        "support_test_main.c", "-o", directory + "/main.o"], cwd=self.source + "/support", check=True)
        subprocess.run(["ar", "rcs", archive, directory + "/main.o", *sorted(objects)], check=True)
        return archive, len(objects)

    def tree(self, directory):
        return Tree(self.source, self.build, directory)
