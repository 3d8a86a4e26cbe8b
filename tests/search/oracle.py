# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ld.so itself says about the scope of a program, and what our driver says.

ld.so is always run as a program, with the one to be examined as its argument, and never gets as far as
handing over to it: so nothing of what is examined is executed.
"""
import concurrent.futures
import fcntl
import os
import platform
import re
import resource
import signal
import struct
import subprocess

import harness
from elf import PT_DYNAMIC, elf_or_none

MACHINES = {"x86_64": 62, "aarch64": 183, "i386": 3, "i686": 3}
DRIVER = os.path.join(harness.BUILD, "tests/search/scopes")
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)


def clean_environment(**more):
    """Nothing that ld.so listens to, but MORE."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("LD_", "GLIBC_TUNABLES", "MALLOC_"))}
    return {**kept, "LC_ALL": "C", **more}


def dynamic_file(path, wide=struct.calcsize("P") == 8, machine=MACHINES.get(platform.machine())):
    """(kind, interpreter) of a little-endian ELF file of that class and machine: kind is "program", "library" or
    None."""
    elf = elf_or_none(path)
    if not elf or elf.wide != wide or elf.order != "<" or elf.machine != machine or elf.kind not in (2, 3):
        return None, None
    interp, dynamic = elf.interpreter(), elf.segment(PT_DYNAMIC)
    if not dynamic or not dynamic.filesz:
        return None, None
    tags = {tag: value for _, tag, value in elf.entries}
    pie = bool(tags.get(0x6ffffffb, 0) & 0x08000000)
    if elf.kind == 2 or (interp and (pie or 21 in tags)):
        return ("program", interp) if interp else (None, None)
    return (None, None) if pie else ("library", interp)


class Scope:
    """Of one program or library: members (paths), missing (names), plugins [(path, host, members)]."""
    def __init__(self, path, kind):
        self.path, self.kind, self.members, self.missing, self.plugins = path, kind, [], [], []


def driver(*arguments, status=0):
    """What our driver prints for ARGUMENTS: {path: Scope}, and the totals line."""
    done = harness.run([DRIVER, *arguments], status=status)
    scopes, members = {}, None
    last = ""
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("program", "library"):
            scope = scopes[rest] = Scope(rest, word)
            members = scope.members
        elif word == "member":
            members.append(rest)
        elif word == "missing":
            scope.missing.append(rest)
        elif word == "plugin":
            path, _, host = rest.partition(" ")
            members = []
            scope.plugins.append((path, host, members))
        else:
            last = line
    return scopes, last


def real_inside(root, paths):
    """Real PATHS, as seen from inside ROOT."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.chroot(root)
        os.chdir("/")
        with open(writing, "w", encoding="utf-8") as pipe:
            pipe.write("\n".join(map(os.path.realpath, paths)))
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text.split("\n") if text else []


def into(root):
    """For preexec_fn: chroot(8) would be a program under ld.so's variables itself.  Some trees make ld.so go round
    in circles for ever, until something stops it."""
    def enter():
        resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if root:
            os.chroot(root)
            os.chdir("/")
    return enter


def trace(loader, path, *options, root=None, **environment):
    """What LD_TRACE_LOADED_OBJECTS lists: (paths in the order of loading, names not found, all output)."""
    done = subprocess.run([loader, *options, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=into(root),
                          env=clean_environment(LD_TRACE_LOADED_OBJECTS="1", **environment))
    found, missing = [], []
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"\t(?:(.*) => )?(.*?)(?: \(0x[0-9a-f]+\))?", line)
        if not match:
            continue
        name, where = match.groups()
        if where == "not found":
            missing.append(name)
        elif where == "statically linked" or where.startswith("linux-vdso") or where.startswith("linux-gate"):
            continue
        else:
            found.append(where)
    return found, missing, done.stdout


def scopes_until(command, marker, root=None, **environment):
    """What LD_DEBUG=scopes prints while COMMAND runs, up to the scope of the object that follows MARKER.

    LD_DEBUG=symbols follows each with so much text that ld.so, writing into a pipe of one page, still is
    relocating the first of the objects when we kill it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing,
                             preexec_fn=into(root),
                             env=clean_environment(LD_DEBUG="scopes,symbols", LD_BIND_NOW="1", **environment))
    os.close(writing)
    text, at = b"", -1
    try:
        while at < 0 or b"symbol=" not in text[at:]:
            chunk = os.read(reading, 512)
            if not chunk:
                break
            text += chunk
            if at < 0:
                at = text.find(marker.encode(), max(0, len(text) - 512 - len(marker)))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        os.close(reading)
    return text[max(at, 0):].decode(errors="replace") if at >= 0 else None, text.decode(errors="replace")


def scope(loader, path, *options, root=None, **environment):
    """The start-up scope of PATH, or None and the output where ld.so gave up."""
    text, everything = scopes_until([loader, *options, path], "Initial object scopes", root, **environment)
    match = text and re.search(r"object=.*?\n\s+\d+:\s+scope 0: (.*?) *\n", text, re.S)
    return (match.group(1).split() if match else None), everything


def in_parallel(function, items, workers=2):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
