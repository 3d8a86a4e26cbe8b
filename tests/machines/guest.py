# SPDX-License-Identifier: LGPL-2.1-or-later
"""Roots of other machines, whose programs run here: by qemu-user, or by the kernel where it can."""
import bisect
import fcntl
import mmap
import os
import re
import shutil
import struct
import subprocess

import process
import scratch_root
import whole_root
from harness import BUILD, expect, i386_runner, need, qemu_user, run

# By Debian's name: the module's directory, the cross compiler, what runs it, and its ld.so.
MACHINES = {
    "arm64": ("aarch64", "aarch64-linux-gnu-gcc", qemu_user("aarch64")),
    "armhf": ("arm", "arm-linux-gnueabihf-gcc", qemu_user("arm")),
    "i386": ("i386", "i686-linux-gnu-gcc", qemu_user("i386")),
    "ppc64el": ("powerpc64le", "powerpc64le-linux-gnu-gcc", qemu_user("ppc64le")),
    "riscv64": ("riscv64", "riscv64-linux-gnu-gcc", qemu_user("riscv64")),
    "s390x": ("s390x", "s390x-linux-gnu-gcc", qemu_user("s390x")),
}
SETTINGS = {"LC_ALL": "C.UTF-8", "HOME": "/tmp", "TERM": "dumb", "PATH": "/usr/bin:/bin"}
CONFIGURATION = "-l /usr/bin\n-l /usr/sbin\n-l /usr/lib\n-l /usr/libexec\n"
STORE = "/var/lib/prelink/store"
# What roots have, and what is run there; with LONG=1 more of both.
LONG = bool(os.environ.get("LONG"))
SETS = ["python3", "python3-lxml", "perl", "libxml-libxml-perl", "openssl"]
PYTHON = "import lxml.etree, ssl, sqlite3, decimal, ctypes; print(lxml.etree.fromstring('<a/>').tag, decimal.Decimal(1) / 3)"
PERL = "use XML::LibXML; use POSIX; print POSIX::floor(1.5), XML::LibXML->new ? 1 : 0, qq(\\n)"
COMMANDS = [["/usr/bin/python3", "-c", PYTHON], ["/usr/bin/perl", "-e", PERL]]
if LONG:
    SETS += ["python3-numpy", "gawk", "sqlite3", "file", "xz-utils", "binutils", "openssl", "bc", "procps", "libxine2-bin", "libxine2-misc-plugins"]
    COMMANDS[0][2] = PYTHON.replace("import ", "import numpy, ") + "; print(numpy.ones(3).sum())"
    COMMANDS += [["/usr/bin/bash", "-c", "exit 7"], ["/usr/bin/true"], ["/usr/bin/false"]]
    COMMANDS += [["/usr/bin/" + name, "--version"] for name in
                 ("ls", "cp", "sort", "date", "sed", "grep", "tar", "gawk", "sqlite3", "file", "xz", "objdump", "ld.bfd", "as",
                  "find", "diff", "bc", "ps", "gzip")]
    COMMANDS += [["/usr/bin/openssl", "version"], ["/usr/bin/xine-list-1.2", "-p"]]
# What python3 writes to the file that its first argument names: RELRO of each object, as ld.so left it.
TAKE_RELRO = r"""
import ctypes, sys
out = open(sys.argv[1], "wb")
word = ctypes.c_size_t
wide = ctypes.sizeof(word) == 8
class Phdr(ctypes.Structure):
    _fields_ = [("type", ctypes.c_uint)] + ([("flags", ctypes.c_uint)] if wide else []) + [
        (name, word) for name in ("offset", "vaddr", "paddr", "filesz", "memsz")] + [("rest", word * (1 if wide else 2))]
class Info(ctypes.Structure):
    _fields_ = [("addr", word), ("name", ctypes.c_char_p), ("phdr", ctypes.POINTER(Phdr)), ("phnum", ctypes.c_ushort)]
def take(info, size, data):
    bias, segments = info[0].addr, info[0].phdr[:info[0].phnum]
    end = max(segment.vaddr + segment.memsz for segment in segments if segment.type == 1)
    kernels = b"vdso" in (info[0].name or b"")  # has no RELRO, but functions that words lead to
    for segment in segments:
        if segment.type == (1 if kernels else 0x6474e552):
            taken, start = (0, bias + segment.vaddr) if kernels else (segment.memsz, bias)
            out.write(b"%s %x %x %x %x\n" % (info[0].name or b"program", start, bias + end, segment.vaddr, taken))
            out.write(ctypes.string_at(bias + segment.vaddr, taken) + b"\n")
    return 0
call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), word, word)(take)
ctypes.CDLL(None).dl_iterate_phdr(call, None)
"""


