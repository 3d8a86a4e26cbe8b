#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both tools, built with AddressSanitizer and UBSan, over real and over damaged ELF files: no report.

With LONG=1 over every ELF file of /usr/bin, /usr/sbin and /usr/lib and 2,000 damaged ones, else over some."""
import os
import random
import re
import shutil

import notes
from harness import SOURCE, elf_files, expect, fail, run, scratch, write

LONG = bool(os.environ.get("LONG"))
REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: ")
INTERESTING = [0, 1, 7, 0x7f, 0xff, 0xff00, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 2**32, 2**63 - 1,
               2**64 - 1]


def build(directory):
    """Configures and builds both tools in DIRECTORY; skips nothing: a failure is one."""
    os.mkdir(directory)
    run([os.path.join(SOURCE, "configure"), "-q", "--enable-sanitizers", "CFLAGS=-g -O0"], cwd=directory)
    run(["make", "-s", "-j2", "notegen/notegen", "prelink-plugins/prelink"], cwd=directory)


class Tools:
    """The two tools of BUILD over TREE."""

    def __init__(self, build, tree):
        self.build, self.tree, self.runs, self.prelinked = build, tree, 0, 0

    def run(self, *command, leaks=True):
        environment = {**os.environ, "ASAN_OPTIONS": f"detect_leaks={int(leaks)}:exitcode=99",
                       "UBSAN_OPTIONS": "print_stacktrace=1"}
        done = run([os.path.join(self.build, command[0]), *command[1:]], status=None, env=environment)
        report = REPORT.search(done.stderr)
        if report or done.returncode not in (0, 1):
            fail(f"{' '.join(command)[:300]}: exit status {done.returncode}\n{done.stderr[report.start() if report else 0:][:4000]}")
        self.runs += 1
        return done

    def everything(self, files):
        described = notes.manifest(self.tree + ".yaml", ["/**/*"])
        for start in range(0, len(files), 500):
            some = files[start:start + 500]
            self.run("notegen/notegen", "add", "--root", self.tree, "--manifest", described, *some)
            self.run("notegen/notegen", "show", "--json", *some)
        prelink = ["prelink-plugins/prelink", "--root", self.tree]
        said = self.run(*prelink, "--with-plugins", "-a", "-v", leaks=False).stdout
        self.prelinked = int(re.search(r"^prelinked (\d+)", said, re.M)[1])
        self.run(*prelink, "-p", leaks=False)
        for path in files[::max(1, len(files) // 50)]:
            self.run(*prelink, "-y", path[len(self.tree):], "--sha256", leaks=False)
        self.run(*prelink, "-ua", leaks=False)
        for start in range(0, len(files), 500):
            self.run("notegen/notegen", "remove", *files[start:start + 500])


def new_tree(tree):
    os.makedirs(tree + "/etc")
    os.makedirs(tree + "/usr/lib")
    os.symlink("usr/lib", tree + "/lib")
    os.makedirs(tree + "/usr/lib64")
    os.symlink("usr/lib64", tree + "/lib64")
    if os.path.exists("/lib64/ld-linux-x86-64.so.2"):
        os.symlink(os.path.realpath("/lib64/ld-linux-x86-64.so.2"), tree + "/lib64/ld-linux-x86-64.so.2")
    write(tree + "/etc/prelink.conf", "-l /usr\n")
    return tree


def copy_real(tree, files):
    copies = []
    for file in files:
        copy = tree + os.path.realpath(file)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(file, copy)
        copies.append(copy)
    return copies


def damage(data, dice):
    """Some bytes of DATA, most of them in its headers and tables, made wrong."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        width, value = dice.choice([1, 2, 4, 8]), dice.choice(INTERESTING)
        at = dice.randrange(len(data) - 8)
        if dice.random() < 0.6:
            at = dice.choice([at % 1024, len(data) - 8 - at % 4096]) % (len(data) - 8)
        if dice.random() < 0.5:
            data[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        else:
            data[at] ^= 1 << dice.randrange(8)
    return bytes(data[:dice.randrange(len(data))] if dice.random() < 0.05 else data)


def write_damaged(tree, seeds, count):
    dice, files = random.Random(1), []
    for number in range(count):
        with open(seeds[number % len(seeds)], "rb") as file:
            files.append(f"{tree}/usr/lib/libdamaged{number}.so")
            write(files[-1], damage(file.read(), dice))
        os.chmod(files[-1], 0o755)
    return files


def main():
    directory = os.path.realpath(scratch())
    build(directory + "/build")
    every = elf_files("/usr/bin", "/usr/sbin", "/usr/lib")
    # What nearly everything needs is among them, so that prelink finds something to do.
    real = every if LONG else [file for number, file in enumerate(every)
                               if re.search(r"/(ld-linux|libc\.so|libm\.so|libstdc|libgcc_s|libz\.so)", file)
                               or number % 80 == 0 and os.path.getsize(file) < 4 << 20]
    tools = Tools(directory + "/build", new_tree(directory + "/real"))
    tools.everything(copy_real(tools.tree, real))
    expect(tools.prelinked > len(real) / 10, f"only {tools.prelinked} of {len(real)} files were prelinked")
    print(f"{len(real)} ELF files, {tools.prelinked} of them prelinked, {tools.runs} runs: no report")
    shutil.rmtree(tools.tree)

    small = [file for file in every if os.path.getsize(file) < 60000]
    seeds = small[::max(1, len(small) // 40)]
    tools = Tools(directory + "/build", new_tree(directory + "/damaged"))
    damaged = write_damaged(tools.tree, seeds, 2000 if LONG else 100)
    for file in damaged[::7]:
        tools.run("notegen/notegen", "show", file)
    tools.everything(damaged)
    print(f"{len(damaged)} damaged files of {len(seeds)} originals, {tools.prelinked} of them "
          f"prelinked, {tools.runs} runs: no report")


main()
