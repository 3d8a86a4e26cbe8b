# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ld.so itself binds, and what we bind in the same scopes: the two sides of every test here.

ld.so says it with LD_DEBUG=bindings, one line for each lookup.  Consecutive references of one object to the
same symbol are one lookup for it, so both sides have repetitions folded; but for that, the order counts too.
"""
import collections
import functools
import os
import re
import shutil
import subprocess
import tempfile

from elf import elf_or_none
from harness import BUILD, fail, prelink

LINE = re.compile(rb"\s*\d+:\tbinding file (.*) \[\d+\] to (.*) \[\d+\]: "
                  rb"(normal|protected) symbol `(.*)'(?: \[(.*)\])?$")
VDSO = b"linux-vdso.so.1", b"linux-gate.so.1"
# What ld.so itself looks up, in the program's name and after all of its own; the last from glibc 2.43 on.
ITS_OWN = ["calloc", "free", "malloc", "realloc"], ["calloc", "free", "malloc", "realloc", "_r_debug"]
Bound = collections.namedtuple("Bound", "symbol version provider how")


def interpreter(path):
    """PT_INTERP of the ELF file at PATH; None if it has none, or is no ELF file."""
    found = elf_or_none(path)
    return found and found.interpreter()


def fold(bindings):
    """{object: [Bound, ...]} without immediate repetitions."""
    folded = {}
    for by, bound in bindings:
        row = folded.setdefault(by, [])
        if not row or row[-1] != bound:
            row.append(bound)
    return folded


def parse_debug(data):
    """The bindings in LD_DEBUG=bindings output, in order, as (object, Bound)."""
    for line in data.split(b"\n"):
        match = LINE.match(line)
        if match:
            by, provider, how, symbol, version = match.groups()
            if by not in VDSO:
                yield by.decode(), Bound(symbol.decode(), (version or b"").decode(), provider.decode(),
                                         how.decode())


def debug_output(command, environment, **keywords):
    """Runs COMMAND with LD_DEBUG_OUTPUT in a directory of its own: (finished process, what ld.so said)."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], **environment,
                                   "LD_DEBUG_OUTPUT": directory + "/d"}, **keywords)
        said = b""
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), "rb") as file:
                said += file.read()
        return done, said


def trace(program, loader=None):
    """What ld.so of PROGRAM does with it at start-up, without running it: (scope, {object: [Bound]}, missing,
    undefined).  None where ld.so refuses it.  LOADER is a command that runs another ld.so."""
    loader = loader or [interpreter(program) or "/nonexistent"]
    if not shutil.which(loader[0]):
        return None
    done, said = debug_output([*loader, program],
                              {"LD_DEBUG": "bindings", "LD_BIND_NOW": "1", "LD_WARN": "yes",
                               "LD_TRACE_LOADED_OBJECTS": "1"})
    if done.returncode not in (0, 1):
        return None
    scope, missing = [program], []
    for line in done.stdout.decode(errors="surrogateescape").split("\n"):
        match = re.match(r"\t(.*) => (.*) \(0x[0-9a-f]+\)$|\t(.*) \(0x[0-9a-f]+\)$|\t(.*) => not found$", line)
        if match and match.group(4):
            missing.append(match.group(4))
        elif match:
            path = match.group(2) or match.group(3)
            if path not in ("linux-vdso.so.1", "linux-gate.so.1"):
                scope.append(path)
    if len(scope) == 1 and not missing:
        return None
    undefined = re.findall(rb"^undefined symbol: (\S+?)(?:, version (\S+))?\t\((.*)\)$", done.stderr, re.M)
    return scope, fold(parse_debug(said)), missing, undefined


class Ours:
    """tests/bind/bindings, kept running by nobody: lines go in, all of them, and lines come out."""

    def __init__(self):
        self.lines = []

    def add(self, command, *paths):
        self.lines.append("\t".join((command, *paths)))

    def run(self, values=False):
        """[(object, [(address, Bound)])] for every "B", in that order; provider "?" where nobody defines it.
        With VALUES, for every "V": [(object, [(address, symbol, provider, value or None for IFUNC)])]."""
        done = subprocess.run([os.path.join(BUILD, "tests/bind/bindings")],
                              input="\n".join(self.lines) + "\n", stdout=subprocess.PIPE, text=True,
                              errors="surrogateescape")
        if done.returncode != 0:
            fail(f"tests/bind/bindings: exit status {done.returncode} for {self.lines[:3]}")
        objects = []
        for line in done.stdout.splitlines():
            if "\t" not in line:
                objects.append((line, []))
                continue
            if values:
                address, symbol, provider, value = line.split("\t")
                objects[-1][1].append((int(address, 16), symbol, provider,
                                       None if value == "ifunc" else int(value, 16)))
                continue
            address, symbol, version, provider, how = line.split("\t")
            objects[-1][1].append((int(address, 16), Bound(symbol, version, provider, how)))
        return objects


@functools.lru_cache(None)
def real(path):
    return os.path.realpath(path)


def with_real_paths(bindings):
    """{object: [Bound]} with every path free of symbolic links, as prelink prints them."""
    return {real(by): [bound._replace(provider=real(bound.provider)) for bound in row]
            for by, row in bindings.items()}


def ours_at_start(program):
    """Our side of trace(): prelink --bindings, as [(object, address, Bound)]."""
    rows = []
    for line in prelink("--bindings", program, errors="surrogateescape").stdout.split("\n")[:-1]:
        by, address, symbol, version, provider = line.split("\t")
        rows.append((by, int(address, 16), Bound(symbol, "" if version == "-" else version, provider, None)))
    return rows


