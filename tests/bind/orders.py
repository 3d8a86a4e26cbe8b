#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is decided about plugins ahead of time holds in whatever order they are loaded, and however: random rows of
dlopens (RTLD_LOCAL, RTLD_GLOBAL, RTLD_DEEPBIND) of any object that xine, kate, python3 and perl can have in a
process.  Played with our own lookups, which programs.py and plugins.py compare with ld.so's."""
import glob
import os
import re

from harness import BUILD, elf_files, expect, fail, run, scratch
from elf import to_bend

PLUGINS = {
    "/usr/bin/xine": ["/usr/lib/*/xine/plugins"],
    "/usr/bin/kate": ["/usr/lib/*/qt5/plugins"],
    "/usr/bin/python3": ["/usr/lib/python3*/lib-dynload", "/usr/lib/python3/dist-packages"],
    "/usr/bin/perl": ["/usr/lib/*/perl*", "/usr/lib/*/perl/*/auto"],
}

DT_SYMBOLIC, PROTECTED = 16, 3


def fixture(directory):
    """What real plugins seldom have: DT_SYMBOLIC with references to itself, protected symbols, definitions of one
    name on both sides, a dependency that two plugins share and disagree about."""
    def build(name, source, *flags):
        shared = () if name == "prog" else ("-shared", "-fPIC", f"-Wl,-soname,{name}")
        run(["gcc", "-nostdlib", "-O1", "-fno-builtin", "-Wl,--no-as-needed", f"-L{directory}",
             "-Wl,-rpath,$ORIGIN", "-x", "c", "-", *shared, "-o", f"{directory}/{name}", *flags], input=source)
        return f"{directory}/{name}"
    text = "int f(void) { return 1; } int d = 1; int only{0}(void) {{ return 2; }} extern int f(void); extern int d;" \
           "void *pf(void) {{ return f; }} int *pd(void) {{ return &d; }} void *table{0}[] = {{ f, &d, 0 }};"
    plain = text.replace("{{", "{").replace("}}", "}")
    build("liba.so", plain.replace("{0}", "a"))
    program = build("prog", "extern int f(void), d; int _start(void) { return f() + d; }", "-la")
    build("libshared.so", "extern int m(void) __attribute__((weak)); void *pm(void) { return m; }"
                          "int shared(void) { return 3; }")
    plugins = [build(f"p{name}.so", plain.replace("{0}", name) + f" int m(void) {{ return {i}; }}"
                     "extern int shared(void); int call(void) { return shared() + m(); }", "-lshared")
               for i, name in enumerate(("plain", "symbolic", "protected"))]
    for path, bend in ((plugins[1], lambda elf: elf.tag(DT_SYMBOLIC, 0)),
                       (plugins[2], lambda elf: [elf.symbol(name, other=PROTECTED) for name in "fd"])):
        elf = to_bend(path)
        bend(elf)
        elf.save()
    return program, plugins


def play(program, plugins, seed, rounds):
    """Plays; prints; returns (relocations, compared, left)."""
    done = run([os.path.join(BUILD, "tests/bind/orders"), seed, rounds, program, *plugins], status=None)
    print(f"{program}, {len(plugins)} plugins, seed {seed}: {done.stdout.rstrip()}")
    last = re.search(r"(\d+) relocations, (\d+) compared, (\d+) left to ld.so, (\d+) wrong$", done.stdout)
    if done.returncode or not last:
        fail(f"{program}: exit status {done.returncode}: {done.stderr}")
    return tuple(map(int, last.groups()[:3]))


rounds = 100 if os.environ.get("LONG") else 3
first_seed = os.getpid() & ~1 if rounds > 3 else 2
relocations = 0
for seed in range(first_seed, first_seed + 8):
    play(*fixture(scratch()), seed, 50)
for program, patterns in PLUGINS.items():
    program = os.path.realpath(program)
    plugins = elf_files(*(path for pattern in patterns for path in glob.glob(pattern)))
    if not os.path.exists(program) or not plugins:
        print(f"{program}: not installed, nothing played")
        continue
    for seed in (first_seed, first_seed + 1):   # an even one: all have slots; an odd one: some do not
        bound, compared, left = play(program, plugins, seed, rounds)
        relocations += compared
        expect(seed % 2 or left * 5 < bound, f"{program}: more than a fifth is left to ld.so")
expect(relocations > 0, "none of the programs is installed: nothing was compared")
