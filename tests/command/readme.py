#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command of README is typed: those of prelink and notegen in a scratch root, in README's order, where each is
understood and works; what only looks changes no file.  All others are listed here with who types them."""
import hashlib
import os
import re

import graph
import whole_root
from harness import SOURCE, expect, expect_equal, read, run, scratch, tool, write

# The first words of what is not typed here, and why.
ELSEWHERE = {
    "./tests/demo": "prelinks a root of its own; for people to look at", "./tests/run": "this is one of what it runs",
    "./autogen.sh": "it was, or this would not be running", "./configure": "likewise", "make": "likewise, make distcheck",
    "ebuild-helpers/debian/build": "tests/packaging/debian.py, LONG=1", "apt-get": "likewise",
    "cp": "likewise", "dpkg-buildpackage": "likewise", "greet": "the example's program",
    "/usr/libexec/prelink-plugins/prelink-maintain": "tests/packaging/walk.py, LONG=1",
    "prelink-run": "tests/store/prelink_run.py", "KEEP=1": "how to run tests", "LONG=1": "likewise",
    "tests/bench/prelink": "measures for minutes", "tests/bench/runtime": "likewise",
}
LOOKS = re.compile(r"prelink .*(-n\b|--status|-p\b|-y\b)|notegen (show|check)")

root = graph.Root(scratch())
for directory in (root.path + whole_root.manifests(), root.path + "/tmp"):
    os.makedirs(directory, exist_ok=True)
library = root.library("some")
for name in ("python3.11", "greet", "player"):
    root.program(name, [library])
manifest = f"{root.path}{whole_root.manifests()}/player.yaml"
write(manifest, "manifest: 1\napplication: player\nhosts:\n  - path: /usr/bin/player\nplugins:\n  - feature: f\n"
      "    path: /usr/lib/t/*.so\n")
NAMES = {"FILE...": "/usr/bin/player", "FILE": "/usr/bin/player", "PROGRAM": "/usr/bin/player", "HOST": "/usr/bin/player",
         "MANIFEST": manifest, "LIBRARY": library, "ROOT": root.path}


def commands(text):
    """What README shows as a command: lines of its blocks that start with one, and what is between backquotes."""
    for line in text.splitlines():
        block = re.match(r" {4,8}(\S+)", line)
        command = re.split(r" {2,}|\s+#|\s*>", line.strip())[0]
        if block and block[1] in ELSEWHERE or block and block[1] in ("prelink", "notegen") and " " in command:
            yield command
    for quoted in re.findall(r"`((?:prelink|notegen) [^`\n]+)`", text):
        if not quoted.startswith("prelink checking"):  # ld.so says so
            yield quoted


def state():
    return {path: hashlib.sha256(read(path)).hexdigest() for base, _, names in os.walk(root.path)
            for path in (os.path.join(base, name) for name in names)}


typed, others = [], set()
for command in commands(read(SOURCE + "/README").decode()):
    if command.split()[0] not in ("prelink", "notegen"):
        others.add(command.split()[0])
        continue
    words = [NAMES.get(word, word) for word in command.split()]
    if words[0] == "prelink":
        words[1:1] = [] if "--root" in words else ["--root", root.path]
    else:
        words = [root.path + word if word.startswith("/usr") else word for word in words]
    if words[:2] == ["notegen", "check"]:
        words[2:2] = ["--root", root.path]
    before = state()
    done = run([tool(words[0]), *words[1:]], status=None, text=False, errors=None)
    said = done.stderr.decode(errors="replace")
    expect(done.returncode == 0 or (done.returncode == 1 and "--status" in words), f"{command}: exit status "
           f"{done.returncode}: {said}")
    if LOOKS.search(command):
        after = state()
        expect_equal(sorted(path for path in before | after if before.get(path) != after.get(path)), [],
                     f"files that `{command}` changed")
    typed.append(command)
expect(len(typed) > 15, f"only these are README's commands: {typed}")
unused = {name for name in ELSEWHERE if name not in others}
expect(not unused, f"no longer in README: {unused}")
print(f"{len(typed)} commands typed, and {len(others)} that are typed elsewhere: {'; '.join(typed)}")
