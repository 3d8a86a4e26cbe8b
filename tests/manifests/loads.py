# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program in a root dlopens, as ld.so tells it, and whether a manifest says so.

    root = Root(master("perl"))
    for path, callers in unnamed(loaded(root, ["perl", "-MPOSIX", "-e", "1"]), manifests()): ...
"""
import os
import re
import subprocess

import yaml

from harness import SOURCE, scratch

MANIFESTS = os.path.join(SOURCE, "manifests")


def alternatives(pattern):
    """The patterns without braces that PATTERN stands for."""
    depth, start = 0, None
    for place, letter in enumerate(pattern):
        if letter == "{":
            depth += 1
            if depth == 1:
                start, cuts = place, [place]
        elif letter == "," and depth == 1:
            cuts.append(place)
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                cuts.append(place)
                middle = [pattern[a + 1:b] for a, b in zip(cuts, cuts[1:])]
                return [whole for each in middle for whole in alternatives(pattern[:start] + each
                                                                           + pattern[place + 1:])]
    return [pattern]


def expression(pattern):
    """PATTERN as a regular expression; written apart from notegen's own matcher, which it checks."""
    whole = []
    for one in alternatives(pattern):
        text = ""
        for part in one.strip("/").split("/"):
            if part == "**":
                text += r"(?:/[^./][^/]*)*"
                continue
            text += "/" + re.sub(r"\\\[(!?)(.*?)\\\]", lambda m: f"[{'^' if m[1] else ''}{m[2]}]".replace("\\-", "-"),
                                 re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]").replace(r"\!", "!"))
        whole.append(text)
    return re.compile("|".join(f"(?:{each})" for each in whole))


def inside(root, path, last=True):
    """PATH in ROOT with its symbolic links, but for the last component unless LAST, resolved inside it; None if
    there is nothing."""
    done, rest = [], path.split("/")
    for _ in range(400):
        if not rest:
            found = "/" + "/".join(done)
            return found if os.path.lexists(root + found) else None
        part, rest = rest[0], rest[1:]
        here = root + "/" + "/".join([*done, part])
        if part in ("", ".", ".."):
            done = done[:-1] if part == ".." else done
        elif os.path.islink(here) and (last or rest):
            target = os.readlink(here)
            done, rest = ([] if target.startswith("/") else done), target.split("/") + rest
        else:
            done.append(part)
    return None


class Root:
    """The root PATH, seen through an overlay that takes what programs write; the shell script PREPARE makes the files
    that they read."""

    def __init__(self, path, prepare=""):
        self.path, self.prepare, self.work, self.files = path, prepare, scratch("overlay-"), scratch("files-")
        os.chmod(self.files, 0o777)

    def run(self, command, uid=65534, watched=True):
        """What ld.so tells of COMMAND if WATCHED, in a mount name space of its own with /proc and /dev, and no network
        but its own loopback; the directory self.files is /files inside."""
        script = f"""set -e; ip link set lo up; W={self.work}; mkdir -p $W/t; mount -t tmpfs tmpfs $W/t; mkdir -p $W/t/u $W/t/w $W/t/m
mount -t overlay overlay -o lowerdir={self.path},upperdir=$W/t/u,workdir=$W/t/w $W/t/m
mount -t proc proc $W/t/m/proc; mount --rbind /dev $W/t/m/dev; mkdir -p $W/t/m/tmp/run; chmod 1777 $W/t/m/tmp
mkdir $W/t/m/files; mount --bind {self.files} $W/t/m/files; chmod 700 $W/t/m/tmp/run; chown {uid} $W/t/m/tmp/run
chroot $W/t/m /bin/sh -c "$PREPARE"
exec chroot --userspec={uid}:{uid} $W/t/m "$@" """
        environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                       "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp/run", "PREPARE": self.prepare}
        return subprocess.run(["unshare", "-mn", "--propagation", "private", "sh", "-c", script, "sh",
                               "env", *(["LD_DEBUG=files"] if watched else []), "timeout", "120", *command],
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace").stderr


class Process:
    """What one process asked for, and what it then had in it; names as ld.so prints them."""

    def __init__(self):
        self.asked, self.objects, self.programs = {}, set(), set()


def processes(log):
    """The processes of which the LD_DEBUG=files in LOG tells.  A child that was forked and started no program
    has what its parent had, of which LOG says nothing: then all processes' programs and objects are its own."""
    found = {}
    for line in log.splitlines():
        what = re.match(r"\s*(\d+):\s+(?:file=(\S+) \[\d+\];\s+dynamically loaded by (.+) \[|calling init: (\S+)"
                        r"|initialize program: (\S+))", line)
        if not what:
            continue
        number, name, caller, initialised, program = what.groups()
        process = found.setdefault(number, Process())
        if name:
            process.asked.setdefault(name, set()).add(caller)
        elif initialised:
            process.objects.add(initialised)
        else:
            process.programs.add(program)
    for process in found.values():
        if not process.programs:
            process.programs = set().union(*(each.programs for each in found.values()))
            process.objects = process.objects.union(*(each.objects for each in found.values()))
    return found.values()


class Loaded:
    """A file that was dlopened with success: under which names, by whom, and which objects were in those processes."""

    def __init__(self):
        self.names, self.callers, self.processes = set(), set(), []


def loaded(root, command, uid=65534):
    """The files that COMMAND dlopens in ROOT: {path: Loaded}."""
    result = {}
    for process in processes(root.run(command, uid)):
        objects = {inside(root.path, name) for name in process.objects}
        for program in process.programs:
            places = [""] if "/" in program else ["/usr/bin/", "/usr/sbin/"]
            objects.update(inside(root.path, place + program) for place in places)
        objects = frozenset(objects - {None})
        for name, callers in process.asked.items():
            for path in process.objects:
                if path == name or ("/" not in name and os.path.basename(path) == name):
                    real = inside(root.path, path)
                    if real:
                        one = result.setdefault(real, Loaded())
                        one.names.update((real, inside(root.path, path, last=False)))
                        one.callers.update(os.path.basename(caller) for caller in callers)
                        one.processes.append(objects)
    return result


class Manifest:
    """One document: who loads what."""

    def __init__(self, document):
        self.hosts = [expression(host["path"]) for host in document["hosts"]]
        self.paths = [expression(entry["path"]) for entry in document["plugins"] if "path" in entry]
        self.sonames = [soname for entry in document["plugins"] for soname in entry.get("soname", [])]

    def has(self, names):
        return any(one.fullmatch(path) for one in self.paths for path in names) or \
            any(os.path.basename(path) == soname for soname in self.sonames for path in names)

    def is_for(self, objects):
        return any(host.fullmatch(path) for host in self.hosts for path in objects)


def manifests():
    """Every document of every manifest."""
    result = []
    for name in sorted(os.listdir(MANIFESTS)):
        if name.endswith(".yaml"):
            with open(os.path.join(MANIFESTS, name), encoding="utf-8") as file:
                result.extend(Manifest(document) for document in yaml.safe_load_all(file))
    return result


def unnamed(files, documents):
    """Those of FILES, as loaded() returned them, that no document names which has a host in that process."""
    return {path: one.callers for path, one in files.items()
            if not all(any(document.has(one.names) and document.is_for(objects) for document in documents)
                       for objects in one.processes)}
