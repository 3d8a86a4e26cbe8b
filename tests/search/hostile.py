#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Damaged ELF files, damaged ld.so.cache, links that go round, directories without end: never a crash, and an end
within seconds of processor time.  (Build with --enable-sanitizers to see more.)  LONG=1 tries ten times as much."""
import os
import random
import resource
import signal
import struct
import subprocess

import harness
import oracle
import tiny_elf

SECONDS = 60  # of processor time for any one run; sanitizers take some
LOADER = "/lib64/ld-linux-x86-64.so.2"
factor = 10 if os.environ.get("LONG") else 1
seed = random.SystemRandom().randrange(10 ** 9)
dice = random.Random(seed)
print("seed", seed)


def survive(*arguments):
    """Runs the driver, which may find fault with what it sees, but has to live."""
    done = subprocess.run([oracle.DRIVER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace",
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)))
    if done.returncode not in (0, 1) or "Sanitizer" in done.stderr:
        name = signal.Signals(-done.returncode).name if done.returncode < 0 else done.returncode
        harness.fail(f"{arguments}: ended with {name}\n{done.stderr[-3000:]}")
    for line in done.stderr.splitlines():
        harness.expect(line.startswith("scopes: ") and line.isprintable(), f"not one clean line: {line!r}")
    return done


def damage(data, rounds):
    """DATA with bytes changed, mostly where they matter: headers and dynamic section; or cut short."""
    data = bytearray(data)
    for _ in range(rounds):
        roll = dice.random()
        at = dice.randrange(min(len(data), 1024)) if roll < 0.7 else dice.randrange(len(data))
        if roll < 0.35 and at + 8 <= len(data):
            value = dice.choice([0, 1, 0xffffffff, 0x7fffffff, 2 ** 63, 2 ** 64 - 1, len(data), len(data) - 1, 0x1000])
            struct.pack_into("<Q", data, at, value)
        elif roll < 0.97:
            data[at] = dice.choice([0, 1, 0x7f, 0x80, 0xff, dice.randrange(256)])
        else:
            del data[dice.randrange(len(data)):]
            break
    return bytes(data)


def elf_files():
    root = harness.scratch("hostile-")
    seeds = [tiny_elf.build(needed=["liba.so", (tiny_elf.FILTER, "lib3.so"), "$ORIGIN/lib4.so"], soname="lib5.so",
                            rpath="/lib:$ORIGIN:${LIB}", runpath="/lib", interp=LOADER),
             tiny_elf.build(needed=["lib1.so"], soname="lib2.so", machine="i386")]
    for path in ("/bin/true", os.path.realpath("/lib/x86_64-linux-gnu/libcap.so.2"), "/bin/ls"):
        if os.path.exists(path):
            seeds.append(harness.read(path))
    os.makedirs(root + "/lib")
    os.makedirs(root + "/lib64")
    count = 400 * factor
    for number in range(count):
        data = damage(dice.choice(seeds), dice.choice([1, 1, 2, 3, 10, 50]))
        harness.write(f"{root}/lib/lib{number}.so", data)
    harness.write(root + LOADER, damage(harness.read(os.path.realpath(LOADER)), 3))
    done = survive("--root", root, "--with-plugins", "--libraries", "/lib", "/lib64")
    print(f"{count} damaged ELF files: {done.stdout.splitlines()[-1]}, {len(done.stderr.splitlines())} messages")


def caches():
    root = harness.scratch("hostile-")
    tiny_elf.write(root, "/bin/program", needed=["libc.so.6", "libm.so.6", "libz.so.1", "lib9999999999999999.so"],
                   interp=LOADER)
    original = harness.read("/etc/ld.so.cache")
    os.makedirs(root + "/etc")
    count = 40 * factor
    for _ in range(count):
        data = damage(original, dice.choice([1, 3, 10, 100]))
        if dice.random() < 0.3:
            data = b"ld.so-1.7.0\0" + struct.pack("<I", dice.choice([0, 1, 5, 2 ** 31, 2 ** 32 - 1])) + data
        harness.write(root + "/etc/ld.so.cache", data)
        survive("--root", root, "/bin/program")
    for name in ("/dev/null", "/dev/zero", "ld.so.cache", "/etc"):
        os.unlink(root + "/etc/ld.so.cache")
        os.symlink(name, root + "/etc/ld.so.cache")
        survive("--root", root, "/bin/program")
    print(f"{count} damaged ld.so.cache")


def trees():
    root = harness.scratch("hostile-")
    os.makedirs(root + "/usr/lib")
    harness.compile_c("", root + "/usr/lib/liba.so", "-shared", "-nostdlib")
    tiny_elf.write(root, "/usr/lib/libb.so", needed=["libfifo.so", "/usr/lib/loop"])
    program = tiny_elf.write(root, "/usr/bin/program", needed=["liba.so", "libb.so"], interp=LOADER)
    manifest = root + "/m.yaml"
    harness.write(manifest, "manifest: 1\napplication: t\nhosts: [path: /usr/lib/liba.so]\nplugins:\n" + "".join(
        f"  - {{feature: f, path: '{pattern}'}}\n"
        for pattern in ("/**", "/**/*/**/*/**/*.so")))
    harness.notegen("add", "--manifest", manifest, "--root", root)
    os.makedirs(root + "/usr/lib/deep")
    for target, name in ((".", "self"), ("..", "up"), ("/", "top"), ("loop", "loop"), ("/usr/lib/two", "one"),
                         ("/usr/lib/one", "two"), ("/nothing", "dangling"), ("../../../../../..", "out")):
        os.symlink(target, f"{root}/usr/lib/{name}")
    for number in range(300):
        os.symlink(".", f"{root}/usr/lib/deep/l{number}")
    os.mkfifo(root + "/usr/lib/libfifo.so")
    os.mkfifo(root + "/usr/lib/ld.so.conf")
    harness.write(root + "/usr/lib/new\nline\x1b[31m.so", tiny_elf.build(needed=["x\ny"]))
    harness.write(root + "/usr/lib/bad\nname.so", tiny_elf.build()[:90])
    tiny_elf.write(root, "/usr/lib/long.so", needed=["n" * 5000, "/" + "d/" * 3000, "$ORIGIN" * 500], rpath="/a:" * 3000)
    directory = os.open(root + "/usr/lib", os.O_RDONLY)
    for _ in range(500):  # deeper than a path can name
        os.mkdir("d" * 20, dir_fd=directory)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
    os.close(directory)
    files = 2000 * factor
    for number in range(files):
        os.close(os.open(f"{root}/usr/lib/deep/f{number}.so", os.O_CREAT | os.O_WRONLY))
    survive("--root", root, "--dereference", "/usr")
    # A note that asks for more than can be walked: it is said, and the walk ends.
    done = survive("--root", root, "--with-plugins", program)
    harness.expect("names that are looked at" in done.stderr, f"the bound on patterns was not met: {done.stderr}")
    print(f"links that go round, a directory of {files} files, one of depth 500")


elf_files()
caches()
trees()