def build_module(arch):
    """Path of the run-time module of ARCH, which this build makes if it was not told to; one test at a time."""
    machine, compiler, _ = MACHINES[arch]
    need(compiler, "make")
    made = f"prelink-plugins/rtld/{machine}/prelink-rtld.so"
    with open(BUILD + "/Makefile", "rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        run(["make", "-s", "-C", BUILD, made, f"RTLD_FOREIGN={machine}:{compiler}"],
            env={**os.environ, "MAKEFLAGS": "", "MFLAGS": ""})
    dynamic = run(["readelf", "-dW", os.path.join(BUILD, made)]).stdout
    expect(not re.search(r"\((NEEDED|INIT|JMPREL|TEXTREL)\)|\((RELA?|RELR)SZ\) +[1-9]", dynamic), f"{made} asks something of ld.so:\n{dynamic}")
    return os.path.join(BUILD, made)


def sound(text):
    """TEXT without what differs from one run to the next, or is the module's."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(("prelink-rtld: ", "qemu: ")))


class Guest:
    """A root of ARCH with the packages NAMES, the module in it; skips, saying why, where nothing runs it.  scratch_root.Unavailable
    where there are no such packages."""

    def __init__(self, arch, suite, *names):
        self.arch, self.suite = arch, suite
        module = build_module(arch)
        self.root = scratch_root.make(*names, suite=suite, arch=arch)
        self.install(module)

    def install(self, module):
        """Puts into the root MODULE, what runs its programs, and a prelink.conf."""
        machine, _, self.runner = MACHINES[self.arch]
        if self.arch == "i386" and i386_runner(self.root + "/lib/ld-linux.so.2") == []:
            self.runner = None
        else:
            need(self.runner)
            shutil.copy(shutil.which(self.runner), f"{self.root}/usr/bin/{self.runner}")
        self.module = os.path.join(os.path.dirname(whole_root.module()), machine, "prelink-rtld.so")
        os.makedirs(os.path.dirname(self.root + self.module), exist_ok=True)
        shutil.copy(module, self.root + self.module)
        with open(module, "rb") as file:
            ident = file.read(6)
        self.is32, self.order = ident[4] == 1, "<>"[ident[5] - 1]
        with open(self.root + "/etc/prelink.conf", "w") as file:
            file.write(CONFIGURATION)

    def start(self, command, timeout=900, **environment):
        """Runs COMMAND, whose first word is a path; the finished process, output as text."""
        return subprocess.run(["chroot", self.root, *self.inside(command, environment)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                              timeout=timeout, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def inside(self, command, environment):
        """What runs COMMAND with ENVIRONMENT when it is started in the root."""
        settings = ["=".join(item) for item in {**SETTINGS, **environment}.items()]
        if self.runner:
            return ["/usr/bin/" + self.runner, *(word for item in settings for word in ("-E", item)), *command]
        return ["/usr/bin/env", "-i", *settings, *command]

    def audited(self, command, mode="verbose", **more):
        return self.start(command, **self.audit(mode), **more)

    def audit(self, mode="quiet"):
        return {"LD_AUDIT": self.module, "PRELINK_STORE": STORE, "PRELINK_RTLD": mode}

    def pages(self, command, ready, **environment):
        """How many pages COMMAND has written of the files that it maps, when it says READY and waits."""
        with process.stopped_at_output(self.root, *self.inside(command, environment), ready=ready) as pid:
            return sum(mapping.dirty for path, mapping in process.mappings(pid, self.root).items()
                       if not self.runner or os.path.basename(path) != self.runner) // mmap.PAGESIZE

    def real(self, path):
        """PATH of a program, links followed inside the root."""
        top = os.path.realpath(self.root)
        while (seen := os.path.realpath(top + path))[:len(top)] != top:  # an absolute link
            path = seen
        return seen[len(top):]

    def bound(self, program):
        """{(object, symbol, provider)} that ld.so binds when PROGRAM starts, by its own word, without running it; but what it
        looks up in the kernel's own object."""
        said = self.start([program], LD_DEBUG="bindings", LD_BIND_NOW="1", LD_WARN="yes", LD_TRACE_LOADED_OBJECTS="1").stderr
        return {tuple(map(self.real, (by, to))) + (symbol,) for by, to, symbol in
                re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `([^']+)'", said) if not by.startswith(("linux-vdso", "linux-gate"))}

    def relro(self, taken, *command, mode):
        """{(object, address): (word, meaning)} of what ld.so left read-only in a run of COMMAND, python3 that takes it; the
        meaning of a word that is, or may be, an address is (object, address as in its file).  Of ld.so itself, what it notes of the process is there, too: it is
        left out."""
        done = self.audited([*command, taken], mode)
        found, places = [], []
        with open(self.root + taken, "rb") as file:
            for line in file:
                path, *numbers = line.decode().split()
                bias, end, address, size = (int(number, 16) for number in numbers)
                places.append((bias, end, path))
                found.append((path, address, file.read(size)))
                file.read(1)
        os.unlink(self.root + taken)
        places.sort()
        starts = [place[0] for place in places]

        def meaning(word):
            at = bisect.bisect(starts, word) - 1
            return word, (places[at][2], word - places[at][0]) if at >= 0 and word < places[at][1] else None

        word = ("I", 4) if self.is32 else ("Q", 8)
        return done, {(path, address + i * word[1]): meaning(value) for path, address, data in found if "/ld" not in path
                      for i, (value,) in enumerate(struct.iter_unpack(self.order + word[0], data[:len(data) & -word[1]]))}
