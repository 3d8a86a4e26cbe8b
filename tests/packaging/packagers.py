#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-maintain keeps out of a package manager's way: while another process holds one of dpkg's, apt's, rpm's or
portage's locks, a daily run waits and a hook comes back later; a lock of whoever called it is no obstacle, nor is one
for reading.  With a real dpkg and a real rpm in the middle of an installation, too."""
import fcntl
import os
import shutil
import subprocess
import sys

from harness import expect, expect_equal, read, run, scratch, write
from maintained import MAINTAIN, System

LOCKS = ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/cache/apt/archives/lock", "var/lib/apt/lists/lock",
         "var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock", "var/db/.pkg.portage_lockfile", "var/lib/portage/config",
         "var/db/pkg/sys-libs/.zlib:0.portage_lockfile")
HOLD = """import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
# Takes the lock, and calls the command behind it by way of a shell, as apt and rpm do.
CALL = """import fcntl, subprocess, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
sys.exit(subprocess.run(["sh", "-c", '"$@" || exit; true', "sh", *sys.argv[2:]]).returncode)
"""


def prelinked():
    """A system that had its first layout, and has something pending."""
    system = System()
    system.configure(PRELINKING="yes")
    system.maintain()
    system.maintain("--mark-pending")
    return system


def lock_file(system, name):
    path = f"{system.root}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write(path, "")
    return path


def expect_waiting(system, end, what):
    """With a lock held: a hook leaves what is pending, a daily run waits until END() gives the lock up."""
    expect_equal(system.maintain("--if-pending"), [], f"{what}: a hook")
    expect("package manager is at work" in system.output and "pending" in system.state(), f"{what}: {system.output}")
    write(system.calls, "")
    with subprocess.Popen([MAINTAIN, "--root", system.root], env=system.environment(), stdout=subprocess.PIPE,
                          text=True) as daily:
        said = daily.stdout.readline()
        expect("waiting for it" in said, f"{what}: a daily run says {said!r}")
        expect_equal(read(system.calls), b"", f"{what}: calls of prelink while it is locked")
        end()
        rest = daily.stdout.read()
    expect(daily.returncode == 0 and "-a -q" in rest, f"{what}: after that, {rest!r}")
    expect_equal(len(read(system.calls).splitlines()), 1, f"{what}: calls of prelink after it")


def check_locks():
    for name in LOCKS:
        system = prelinked()
        path = lock_file(system, name)
        expect_equal(system.maintain("--if-pending"), ["-a -q"], f"{name} is there, and nobody holds it")
        system.maintain("--mark-pending")
        with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            expect_waiting(system, holder.stdin.close, name)
            holder.stdout.read()
        # Held by who calls us, who waits for us.
        system.maintain("--mark-pending")
        write(system.calls, "")
        done = run([sys.executable, "-c", CALL, path, MAINTAIN, "--root", system.root, "--if-pending"],
                   env=system.environment())
        expect_equal(len(read(system.calls).splitlines()), 1, f"{name} is the caller's: {done.stdout}")
        # For reading.
        system.maintain("--mark-pending")
        with open(path) as file:
            fcntl.lockf(file, fcntl.LOCK_SH)
            write(system.calls, "")
            run(["sh", "-c", 'setsid -w "$@"; exit', "sh", MAINTAIN, "--root", system.root, "--if-pending"],
                env=system.environment())
            expect_equal(len(read(system.calls).splitlines()), 1, f"{name} is locked for reading")


def busy_package(directory):
    """A .deb whose preinst waits until the file `go` is there; says so in `started`."""
    os.makedirs(directory + "/busy/DEBIAN")
    write(directory + "/busy/DEBIAN/control", "Package: busy\nVersion: 1\nArchitecture: all\nMaintainer: n <n@n>\n"
                                              "Description: busy\n")
    write(directory + "/busy/DEBIAN/preinst", f"#!/bin/sh\n: >{directory}/started\n"
          f"while [ ! -e {directory}/go ]; do sleep 0.1; done\n")
    os.chmod(directory + "/busy/DEBIAN/preinst", 0o755)
    run(["dpkg-deb", "-b", "--root-owner-group", directory + "/busy", directory + "/busy.deb"])
    return directory + "/busy.deb"


def check_real(what, command, directory, system):
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        while not os.path.exists(directory + "/started") and process.poll() is None:
            os.sched_yield()
        expect(process.poll() is None, f"{what} ended early: {process.stdout.read() if process.poll() else ''}")
        expect_waiting(system, lambda: write(directory + "/go", ""), what)
        said = process.stdout.read()
    expect_equal(process.returncode, 0, f"{what}: {said}")
    print(f"a real {what} was waited for")


def check_dpkg():
    system, directory = prelinked(), scratch()
    os.makedirs(system.root + "/var/lib/dpkg/info")
    os.makedirs(system.root + "/var/lib/dpkg/updates")
    for name in "status", "available":
        write(f"{system.root}/var/lib/dpkg/{name}", "")
    check_real("dpkg", ["dpkg", f"--root={system.root}", "--force-script-chrootless,not-root,bad-path", "--log=/dev/null",
                        "-i", busy_package(directory)], directory, system)


def check_rpm():
    system = prelinked()
    spec = system.root + "/busy.spec"
    # Lua runs in rpm itself, inside the root.
    write(spec, """Name: busy
Version: 1
Release: 1
Summary: busy
License: none
BuildArch: noarch
%description
%{summary}.
%pre -p <lua>
io.open("/started", "w"):close()
while not posix.access("/go") do posix.sleep(1) end
%files
""")
    run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {system.root}/top", "--define", f"_rpmdir {system.root}", spec],
        env={**os.environ, "HOME": system.root})
    dbpath = ["--root", system.root, "--dbpath", "/var/lib/rpm"]
    run(["rpm", *dbpath, "--initdb"])
    check_real("rpm", ["rpm", *dbpath, "-i", "--nosignature", "--nodeps", "--ignorearch",
                       system.root + "/noarch/busy-1-1.noarch.rpm"], system.root, system)


check_locks()
if shutil.which("dpkg-deb") and os.getuid() == 0:
    check_dpkg()
else:
    print("a real dpkg is left out: it is not installed, or this is not root")
if shutil.which("rpmbuild") and os.getuid() == 0:
    check_rpm()
else:
    print("a real rpm is left out: it is not installed, or this is not root")
