#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink --status tells of each reason for which a program leaves the fast path, names the file, and is what the
run-time module then does."""
import hashlib
import json
import os

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, notegen, prelink, read, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small")
module = rooted.install_module(root)
here = root + "/opt/status"
os.makedirs(here)
FLAGS = ["-x", "none", "-O1", f"-L{here}", "-Wl,-rpath,/opt/status"]


def library(name, source, *flags):
    compile_c(source, f"{here}/{name}", *FLAGS, "-shared", "-fPIC", f"-Wl,-soname,{name}", *flags)


TABLE = " static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };"
library("libs.so", "int s = 1; int start(void) { return s; }" + TABLE)
# lld leaves no room for DT_CHECKSUM: the stamp is in DT_NULL.
need("ld.lld")
library("libdep.so", "int dep(void) { return 2; }" + TABLE, "-fuse-ld=lld")
library("plugin.so", "int dep(void); int plugin(void) { return dep(); }", f"{here}/libdep.so")
HOST = ('#include <dlfcn.h>\n#include <stdio.h>\nint start(void);\nint main(void) { void *h = dlopen("/opt/status/plugin.so", '
        'RTLD_NOW); int (*f)(void) = h ? dlsym(h, "plugin") : 0; printf("%d %d\\n", start(), f ? f() : -1); return 0; }\n')
compile_c(HOST, f"{here}/host", *FLAGS, f"{here}/libs.so", "-Wl,-z,now")
write(f"{here}/host.yaml", "manifest: 1\napplication: host\nhosts:\n  - path: /opt/status/host\n"
      "plugins:\n  - feature: plugins\n    path: /opt/status/plugin*.so\n")
notegen("add", "--root", root, "--manifest", f"{here}/host.yaml")


def status(*arguments, code=0):
    done = prelink("--root", root, "--status", *arguments, status=code)
    return done.stdout


def full(name):
    """The level that the module gives NAME now."""
    done = rooted.start(root, ["/opt/status/host"], PRELINK_RTLD="verbose")
    expect_equal(done.returncode, 0, f"exit status of the host:\n{done.stderr}")
    return [level for path, level, _ in rooted.levels_of(done) if path.endswith("/" + name)]


def check(what, line, plugin, start):
    seen = status("/opt/status/host", code=0 if line.startswith("fast") else 1)
    expect_equal(seen, f"/opt/status/host: {line}\n", what)
    expect_equal(full("plugin.so"), plugin, f"{what}: level of plugin.so")
    expect_equal(full("libs.so"), start, f"{what}: level of libs.so")


def prelink_again():
    whole_root.prelink_all(root)


check("never prelinked", "not sped up: it is not prelinked", [], [])
unstamped = read(f"{here}/libdep.so")
prelink_again()
check("prelinked", "fast: 3 libraries at start, 1 of 1 plugins", ["full"], ["full"])
tags = run(["readelf", "-dW", f"{here}/libdep.so"]).stdout
expect("CHECKSUM" not in tags, f"lld has left room: nothing tests a stamp in DT_NULL\n{tags}")
expect_equal((full("libdep.so"), prelink("--root", root, "-y", "--sha", "/opt/status/libdep.so").stdout.split()[0]),
             (["full"], hashlib.sha1(unstamped).hexdigest()), "a library stamped in DT_NULL")
row = json.loads(status("--json", "/opt/status/host"))[0]
expect_equal((row["state"], row["reason"], row["plugins"]), ("fast", None, 1), "--status --json")
os.rename(module, module + ".away")
check("the module gone", "slow: the run-time module is not installed", [], [])
os.rename(module + ".away", module)
library("libdep.so", "int dep(void) { return 20; }" + TABLE)
check("a plugin's dependency replaced", "partly: 3 libraries at start, 0 of 1 plugins: /opt/status/libdep.so was not "
      "there, or was another file, when the plan was made", ["relative only"], ["full"])
prelink_again()
check("prelinked again", "fast: 3 libraries at start, 1 of 1 plugins", ["full"], ["full"])
library("plugin2.so", "int plugin(void) { return 5; }")
check("a plugin added", "partly: 3 libraries at start, 1 of 2 plugins: /opt/status/plugin2.so was not there, or was "
      "another file, when the plan was made", ["full"], ["full"])
prelink_again()
check("prelinked with it", "fast: 3 libraries at start, 2 of 2 plugins", ["full"], ["full"])
library("libs.so", "int s = 10; int start(void) { return s; }" + TABLE)
check("a start-up library replaced", "slow: /opt/status/libs.so is not the file that the plan was made for",
      ["relative only"], ["none"])
prelink_again()
check("prelinked once more", "fast: 3 libraries at start, 2 of 2 plugins", ["full"], ["full"])
library("plugin3.so", "int plugin(void) { return 6; }", "-Wl,--build-id=none")
write(f"{here}/plugin3.so", read(f"{here}/plugin3.so") + b"an appendix")
prelink_again()
check("a plugin without slot and build-id, known by its symbols", "fast: 3 libraries at start, 3 of 3 plugins", ["full"],
      ["full"])
os.unlink(f"{here}/plugin3.so")
library("libs.so", "int s = 10; int start(void) { return s; }" + TABLE, "-Wl,--build-id=none")
write(f"{here}/libs.so", read(f"{here}/libs.so") + b"an appendix")
prelink_again()
check("a library without slot and build-id, known by its symbols", "fast: 3 libraries at start, 2 of 2 plugins",
      ["full"], ["full"])
compile_c(HOST, f"{here}/host", *FLAGS, f"{here}/libs.so", "-Wl,-z,now", "-Wl,--audit=/no/such.so")
notegen("add", "--root", root, "--manifest", f"{here}/host.yaml")
prelink_again()
WHY = "it has an audit module of its own"
check("a program that can have no plan", f"not sped up: {WHY}", [], [])
row = json.loads(status("--json", "/opt/status/host", code=1))[0]
expect_equal((row["state"], row["reason"]), ("no plan", WHY), "--status --json")
listed = json.loads(prelink("--root", root, "-p", "--json").stdout)["objects"]
expect_equal([o["no_plan"] for o in listed if o["path"] == "/opt/status/host"], [row["reason"]], "-p --json")
compile_c(HOST, f"{here}/host", *FLAGS, f"{here}/libs.so", "-Wl,-z,now")
notegen("add", "--root", root, "--manifest", f"{here}/host.yaml")
prelink_again()
check("and without it", "fast: 3 libraries at start, 2 of 2 plugins", ["full"], ["full"])
# What takes 2 MB is mapped nowhere but where a huge page more is free.
library("libs.so", "int s = 10; int start(void) { return s; }" + TABLE)
library("libdep.so", "const char fill[0x1fb800] = { 1 }; int dep(void) { return 1 + fill[0]; }" + TABLE)
prelink_again()
check("a large library", "fast: 3 libraries at start, 2 of 2 plugins", ["full"], ["full"])
slots = {o["path"]: int(o["slot"], 16) for o in json.loads(prelink("--root", root, "-p", "--json").stdout)["objects"] if o["slot"]}
prelink("--root", root, "-r", hex(slots["/opt/status/libs.so"] - 0x300000), "/opt/status/libdep.so")
said = status("/opt/status/host", code=1)
expect("partly" in said and "/opt/status/libdep.so lies where ld.so cannot map it" in said, f"too close to libs.so: {said}")
expect(full("libdep.so") == ["none"], "libdep.so, too close to libs.so, is at its slot")
prelink_again()
check("and where it has room", "fast: 3 libraries at start, 2 of 2 plugins", ["full"], ["full"])
prelink("--root", root, "-u", "/opt/status/host")
check("undone", "not sped up: it is not prelinked", [], [])
whole = status()
expect(": fast" in whole and "/opt/status/host: not sped up" in whole, f"--status of everything:\n{whole[:2000]}")
print(f"{whole.count(chr(10))} programs in the root")
compile_c("int main(void) { return 0; }", f"{here}/small", *FLAGS)
small = "/opt/status/small: not sped up: "
expect_equal(status("/opt/status/small", code=1), small + "it is not prelinked\n", "a program that prelink never saw")
prelink_again()
expect_equal(status("/opt/status/small", code=1), small + "the run-time module would cost more than it saves\n",
             "a program for which a plan does not pay")
