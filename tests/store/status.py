#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""--status, -p, --report, -y and -q know the store: which way a program goes, which file is to blame, whether the store is
what it would be today, and that nothing is done where nothing has changed."""
import ctypes
import json
import os
import shutil
import time

import kit
import rooted
import whole_root
from harness import compile_c, expect, expect_equal, prelink, read, scratch, write

# A tree with two programs, a library and what glibc has.
root = scratch()
STORE = whole_root.store()
for path in (kit.LOADER, kit.LIBC):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    shutil.copy(path, root + path)
os.makedirs(root + "/usr/bin")
os.makedirs(root + "/etc")
shutil.rmtree(os.path.dirname(rooted.install_module(root)) + "/none", ignore_errors=True)
os.makedirs(root + "/usr/lib", exist_ok=True)
write(root + "/etc/prelink.conf", "-l /usr/bin\n")
LIBRARY = root + "/usr/lib/libf.so"


def build_library(more=""):
    if os.path.exists(LIBRARY):
        os.unlink(LIBRARY)
    compile_c("".join(f"int f{i}(void) {{ return {i}; }}\n" for i in range(2000)) + more, LIBRARY, "-shared", "-fPIC",
              "-Wl,-soname,libf.so")


build_library()
compile_c("".join(f"extern int f{i}(void);\n" for i in range(2000)) + "int (*all[])(void) = {" +
          ",".join(f"f{i}" for i in range(2000)) + "};\n", root + "/usr/lib/libg.so", "-x", "none", "-shared", "-fPIC", "-Wl,-soname,libg.so", LIBRARY,
          "-Wl,-rpath,/usr/lib")
for name in ("one", "two"):
    compile_c("extern int (*all[])(void); int main(void) { return all[1]() - %d; }" % ord(name[0]), f"{root}/usr/bin/{name}",
              "-x", "none", root + "/usr/lib/libg.so", LIBRARY, "-Wl,-rpath,/usr/lib")
compile_c("int main(void) { return 0; }", root + "/usr/bin/still", "-static")


def status(*arguments, want):
    done = prelink("--root", root, "--status", "--json", *arguments, status=want)
    return {os.path.basename(row["program"]): (row["way"], row["state"], row["file"]) for row in json.loads(done.stdout)}


def store(*arguments, want=0):
    return prelink("--root", root, "--store", *arguments, status=want)


ONE, TWO = root + "/usr/bin/one", root + "/usr/bin/two"
expect_equal(status(ONE, want=1)["one"][:2], ("neither", "no plan"), "before there is a store")
store(ONE)
expect_equal(status(ONE, TWO, want=1), {"one": ("store", "fast", None), "two": ("neither", "no plan", None)}, "one of two")
expect_equal(prelink("--root", root, "--status", ONE).stdout,
             "/usr/bin/one: fast (by the store): 4 libraries at start, 0 of 0 plugins\n", "--status as text")
store(ONE, TWO)
expect_equal(status(ONE, TWO, want=0)["two"][:2], ("store", "fast"), "both programs")

# The system's LD_AUDIT names a module that is empty, or none.
MODULE = root + rooted.module_path()
os.rename(MODULE, MODULE + ".kept")
expect_equal(status(ONE, want=1)["one"], ("store", "slow", None), "without the module")
write(MODULE, "")
expect_equal(status(ONE, want=1)["one"][:2], ("store", "slow"), "with an empty module")
os.rename(MODULE + ".kept", MODULE)

# What is said of a program without a plan has no control characters of somebody's file name.
ODD = "/usr/lib/odd\x1b[31m.so"
compile_c("int odd(void) { return 1; }", root + ODD, "-shared", "-fPIC", "-Wl,-f,libf.so",
          "-Wl,-soname," + os.path.basename(ODD))
compile_c("int odd(void); int main(void) { return odd(); }", root + "/odd", "-x", "none", root + ODD, "-Wl,-rpath,/usr/lib")
said = prelink("--root", root, "--store=/odd.store", "-v", root + "/odd").stdout
expect("/odd: no plan: /usr/lib/odd" in said and "it is a filter" in said and "\x1b" not in said, f"-v: {said!r}")

# What it would be today.
store("-y", ONE, TWO)
whole = read(root + STORE)
for at in (100, len(whole) // 2, len(whole) - 1):
    write(root + STORE, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    expect("it differs" in store("-y", ONE, TWO, want=1).stderr, f"-y with byte {at} changed")
# Every byte of it counts, also those of plans of other programs, and whether or not the program's own plan is whole.
flips = range(len(whole)) if os.environ.get("LONG") else [*range(0, 40, 3), *range(40, len(whole), len(whole) // 12)]
states = {}
for at in flips:
    write(root + STORE, whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:])
    done = prelink("--root", root, "--status", ONE, status=1)
    expect(f"{root}{STORE}: the store is damaged" in done.stderr or "the store counts as none: it is damaged" in done.stderr or
           "not sped up" in done.stdout, f"--status with byte {at} changed: {done.stdout}{done.stderr}")
    states[done.stdout.split()[1]] = states.get(done.stdout.split()[1], 0) + 1
print(f"{len(flips)} bytes of a store were flipped; {ONE} was then {states}")
expect(states.get("fast") and states.get("slow:", 0) + states.get("not", 0), "flips that matter, and flips that do not")
write(root + STORE, whole)
store("-y", ONE, TWO)
store("-y", ONE, want=1)

# A library that is another now is to blame; the store made again is right, and the same as from nothing.
build_library("int more(void) { return 7; }\n")
expect_equal(status(ONE, want=1)["one"], ("store", "slow", "/usr/lib/libf.so"), "a stale library")
store("-y", ONE, TWO, want=1)
store(ONE, TWO)
expect_equal(status(ONE, want=0)["one"][:2], ("store", "fast"), "made again")
whole = read(root + STORE)
write(root + STORE, whole[:4] + b"\0\0" + whole[6:])
expect_equal(status(ONE, want=1)["one"][:2], ("neither", "no plan"), "a store of another machine")
write(root + STORE, whole)
os.chmod(root + STORE, 0o666)
done = prelink("--root", root, "--status", ONE, status=1)
expect("others can write it" in done.stderr and "not sped up" in done.stdout, f"a store that others can write: {done}")
store(ONE, TWO)
expect_equal(os.stat(root + STORE).st_mode & 0o777, 0o644, "the mode of a store that has the right bytes, made again")
expect_equal(status(ONE, want=0)["one"][:2], ("store", "fast"), "made again where others could write it")

# -p, with and without a cache; the report; the way of a program that was rewritten, too.
expect("the plans of 2 programs" in prelink("--root", root, "-p").stdout, "-p without a cache")
for what, data in ("cut short", whole[:-8]), ("of another length", whole + bytes(8)):  # one that counts for nothing is none
    write(root + STORE, data)
    expect_equal(status(ONE, want=1)["one"][:2], ("neither", "no plan"), f"a store that is {what}")
    expect("the store counts as none" in prelink("--root", root, "-p", status=1).stderr, f"-p, with a store that is {what}")
write(root + STORE, whole)
facts = json.loads(prelink("--root", root, "-p", "--json").stdout)["store"]
expect_equal((facts["path"], facts["programs"], facts["plans"], facts["bytes"]), (STORE, 2, 2, len(read(root + STORE))), "-p")
store("-a", "-q")
prelink("--root", root, "--with-plugins", ONE)
expect_equal(status(ONE, want=0)["one"][:2], ("slots", "fast"), "rewritten, and so not the store's any more")
expect_equal(status(TWO, want=1)["two"], ("store", "slow", "/usr/lib/libg.so"), "its library was rewritten")
prelink("--root", root, "--report", root + "/report.html")
expect('"way":"slots"' in read(root + "/report.html").decode(), "no word of the way in the report")
prelink("--root", root, "-u", ONE, root + "/usr/lib")

# Plugins are part of what it would be today, and of what was made.
compile_c("extern int f0(void); int plugin(void) { return f0(); }", root + "/usr/lib/plugin.so", "-x", "none", "-shared", "-fPIC",
          LIBRARY, "-Wl,-rpath,/usr/lib")
os.makedirs(root + whole_root.manifests())
MANIFEST = root + whole_root.manifests() + "/one.yaml"
write(MANIFEST, "manifest: 1\napplication: one\nhosts:\n  - path: /usr/bin/one\nplugins:\n  - feature: f\n"
      "    path: /usr/lib/plugin.so\n")
store("-a")
store("-y", "-a")
store("--without-plugins", "-y", "-a", want=1)
store("--without-plugins", "-a")
store("--without-plugins", "-y", "-a")

# -q: nothing is done where nothing has changed, and everything else is noticed.
store("-a", "-q")


def stamp():
    found = os.stat(root + STORE)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


first = stamp()


def opened(directory, run_it):
    """How often something in DIRECTORY was opened meanwhile, inotify(7) says."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    expect(libc.inotify_add_watch(watch, directory.encode(), 0x20) >= 0, f"inotify: {os.strerror(ctypes.get_errno())}")
    run_it()
    try:
        return len(os.read(watch, 1 << 16))
    except BlockingIOError:
        return 0
    finally:
        os.close(watch)


