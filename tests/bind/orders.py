#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is decided about plugins ahead of time holds in whatever order they are loaded, and however: random rows of
dlopens (RTLD_LOCAL, RTLD_GLOBAL, RTLD_DEEPBIND) of any object that xine, kate, python3 and perl can have in a
process.  Played with our own lookups, which programs.py and plugins.py compare with ld.so's."""
import glob
import os
import re

from harness import BUILD, elf_files, expect, fail, run

PLUGINS = {
    "/usr/bin/xine": ["/usr/lib/*/xine/plugins"],
    "/usr/bin/kate": ["/usr/lib/*/qt5/plugins"],
    "/usr/bin/python3": ["/usr/lib/python3*/lib-dynload", "/usr/lib/python3/dist-packages"],
    "/usr/bin/perl": ["/usr/lib/*/perl*", "/usr/lib/*/perl/*/auto"],
}

rounds = 100 if os.environ.get("LONG") else 3
first_seed = os.getpid() & ~1 if rounds > 3 else 2
relocations = 0
for program, patterns in PLUGINS.items():
    program = os.path.realpath(program)
    plugins = elf_files(*(path for pattern in patterns for path in glob.glob(pattern)))
    if not os.path.exists(program) or not plugins:
        print(f"{program}: not installed, nothing played")
        continue
    for seed in (first_seed, first_seed + 1):   # an even one: all have slots; an odd one: some do not
        done = run([os.path.join(BUILD, "tests/bind/orders"), seed, rounds, program, *plugins], status=None)
        print(f"{program}, {len(plugins)} plugins, seed {seed}: {done.stdout.rstrip()}")
        last = re.search(r"(\d+) relocations, (\d+) compared, (\d+) left to ld.so, (\d+) wrong$", done.stdout)
        if done.returncode or not last:
            fail(f"{program}: exit status {done.returncode}: {done.stderr}")
        relocations += int(last.group(2))
        expect(seed % 2 or int(last.group(3)) * 5 < int(last.group(1)),
               f"{program}: more than a fifth is left to ld.so")
expect(relocations > 0, "none of the programs is installed: nothing was compared")
