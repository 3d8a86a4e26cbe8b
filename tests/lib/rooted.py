# SPDX-License-Identifier: LGPL-2.1-or-later
"""The run-time module at work in scratch roots: install it there, run programs with and without, compare."""
import os
import re
import shlex
import shutil
import subprocess

import kit
from harness import BUILD, expect, fail, run, scratch, tool

IMAGE_SOURCE = os.path.join(os.path.dirname(__file__), "image.c")
SETTINGS = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TERM": "dumb",
            "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp"}


def module_path():
    """Where prelink has DT_AUDIT look for the module: PKGLIBDIR of this build."""
    with open(os.path.join(BUILD, "Makefile")) as file:
        text = file.read()
    prefix = re.search(r"^prefix = (.*)$", text, re.M)[1]
    return os.path.join(prefix, "lib/prelink-plugins/prelink-rtld.so")


def install_module(root):
    path = root + module_path()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(kit.MODULE, path)
    return path


def start(root, command, timeout=120, **environment):
    """Runs COMMAND in ROOT; the finished process, output as text."""
    env = dict(SETTINGS, **environment)
    return subprocess.run(["chroot", root, *command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="backslashreplace", timeout=timeout,
                          executable=shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin"))


def start_alone(root, command, timeout=120, **environment):
    """As start(), in namespaces of its own, with /proc, a /tmp of its own, and a network of which there is but the
    loopback; nothing that it started outlives it.  A command that ends by a signal, or not in time, has the exit status that a shell and timeout(1)
    give it."""
    module = module_path() if module_path().startswith("/tmp/") else ""  # configured for a temporary prefix
    again = f'mkdir -p "$0{os.path.dirname(module)}" && cp {shlex.quote(kit.MODULE)} "$0{module}" && ' if module else ""
    inner = 'mount -t proc proc "$0/proc" && mount -t tmpfs tmp "$0/tmp" && ' + again + \
        'ip link set lo up && exec chroot "$0" /usr/bin/env - "$@"'
    return run(["unshare", "-m", "-n", "-p", "-f", "--kill-child", "sh", "-c", inner, root, "/usr/bin/timeout", "-k", "5", timeout,
                "/usr/bin/env", *(f"{name}={value}" for name, value in {**SETTINGS, **environment}.items()), *command],
               status=None, stdin=subprocess.DEVNULL)


def ways(root):
    """Makes ROOT be as it was, then with a store, then prelinked; gives for each the name, what to start programs with, and
    the programs that have a plan."""
    yield "untouched", {}, set()
    for name, options, environment in (
            ("store", ["--store=/var/lib/prelink/store"], {"LD_AUDIT": module_path(), "PRELINK_STORE": "/var/lib/prelink/store",
                                                           "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}),
            ("slots", [], {})):
        said = run([tool("prelink"), "--root", root, "--with-plugins", "-a", "-v", *options]).stdout
        yield name, environment, set(re.findall(r"^(\S+): plan:", said, re.M))


def levels_of(process):
    """[(object, level, reason)] of what PRELINK_RTLD=verbose said."""
    return [(m[1], m[2], m[3] or "") for m in
            re.finditer(r"^prelink-rtld: (\S+): (full|relative only|none)(?:: (.*))?$", process.stderr, re.M)]


def messages_of(process):
    return "\n".join(line for line in process.stderr.split("\n") if not line.startswith("prelink-rtld: "))


def image_taker(built=[]):
    """Path of image.c's program."""
    if not built:
        built.append(os.path.join(scratch(), "image"))
        run(["gcc", "-O2", "-o", built[0], IMAGE_SOURCE])
    return built[0]


class Image:
    """What image.c saw of one run."""

    def __init__(self, root, command, **environment):
        taker = image_taker()
        out = taker + ".out"
        self.process = subprocess.run([taker, out, root, *command], env=dict(SETTINGS, **environment),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, errors="backslashreplace", timeout=600)
        real = os.path.realpath(root).rstrip("/")
        with open(out) as file:
            self.lines = [line.replace(" " + real + "/", " /", 1) for line in file.read().split("\n")[:-1]]
        self.file = open(out + ".pages", "rb")
        for path in (out, out + ".pages"):
            os.unlink(path)
        expect(self.lines, f"{command}: nothing was taken: {self.process.stderr}")

    def places(self, root):
        """{path: (load bias, end)} of the objects that were taken, by the pages of their first writable segment."""
        first = {}
        for line in self.lines:
            _, path, address = line.split(" ")
            first[path] = min(first.get(path, 1 << 64), int(address, 16))
        found = {}
        for path, address in first.items():
            writable, end = extent(root + path)
            bias = address - (writable & -4096)
            found[path] = (bias, bias + end)
        return found

    def page(self, index):
        self.file.seek(index * 4096)
        return self.file.read(4096)


def extent(path, cache={}):
    """Addresses in the file PATH: of its first writable segment, and of its end."""
    if path not in cache:
        elf = kit.Elf(path)
        cache[path] = elf.writable, elf.end
    return cache[path]


def lazy_slots(path, always, cache={}):
    """Addresses of the JUMP_SLOTs of PATH that ld.so binds lazily, and of the word where it puts the address of its
    own link map: that is from malloc, which ld.so asks for less where it looks up less."""
    if path not in cache:
        elf = kit.Elf(path)
        cache[path] = ({r[0] for r in elf.table(kit.JMPREL, kit.PLTRELSZ) if r[1] & 0xffffffff == kit.R_JUMP_SLOT},
                       elf.entry.get(kit.PLTGOT, 0) + 8) if elf.lazy or always else (set(), None)
    return cache[path]


def has_resolvers(path, cache={}):
    """True if PATH, which ld.so binds lazily, has symbols of type STT_GNU_IFUNC: a resolver that is called early may keep
    what it found out about the processor (libatomic's do)."""
    if path not in cache:
        cache[path] = " IFUNC " in run(["readelf", "-sDW", path]).stdout
    return cache[path]


def table_at(path, address, cache={}):
    """Name of the C++ virtual table or type information in PATH, a weak symbol, that ADDRESS lies in."""
    if path not in cache:
        rows = [line.split() for line in run(["readelf", "-sDW", path]).stdout.split("\n")]
        cache[path] = [(int(row[1], 16), int(row[2], 0), row[7].split("@")[0]) for row in rows if len(row) > 7 and
                       row[3:6] == ["OBJECT", "WEAK", "DEFAULT"] and re.match("_ZT[VTI]", row[7])]
    return next((name for start, size, name in cache[path] if start <= address < start + size), None)


class Bindings:
    """Who provides each symbol to each object in a run of COMMAND, by ld.so's own words."""

    def __init__(self, root, command, **environment):
        self.arguments, self.provider = (root, command, environment), None

    def is_elsewhere(self, path, name):
        """True if PATH asked for NAME, and what it got was never its own."""
        if self.provider is None:
            root, command, environment = self.arguments
            said = start(root, command, PRELINK_RTLD="off", LD_DEBUG="bindings", LD_BIND_NOW="1", **environment).stderr
            self.provider = {}
            for by, to, symbol in re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `([^']+)'", said):
                names = [os.path.realpath(root + path) for path in (by, to)]
                self.provider.setdefault((names[0], symbol), set()).add(names[1])
        own = os.path.realpath(self.arguments[0] + path)
        return own not in self.provider.get((own, name), {own})


def compare_images(root, command, always_lazy=False, **environment):
    """Runs COMMAND in ROOT with the module active and standing aside, and fails unless each writable page of
    each object is the same after its relocation, and at the entry point.

    A lazy call's slot may hold its stub in one and the function in the other: then it has to be the function
    that a third run, with LD_BIND_NOW, puts there; so has what a resolver keeps in its own object.  ALWAYS_LAZY: so
    it may in objects linked with -z now, too (glibc before 2.35 makes every call lazy where there is an audit module).
    Returns (objects, pages, such slots, words that differ in a copy of a C++ table of which ld.so says that another
    object's is used)."""
    active = Image(root, command, PRELINK_RTLD="on_", **environment)
    aside = Image(root, command, PRELINK_RTLD="off", **environment)
    now = None
    if active.process.returncode != aside.process.returncode:
        fail(f"{command}: exit status {active.process.returncode} with the module, {aside.process.returncode} without\n"
             f"{active.process.stderr[-500:]}")
    # At the entry point constructors have run (libc draws random numbers there), so what was there at the entry
    # point only counts for objects that have no RELRO, and so were not taken when they had been relocated.
    relocated = {line.split(" ")[1] for line in aside.lines if line.startswith("relocated ")}
    # Where nothing has a slot, what ld.so allocates less may put objects elsewhere: addresses count from the object's.
    places = [active.places(root), aside.places(root)]

    def keep_of(image, place):
        for i, line in enumerate(image.lines):
            when, path, address = line.split(" ")
            if not path.endswith("/prelink-rtld.so") and (when == "relocated" or path not in relocated):
                yield i, f"{when} {path} {int(address, 16) - place[path][0]:x}"

    def in_object(word, place):
        value = int(word, 16)
        return next(((path, value - bias) for path, (bias, end) in place.items() if bias <= value <= end), None) \
            if value > 0xffff else None

    keep = [list(keep_of(image, place)) for image, place in zip((active, aside), places)]
    if [line for _, line in keep[0]] != [line for _, line in keep[1]]:
        different = [(a, b) for (_, a), (_, b) in zip(*keep) if a != b][:1] or [len(keep[0]), len(keep[1])]
        fail(f"{command}: other objects are there with the module than without: {different}")
    bound = unseen = 0
    bindings = Bindings(root, command, **environment)
    for (i, line), (j, _) in zip(*keep):
        one, other = active.page(i), aside.page(j)
        if one == other:
            continue
        when, path, address = line.split(" ")
        address = int(address, 16)
        slots, link_map = lazy_slots(root + path, always_lazy)
        for at in range(0, 4096, 8):
            if one[at:at + 8] == other[at:at + 8] or address + at == link_map:
                continue
            seen, wanted = one[at:at + 8][::-1].hex(), other[at:at + 8][::-1].hex()
            where = in_object(seen, places[0])
            if where and where == in_object(wanted, places[1]):
                continue
            if when == "relocated" and (address + at in slots or (slots and has_resolvers(root + path))):
                if not now:
                    now = Image(root, command, PRELINK_RTLD="off", LD_BIND_NOW="1", **environment)
                    places.append(now.places(root))
                    rows = {l: k for k, l in keep_of(now, places[2])}
                if line in rows:
                    wanted = now.page(rows[line])[at:at + 8][::-1].hex()
                if where and where == in_object(wanted, places[2]):
                    wanted = seen
                bound += 1
            table = seen != wanted and table_at(root + path, address + at)
            if table and bindings.is_elsewhere(path, table):
                unseen += 1
            elif seen != wanted:
                fail(f"{command}: {when} {path}: the word at {address + at:#x} of it:\n  expected {wanted}\n  seen     {seen}")
    return len({line.split()[1] for _, line in keep[0]}), len(keep[0]), bound, unseen


def dirty_of(root, command, **environment):
    """Kilobytes of COMMAND's objects that were private and dirty right after the relocation of each."""
    done = subprocess.run([image_taker(), "-", root, *command], env=dict(SETTINGS, **environment), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                          timeout=600)
    found = re.search(r"^dirty: (\d+) KB$", done.stderr, re.M)
    expect(found, f"{command}: no word of dirty memory: {done.stderr[-500:]}")
    return int(found[1])