def is_quick():
    return "nothing has changed" in store("-a", "-q", "-v").stdout


expect(is_quick(), "-q does it again")
expect_equal(opened(os.path.dirname(MANIFEST), is_quick), 0, "what -q opened of the manifests")
expect(opened(os.path.dirname(MANIFEST), lambda: store("-a")) > 0, "what a whole run opens of them is not seen")
store("-a")
expect_equal(stamp(), first, "a store that has the right bytes is written again")
for what, change in (("a library", lambda: build_library()),
                     ("a new program", lambda: shutil.copy(ONE, root + "/usr/bin/three")),
                     ("a program less", lambda: os.unlink(root + "/usr/bin/three")),
                     ("the store is gone", lambda: os.unlink(root + STORE)),
                     ("a manifest less", lambda: os.unlink(MANIFEST)),
                     ("prelink.conf", lambda: write(root + "/etc/prelink.conf", "-l /usr/bin\n-b /usr/bin/two\n"))):
    change()
    expect(not is_quick(), f"-q did not notice: {what}")
    expect(is_quick(), f"-q does it again after: {what}")

# A user's own store is of what was seen, beside libraries at their slots, too (the libc is): what manifests name and nobody
# loaded is no fault of it.
OWN = ["--status", "--store=/own/store", root + "/usr/bin/own"]
os.mkdir(root + "/own")
compile_c("extern int (*all[])(void); int main(void) { return all[1](); }", root + "/usr/bin/own", "-x", "none",
          root + "/usr/lib/libg.so", LIBRARY, "-Wl,-rpath,/usr/lib")
for name in ("seen", "unseen"):
    compile_c("extern int (*all[])(void); int plugin(void) { return all[2](); }", f"{root}/usr/lib/{name}.so", "-shared", "-fPIC")
write(MANIFEST, "manifest: 1\napplication: own\nhosts:\n  - path: /usr/bin/own\nplugins:\n  - feature: f\n    path: /usr/lib/*seen.so\n")
write(root + "/own/seen", "P /usr/bin/own\nO /usr/lib/seen.so\n")
prelink("--root", root, "--learn", "/own")
expect_equal(prelink("--root", root, *OWN).stdout,
             "/usr/bin/own: fast (by the store): 4 libraries at start, 1 of 1 plugins\n", "a store of what was seen")
compile_c("int plugin(void) { return 7; }", root + "/usr/lib/seen.so", "-shared", "-fPIC")
expect("seen.so" in prelink("--root", root, *OWN, status=1).stdout, "a plugin that was seen is another one now")
times = []
for _ in range(3):
    began = time.monotonic()
    store("-a", "-q")
    times.append(time.monotonic() - began)
print(f"-q with nothing changed: {min(times) * 1000:.0f} ms")
