#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-maintain --root DIR, where somebody else made DIR: nothing of it is run, nothing outside it is written,
truncated, removed, opened for a side effect or waited for, and nobody without rights can hold its lock."""
import os
import re
import shutil
import stat
import subprocess

from harness import BUILD, expect, expect_equal, read, run, scratch, write
from maintained import MAINTAIN, System

STATE = ("active", "full", "pending", "locks", "lock", "locks/maintain")
MODES = ("", "--quick", "--full", "--if-pending", "--mark-pending", "--undo")


def victim():
    """A directory of the host with a file in it, and what it looks like."""
    path = scratch("host-")
    write(path + "/precious", "precious")
    os.chmod(path, 0o755)
    return path


def looks(path):
    return sorted((name, read(f"{path}/{name}"), os.stat(f"{path}/{name}").st_mtime_ns, os.stat(f"{path}/{name}").st_mode)
                  for name in os.listdir(path)), os.stat(path).st_mode


def hostile(system, name, make):
    """Puts what MAKE makes in the place of NAME of the state."""
    path = f"{system.root}/var/lib/prelink/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    make(path)


def check_links():
    """Each file of the state as a link out, hard and symbolic, and as other things."""
    host = victim()
    before = looks(host)
    kinds = {"link": lambda path: os.symlink(host + "/precious", path), "link to a directory": lambda path: os.symlink(host, path),
             "dangling link": lambda path: os.symlink(host + "/new", path), "fifo": os.mkfifo, "directory": os.mkdir,
             "relative link": lambda path: os.symlink("../" * 40 + host + "/precious", path)}
    if os.getuid() == 0:
        kinds["device"] = lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
    for kind, make in kinds.items():
        for name in STATE:
            for mode in MODES if os.environ.get("LONG") else ("", "--mark-pending"):
                system = System()
                system.configure(PRELINKING="yes")
                hostile(system, name, make)
                system.maintain(*[mode] if mode else [], status=None)
                expect_equal(looks(host), before, f"a file of the host, {name} being a {kind}, {mode or 'daily'}")
                shutil.rmtree(os.path.dirname(system.root))


def check_directories():
    """A directory on the way that is a link out."""
    host = victim()
    before = looks(host)
    for name in ("var", "var/lib", "var/lib/prelink", "etc", "etc/default"):
        for mode in MODES:
            system = System()
            system.configure(PRELINKING="yes")
            path = f"{system.root}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.isdir(path):
                os.rename(path, path + ".away")
            os.symlink(host, path)
            system.maintain(*[mode] if mode else [], status=None)
            expect_equal(looks(host), before, f"a file of the host, {name} being a link to it, {mode or 'daily'}")
    # The configuration of the host is none of the tree.
    system = System()
    write(host + "/config", "PRELINKING=yes\n")
    os.symlink(host + "/config", system.root + "/etc/default/prelink")
    expect_equal(system.maintain(), [], "a configuration outside the tree")


def check_programs():
    """Programs of the tree, under every name that could be run."""
    system = System()
    mark = system.root + "/mark"
    system.configure(PRELINKING="yes")
    for directory in ("usr/sbin", "usr/bin", "sbin", "bin", "usr/libexec/prelink-plugins"):
        os.makedirs(f"{system.root}/{directory}", exist_ok=True)
        for name in ("prelink", "notegen", "logger", "nice", "ionice", "flock", "find", "sh", "prelink-maintain"):
            write(f"{system.root}/{directory}/{name}", f"#!/bin/sh\n: >{mark}\n")
            os.chmod(f"{system.root}/{directory}/{name}", 0o755)
    for name in ("prelink", "logger"):
        shutil.copy(f"{system.root}/bin/{name}", system.root)
    for mode in MODES:
        command = [MAINTAIN, "--root", ".", *([mode] if mode else [])]
        # Where we are is the tree, and PATH says to look here first.
        run(command, status=0, cwd=system.root, env=system.environment(PATH=f".::bin:{system.bin}:{os.environ['PATH']}"))
        expect(not os.path.exists(mark), f"{mode or 'daily'}: a program of the tree was run")
    expect(read(system.calls), "the system's own prelink was not run")


def check_lock():
    """Nobody without rights can enter the directory of locks, whatever there was before."""
    for before in None, 0o777, 0o755:
        system = System()
        system.configure(PRELINKING="yes")
        if before:
            os.makedirs(system.root + "/var/lib/prelink/locks")
            os.chmod(system.root + "/var/lib/prelink/locks", before)
        system.maintain()
        mode = os.stat(system.root + "/var/lib/prelink/locks").st_mode
        expect_equal(stat.S_IMODE(mode), 0o700, "mode of the directory of locks")
    if os.getuid() != 0:
        print("not root: nobody's try for the lock is left out")
        return
    top = os.path.dirname(system.root)
    os.chmod(top, 0o755)
    for path in ("locks", "locks/maintain"):
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "flock", "-n",
                               f"{system.root}/var/lib/prelink/{path}", "true"], stderr=subprocess.DEVNULL)
        expect(done.returncode != 0, f"nobody can lock {path}")
    # A state that others can write is no state.
    os.chmod(system.root + "/var/lib/prelink", 0o777)
    expect_equal(system.maintain(status=1), [], "a state that others can write")


def check_image():
    """prelink-image, where somebody else made the image: links out of it are not followed, but in its last component replaced."""
    tool = os.path.join(BUILD, "ebuild-helpers/image/prelink-image")
    module = os.path.dirname(re.search(r'find "\$root([^"]*)"', read(tool).decode())[1] + "/x/y") + "/prelink-rtld.so"
    host = victim()
    os.makedirs(host + "/system.conf.d")
    for name in "prelink.conf", "system.conf.d/prelink.conf", "prelink.sh":
        write(f"{host}/{name}", "precious")
    before = {name: read(f"{host}/{name}") for name in ("prelink.conf", "system.conf.d/prelink.conf", "prelink.sh")}
    for link, target, status in (("etc", host, 1), ("etc", "../" * 40 + host, 1), ("etc/profile.d", host, 1), ("etc/systemd", host, 1),
                                 ("etc/systemd/system.conf.d", host, 1), ("etc/prelink.conf", host + "/new", 0),
                                 ("etc/profile.d/prelink.sh", host + "/prelink.sh", 0),
                                 ("etc/systemd/system.conf.d/prelink.conf", host + "/new", 0), ("etc", "/real", 1), ("etc", "real", 0)):
        root = scratch()
        for directory in (os.path.dirname(module), os.path.dirname("/" + link), "/usr/lib/systemd", "/real/profile.d"):
            os.makedirs(root + directory, exist_ok=True)
        write(root + module, "")
        if link == "etc/systemd/system.conf.d/prelink.conf" or link == "etc/prelink.conf":
            os.makedirs(root + "/etc/profile.d")
        os.symlink(target, f"{root}/{link}")
        done = subprocess.run([tool, root, "store"], env={**os.environ, "PRELINK": "true"}, stderr=subprocess.PIPE, text=True)
        expect_equal(done.returncode, status, f"exit status, {link} being a link to {target}: {done.stderr}")
        expect("leads out of the image" in done.stderr or not status, f"{link}: {done.stderr}")
        expect_equal({name: read(f"{host}/{name}") for name in before}, before, f"files of the host, {link} being a link to {target}")
        expect_equal(sorted(os.listdir(host)), sorted({"precious", "system.conf.d", "prelink.conf", "prelink.sh"}),
                     f"names on the host, {link} being a link to {target}")
        expect(status or b"LD_AUDIT" in read(root + "/etc/systemd/system.conf.d/prelink.conf"), f"{link}: the module is not named")


check_links()
check_directories()
check_image()
check_programs()
check_lock()