def found(rows):
    return fold((by, bound) for by, _, bound in rows if bound.provider not in ("?", "0", "-"))


def difference(wanted, seen):
    """None where the two {object: [Bound]} are equal, else a text about the first differences."""
    problems = []
    for by in sorted(set(wanted) | set(seen)):
        left, right = wanted.get(by, []), seen.get(by, [])
        if left == right:
            continue
        problems.append(f"{by}: ld.so binds {len(left)}, we bind {len(right)}")
        only_left, only_right = collections.Counter(left) - collections.Counter(right), \
            collections.Counter(right) - collections.Counter(left)
        problems += [f"    ld.so only: {tuple(bound)}" for bound in list(only_left)[:4]]
        problems += [f"    we only:    {tuple(bound)}" for bound in list(only_right)[:4]]
        if not only_left and not only_right:
            at = next(i for i in range(len(left)) if left[i] != right[i])
            problems.append(f"    the order differs from lookup {at} on: {left[at]} / {right[at]}")
    return "\n".join(problems[:40]) or None


class Process:
    """What ld.so did in one process, from LD_DEBUG=bindings,scopes,libs with LD_BIND_NOW=1: the objects that it
    relocated, in that order, each with its scopes and its lookups.

    A dlopen relocates, prints the scopes of its objects, then runs constructors ("calling init").  dlsym
    prints bindings of its caller as well: only the first unbroken row is relocation, and only of objects
    that come to their constructors afterwards."""

    def __init__(self, data):
        self.relocated = []     # [path, scopes, [Bound]], in the order of relocation
        self.pending = {}       # path -> the same, until its constructors run
        self.loaded = set()
        self.program = None
        self.last = None        # object of the row of bindings that goes on
        self.scopes = None      # of the object whose scopes are being printed
        for line in data.split(b"\n"):
            self.line(line)

    def line(self, line):
        match = LINE.match(line)
        if match and match.group(1) in VDSO:
            return                  # IFUNC resolvers look into it, in the middle of a row
        if match:
            self.binding(*(part.decode() if part else "" for part in match.groups()))
            return
        text = line.decode(errors="surrogateescape").partition("\t")[2].strip()
        if text.startswith("marking "):
            return
        if self.scopes is not None and text.startswith("scope "):
            self.scopes.append(text.partition(": ")[2].split(" "))
            return
        self.last = self.scopes = None
        if text.startswith("object=") and text.endswith(" [0]"):
            path = text[7:-4]
            if self.program is None:
                self.program = path
            if path not in self.loaded:
                self.scopes = []
                self.pending.setdefault(path, [path, None, None])[1] = self.scopes
        elif text.startswith(("calling init: ", "initialize program: ")):
            self.initialized(text.partition(": ")[2])
        elif text.startswith("calling fini: ") and text.endswith(" [0]"):
            self.loaded.discard(text[14:-4])
        elif "error: symbol lookup error" in text or "error: version lookup error" in text:
            for entry in self.pending.values():
                entry[1] = None     # not to be compared
            self.pending.clear()

    def binding(self, by, provider, how, symbol, version):
        bound = Bound(symbol, version, provider, how)
        entry = self.pending.setdefault(by, [by, None, None]) if by not in self.loaded else None
        if entry and entry[2] is None:
            entry[2] = [bound]
            self.relocated.append(entry)
            self.last = by
        elif entry and self.last == by:
            if entry[2][-1] != bound:
                entry[2].append(bound)
        else:
            self.last = None    # a lookup by dlsym

    def initialized(self, path):
        entry = self.pending.pop(path, None)
        if entry:
            self.loaded.add(path)
            entry.append("done")

    def done(self):
        for entry in self.relocated:
            for names in ITS_OWN:
                if entry[0] == self.program and [bound.symbol for bound in entry[2][-len(names):]] == names:
                    del entry[2][-len(names):]
        return [entry for entry in self.relocated if len(entry) == 4 and entry[1]]

    def compare(self):
        """(objects, bindings, problem) of the comparison with what we bind in the same scopes."""
        ours, rows, last = Ours(), self.done(), None
        for path, scopes, _, _ in rows:
            main = next((i for i, scope in enumerate(scopes) if scope[0] == self.program), None)
            if main is None:
                fail(f"{path}: no scope starts with {self.program}: {scopes}")
            if scopes[main] != last:
                last = scopes[main]
                ours.add("G", *last)
            # A scope of its own in front is DT_SYMBOLIC's, or all that RTLD_DEEPBIND has for it.
            if main + 1 < len(scopes):
                ours.add("L", *scopes[main + 1])
            elif main and path not in scopes[main]:
                ours.add("D", *scopes[main - 1])
            else:
                ours.add("L")
            ours.add("B", path)
        problems = []
        for (path, _, wanted, _), (again, bound) in zip(rows, ours.run() if rows else []):
            assert path == again
            seen = found((path, *one) for one in bound)
            problem = difference({path: wanted}, seen)
            if problem:
                problems.append(problem)
        return len(rows), sum(len(entry[2]) for entry in rows), "\n".join(problems[:8])


def watch(command, environment=None, **keywords):
    """Runs COMMAND; its Process (the first one's, not its children's) and what it printed."""
    with tempfile.TemporaryDirectory() as directory:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "HOME": directory, "LD_BIND_NOW": "1",
                                   **(environment or {}), "LD_DEBUG": "bindings,scopes,libs",
                                   "LD_DEBUG_OUTPUT": directory + "/d"}, **keywords) as process:
            printed = process.communicate()[0]
        with open(f"{directory}/d.{process.pid}", "rb") as file:
            return Process(file.read()), printed.decode(errors="replace")
