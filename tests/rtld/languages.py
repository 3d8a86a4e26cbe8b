#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: languages whose run times live by dlopen.  Scripts that load what each has of extension modules, foreign functions,
threads and children end and print with a store, and prelinked, as they did untouched.

NAME... on the command line: only those languages; SHOW=1: what each script ended with and printed untouched."""
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import rooted
import whole_root
from harness import expect, need, skip, write
from language_scripts import LANGUAGES

if not os.environ.get("LONG"):
    skip("LONG=1 runs scripts of seventeen languages")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("chroot", "unshare")
NOT_OURS = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{12}\b|\b\d+\.\d+ ?m?s\b|/tmp/\S+")  # addresses, times, temporary files
IN_DIRECTORY = ["/bin/sh", "-c", 'cd /t && export J=/t/jdk/java HOME=/t && exec "$@"', "sh"]


def start(root, language, script, environment):
    return rooted.start_alone(root, [*IN_DIRECTORY, *language.start, script], 300, **environment)


def outcomes(root, language, environment):
    def one(script):
        done = start(root, language, script, environment)
        return done.returncode, *(NOT_OURS.sub("N", text) for text in (done.stdout, done.stderr))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, language.scripts))


def full(root, language, environment):
    """Libraries that took the fast path in a run of the first script."""
    done = start(root, language, language.scripts[0], dict(environment, PRELINK_RTLD="verbose"))
    return sum(level == "full" for _, level, _ in rooted.levels_of(done))


def prepare(language):
    root = whole_root.root_of(*language.packages)
    os.makedirs(root + "/t")
    for name, text in language.files.items():
        write(f"{root}/t/{name}", text)
    built = rooted.start_alone(root, [*IN_DIRECTORY, "sh", "-e", "-c", language.build], 600)
    expect(built.returncode == 0, f"what {language.packages} are to run is not built: {built.stdout}{built.stderr}")
    whole_root.add_notes(root)
    # What a script starts of its own, and what that loads.
    write(root + "/etc/prelink.conf", whole_root.CONFIGURATION + "-l /t\n")
    os.makedirs(root + whole_root.manifests(own=True), exist_ok=True)
    write(root + whole_root.manifests(own=True) + "/own.yaml", "manifest: 1\napplication: own\nhosts:\n" + "".join(
        f"  - path: /t/{name}\n" for name in ("host", "main", "native")) + "plugins:\n  - feature: a\n    path: /t/*.so\n")
    return root


wrong = []
print(f"{'':<10} scripts  end by themselves untouched  the same with a store  prelinked  libraries on the fast path")
for name, language in whole_root.installable(LANGUAGES, sys.argv[1:]):
    root = prepare(language)
    before, same, fast = None, [], []
    for way, environment, _ in rooted.ways(root):
        seen = outcomes(root, language, environment)
        before = before or seen
        same.append(sum(one == other for one, other in zip(before, seen)))
        if way != "untouched":
            fast.append(full(root, language, environment))
        for script, one, other in zip(language.scripts, before, seen):
            if os.environ.get("SHOW") and way == "untouched":
                print(f"  {script[:60]}\n    {str(one)[:300]}")
            if one != other:
                wrong.append(f"{name}, {way}: {script}\n  untouched {str(one)[:600]}\n  now       {str(other)[:600]}")
    print(f"{name:<10} {len(before):>7}  {sum(one[0] < 124 for one in before):>27}  {same[1]:>21}  {same[2]:>9}  {' and '.join(map(str, fast))}", flush=True)
expect(not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong))
