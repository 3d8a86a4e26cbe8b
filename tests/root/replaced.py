#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for dpkg replaces files, gives them hard links and removes them all the time, while prelink -a, prelink -ua,
notegen add and notegen remove run: no version that was installed is lost, nothing that was removed comes back, no hard
links are torn apart, nothing is left beside them, and at the end each file is taken back to what was installed.  50
rounds, each a run of a tool, 2,400 with LONG=1; SEED=N repeats the stand-in's choices."""
import json
import os
import random
import shutil
import subprocess
import time

from harness import compile_c, expect, prelink, read, run, scratch, tool, write
from whole_root import temporaries

ROUNDS = 2400 if os.environ.get("LONG") else 50
SEED = int(os.environ.get("SEED", time.time_ns() % 1000000))
LIBRARIES, VERSIONS = 8, 4
chance = random.Random(SEED)
# Time passes before and after each exchange, and every fifth fails, SHIM=both; SHIM=slow: the first only.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int renameat2(int a, const char *b, int c, const char *d, unsigned flags)
{
	static __thread unsigned count;
	int (*real)(int, const char *, int, const char *, unsigned) = dlsym(RTLD_NEXT, "renameat2");
	if (!(flags & RENAME_EXCHANGE))
		return real(a, b, c, d, flags);
	if (++count % 5 == 2 && !strcmp(getenv("SHIM"), "both")) {
		errno = EIO;
		return -1;
	}
	usleep(random() % 2000);
	int result = real(a, b, c, d, flags), saved = errno;
	usleep(random() % 2000);
	errno = saved;
	return result;
}
"""


class Package:
    """One library as a package has it; odd ones have a hard link in another directory."""

    def __init__(self, root, store, number):
        self.store, self.number, self.version, self.extra = store, number, None, None
        self.names = [f"{root}/usr/lib/lib{number}.so"]
        if number % 2:
            self.names.append(f"{root}/usr/lib/links/lib{number}.so")

    def original(self, version):
        return f"{self.store}/{self.number}.{version}"

    def unpack(self, version, abort=False):
        """As dpkg does: the new names beside their own, the old ones kept aside, the new ones over them; all taken
        back where that ends badly."""
        new = self.names[0] + ".dpkg-new"
        shutil.copy2(self.original(version), new)
        for name in self.names[1:]:
            os.link(new, name + ".dpkg-new")
        kept = self.version is not None and (abort or chance.random() < 0.5)
        for name in self.names:
            if kept:
                os.link(name, name + ".dpkg-tmp")
            os.rename(name + ".dpkg-new", name)
        for name in self.names if kept else ():
            if abort:
                os.rename(name + ".dpkg-tmp", name)
            else:
                os.unlink(name + ".dpkg-tmp")
        if not (abort and kept):
            self.drop_extra()
            self.version = version

    def remove(self):
        self.drop_extra()
        for name in self.names if self.version is not None else ():
            os.unlink(name)
        self.version = None

    def add_extra(self):
        if self.version is not None and not self.extra:
            os.link(self.names[0], self.names[0] + ".extra")
            self.extra = self.names[0] + ".extra"

    def drop_extra(self):
        if self.extra:
            os.unlink(self.extra)
        self.extra = None

    def act(self, abort):
        dice = chance.random()
        if dice < 0.1:
            self.remove()
        elif dice < 0.2:
            self.add_extra()
        elif dice < 0.25:
            self.drop_extra()
        else:
            self.unpack(chance.randrange(VERSIONS), abort and dice < 0.35)

    def wrong(self):
        """What is not as it was left."""
        names = self.names + ([self.extra] if self.extra else [])
        if self.version is None:
            return [f"resurrected: {name}" for name in names if os.path.lexists(name)]
        mark = f"library {self.number} version {self.version}.".encode()
        found = [f"lost: {name}, version {self.version}" for name in names
                 if not os.path.exists(name) or mark not in read(name)]
        if not found and len({os.stat(name).st_ino for name in names}) > 1:
            found.append(f"torn apart: {names}")
        return found


def build(store):
    for number in range(LIBRARIES):
        path = compile_c(f'int zero; int *where = &zero; const char mark[] = "library {number} version 0.";',
                         f"{store}/{number}.0", "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,lib{number}.so")
        for version in range(1, VERSIONS):
            write(f"{store}/{number}.{version}", read(path).replace(b" version 0.", b" version %d." % version))


def commands(root, described):
    listed = [f"{root}/usr/lib/lib{number}.so" for number in range(LIBRARIES)]
    return [[tool("prelink"), "--root", root, "-a"], [tool("prelink"), "--root", root, "-a", "-R", "-f"],
            [tool("prelink"), "--root", root, "-ua"],
            [tool("notegen"), "add", "-v", "--root", root, "--manifest", described],
            [tool("notegen"), "remove", *listed]]


def main():
    where = os.path.realpath(scratch())
    root, store = where + "/root", where + "/store"
    os.makedirs(root + "/usr/lib/links")
    os.makedirs(root + "/etc")
    os.mkdir(store)
    write(root + "/etc/prelink.conf", "/usr/lib\n")
    described = where + "/replaced.yaml"
    write(described, json.dumps({"manifest": 1, "application": "replaced", "hosts": [{"path": "/usr/lib/**/*.so"}],
                                 "plugins": [{"feature": "input", "path": "/usr/lib/plugins/*.so"}]}))
    build(store)
    shim = compile_c(SHIM, where + "/shim.so", "-shared", "-fPIC", "-ldl")
    packages = [Package(root, store, number) for number in range(LIBRARIES)]
    for package in packages:
        package.unpack(0)
    acts, refused, killed, named = 0, 0, 0, 0
    for number in range(ROUNDS):
        command = chance.choice(commands(root, described))
        slow = chance.choice([None, "slow", "both"])
        kill = chance.random() < 0.05
        environment = {**os.environ, "LD_PRELOAD": shim, "SHIM": slow} if slow else os.environ
        with open(where + "/said", "w+", encoding="utf-8") as said:
            tool_run = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
            while tool_run.poll() is None:
                chance.choice(packages).act(abort=not slow)
                acts += 1
                time.sleep(chance.choice([0, 0.001, 0.01, 0.03]))
                if kill and chance.random() < 0.3:
                    tool_run.kill()
            said.seek(0)
            text = said.read()
        expect(tool_run.returncode in (0, 1, -9), f"seed {SEED}: {command}: {tool_run.returncode}\n{text}")
        killed += tool_run.returncode == -9
        refused += text.count("by somebody else meanwhile")
        if tool_run.returncode == -9 and temporaries(root):
            # The next run ends what this one left; what had been taken, and was then replaced once more, is named.
            text += prelink("--root", root, "-ua", status=None).stderr
            for path in temporaries(root):
                expect(f"{path}: left by a run that was killed" in text, f"seed {SEED}: {path} is not named:\n{text}")
                os.unlink(path)
                named += 1
        bad = [line for package in packages for line in package.wrong()]
        bad += [f"left behind: {path}" for path in temporaries(root)]
        expect(not bad, f"seed {SEED}, round {number}, {command[:5]}, {slow}, {tool_run.returncode}: {bad}\n{text}")
    prelink("--root", root, "-ua", status=None)
    for package in packages:
        if package.version is not None:
            run([tool("notegen"), "remove", *package.names])
            expect(read(package.names[0]) == read(package.original(package.version)),
                   f"seed {SEED}: {package.names[0]} is not what was installed")
    print(f"{ROUNDS} rounds, {acts} replacements, links and removals, {refused} of them met in the middle, "
          f"{killed} kills ({named} files left by these, and named): 0 lost, 0 resurrected, 0 torn apart (seed {SEED})")


main()
