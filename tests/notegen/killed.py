#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at any moment: each file is its old or its new self, and the next run finishes the work."""
import os
import random
import shutil
import subprocess
import time

import notes
from harness import compile_c, expect, expect_equal, read, scratch, tool
from named_files import NAMED_FILES

FILES = 60


def fill(tree, original):
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree + "/d")
    for number in range(FILES):
        shutil.copy2(original, f"{tree}/{number}")
    os.link(f"{tree}/0", f"{tree}/d/linked")


def contents(tree):
    """Name -> bytes of every file but temporaries, and the names of these."""
    found, temporaries = {}, []
    for base, _, names in os.walk(tree):
        for name in names:
            if name.startswith(".") and ".prelink-" in name:
                temporaries.append(name)
            else:
                found[os.path.join(base, name)] = read(os.path.join(base, name))
    return found, temporaries


def check_kills(directory, original, described, environment, rounds, what):
    tree = os.path.join(directory, "tree")
    command = [tool("notegen"), "add", "--root", tree, "--manifest", described]
    fill(tree, original)
    started = time.monotonic()
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    duration = time.monotonic() - started
    new = contents(tree)[0]
    old = read(original)
    expect(all(data != old for data in new.values()), f"{what}: not every file got its note")
    half, left = 0, 0
    for _ in range(rounds):
        fill(tree, original)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, duration))
        process.kill()
        process.wait()
        seen, temporaries = contents(tree)
        expect_equal(sorted(seen), sorted(new), f"{what}: files after a kill")
        for path, data in seen.items():
            expect(data in (old, new[path]), f"{what}: {path} is neither old nor new after a kill")
        half += 0 < sum(data == old for data in seen.values()) < len(seen)
        left += len(temporaries)
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        expect_equal(contents(tree)[0], new, f"{what}: the files after the next run")
    print(f"{what}: killed {rounds} times, {half} of them in the middle; {left} temporaries left")
    return left


def main():
    directory = scratch()
    original = compile_c("char room[100000] = { 1 }; int main(void) { return 0; }",
                         os.path.join(directory, "original"))
    described = notes.manifest(os.path.join(directory, "all.yaml"), ["/**/[0-9]*"])
    rounds = 100 if os.environ.get("LONG") else 20
    left = check_kills(directory, original, described, None, rounds, "files without a name")
    expect(left <= rounds, "a kill left more than the file that was about to be renamed")
    shim = compile_c(NAMED_FILES, os.path.join(directory, "shim.so"), "-shared", "-fPIC", "-ldl")
    check_kills(directory, original, described, {**os.environ, "LD_PRELOAD": shim}, rounds, "temporaries")


main()
