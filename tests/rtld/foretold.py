#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""--status foretells the next start: whatever happens to the files of a prelinked program, what it says of the start-up
libraries and of all plugins is what the run-time module then does.  Short form: each thing that can happen, once; LONG=1:
two and three of them together, at random.  Nobody adds a note: the manifest is installed."""
import glob
import json
import os
import random
import shutil

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, read, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small")
module = rooted.install_module(root)
here = root + "/opt/told"
os.makedirs(here)
TABLE = " static int f{0}(void) {{ return {0}; }} int (*table{0}[30000])(void) = {{ [0 ... 29999] = f{0} }};"
HOST = ('#include <dlfcn.h>\n#include <stdio.h>\nint start(void);\nint main(int n, char **v) { for (int i = 1; i < n; i++) '
        'if (!dlopen(v[i], RTLD_NOW)) puts(dlerror()); return start() & 0; }\n')


def library(name, source, *flags):
    compile_c(source, f"{here}/{name}", "-x", "none", "-O1", f"-L{here}", "-Wl,-rpath,/opt/told", "-shared", "-fPIC",
              f"-Wl,-soname,{name}", *flags)


library("libs.so", "int start(void) { return 1; }" + TABLE.format(1))
library("libdep.so", "int dep(void) { return 2; }" + TABLE.format(2))
for i in range(4):
    source = f"int dep(void); int plug{i}(void) {{ return dep(); }}" if i % 2 else f"int plug{i}(void) {{ return 0; }}"
    library(f"plug{i}.so", source + TABLE.format(10 + i), *([f"{here}/libdep.so"] if i % 2 else []))
library("plug4.so", "int plug4(void) { return 4; }", "-nostdlib")
library("other.so", "int other(void) { return 7; }" + TABLE.format(7))
compile_c(HOST, f"{here}/host", "-x", "none", "-O1", f"-L{here}", "-Wl,-rpath,/opt/told", f"{here}/libs.so", "-Wl,-z,now")
os.makedirs(root + whole_root.manifests(own=True))
MANIFEST = f"{root}{whole_root.manifests(own=True)}/host.yaml"
write(MANIFEST, "manifest: 1\napplication: host\nhosts:\n  - path: /opt/told/host\nplugins:\n  - feature: plugins\n"
      "    path: /opt/told/plug*.so\n")
prelink("--root", root, "-a")
kept = root + ".kept"
shutil.copytree(here, kept, symlinks=True, copy_function=shutil.copy2)
shutil.copy2(module, kept + "/module")


def restore():
    """The very files: they are known by their times and inodes to nobody but the cache."""
    for name in os.listdir(here):
        if not os.path.exists(f"{kept}/{name}") or os.path.islink(f"{here}/{name}"):
            os.unlink(f"{here}/{name}")
    for name in set(os.listdir(kept)) - {"module"}:
        if not os.path.exists(f"{here}/{name}") or read(f"{here}/{name}") != read(f"{kept}/{name}"):
            put(name, f"{kept}/{name}")
        shutil.copymode(f"{kept}/{name}", f"{here}/{name}")
    if not os.path.exists(module) or read(module) != read(kept + "/module"):
        shutil.copy2(kept + "/module", module)


def put(name, source):
    shutil.copy2(source, f"{here}/{name}.new")
    os.rename(f"{here}/{name}.new", f"{here}/{name}")


def damage(name, content):
    """Another file in the place of NAME: what is written in place may be mapped somewhere."""
    write(f"{here}/{name}.new", content)
    os.rename(f"{here}/{name}.new", f"{here}/{name}")


def undo(name):
    """Refused, and in words, for what the other thing has made of it."""
    done = prelink("--root", root, "-u", f"/opt/told/{name}", status=None)
    expect(done.returncode == 0 or f"/{name}: " in done.stderr, f"-u {name}: exit status {done.returncode}: {done.stderr}")


THINGS = {"nothing": lambda: None}
for victim in ("plug0.so", "plug1.so", "libdep.so"):
    THINGS |= {
        f"{victim} is empty": lambda v=victim: damage(v, b""),
        f"{victim} is text": lambda v=victim: damage(v, b"INPUT(libc.so.6)\n"),
        f"{victim} is cut off": lambda v=victim: damage(v, read(f"{kept}/{v}")[:700]),
        f"{victim} is another library": lambda v=victim: put(v, f"{kept}/other.so"),
        f"{victim} is a copy of a plugin": lambda v=victim: put(v, f"{kept}/plug3.so"),
        f"{victim} is a copy of itself": lambda v=victim: put(v, f"{kept}/{v}"),
        f"{victim} is undone": lambda v=victim: undo(v),
    }
THINGS |= {
    "a plugin is gone": lambda: os.unlink(f"{here}/plug2.so"),
    "a copy of a plugin beside it": lambda: put("plug9.so", f"{kept}/plug0.so"),
    "a copy of a plugin without slot": lambda: put("plug8.so", f"{kept}/plug4.so"),
    "a copy of a start-up library": lambda: put("plug7.so", f"{kept}/libs.so"),
    "a new plugin": lambda: put("plug6.so", f"{kept}/other.so"),
    "another name of a plugin": lambda: os.symlink("plug0.so", f"{here}/plug5.so"),
    "another link of a plugin": lambda: os.link(f"{here}/plug1.so", f"{here}/plug5.so"),
    "a start-up library is another": lambda: library("libs.so", "int start(void) { return 9; }" + TABLE.format(1)),
    "a start-up library is undone": lambda: undo("libs.so"),
    "the program is undone": lambda: undo("host"),
    "the module is gone": lambda: os.unlink(module),
    "the module is empty": lambda: write(module, ""),
    "the module is another library": lambda: shutil.copy(f"{kept}/other.so", module),
}


def foretold():
    done = prelink("--root", root, "--status", "--json", "/opt/told/host", status=None)
    row = json.loads(done.stdout)[0]
    expect_equal(done.returncode, int(row["state"] != "fast"), f"exit status of --status for {row}")
    return row


def seen():
    """What the module does at a start in which every plugin is loaded, in order of their names."""
    plugins = sorted(glob.glob(f"{here}/plug*.so"))
    done = rooted.start(root, ["/opt/told/host", *("/opt/told/" + os.path.basename(p) for p in plugins)],
                        PRELINK_RTLD="verbose")
    levels = {os.path.basename(path): level for path, level, _ in rooted.levels_of(done)}
    if levels.get("libs.so") != "full":
        return "slow", done
    first = {}
    for plugin in plugins:
        state = os.stat(plugin)
        first.setdefault((state.st_dev, state.st_ino), os.path.basename(plugin))
    names = {os.path.basename(p) for p in plugins}
    full = all(any(levels.get(name) == "full" for name in names if os.stat(f"{here}/{name}").st_ino == inode)
               for _, inode in first) and all(level == "full" for name, level in levels.items())
    return "fast" if full else "partly", done


states = {}
rng = random.Random(1)
rounds = [[thing] for thing in THINGS]
if os.environ.get("LONG"):
    rounds += [rng.sample(sorted(THINGS), rng.choice([2, 3])) for _ in range(300)]
for things in rounds:
    what = ", ".join(things)
    try:
        for thing in things:
            THINGS[thing]()
    except OSError:  # the other thing has taken its file away, or its name
        restore()
        continue
    row, (state, done) = foretold(), seen()
    said = "slow" if row["state"] == "no plan" else row["state"]
    expect_equal(said, state, f"{what}: --status says {row}, and the module\n{done.stdout}{done.stderr}")
    if row["file"] and row["file"].startswith("/opt/told/plug") and row["reason"].startswith("was not there"):
        expect_equal(row["manifest"], MANIFEST, f"{what}: the manifest that names it")
    states[state] = states.get(state, 0) + 1
    restore()
expect_equal(foretold()["state"], "fast", "everything put back")
expect(len(states) == 3, f"states seen: {states}")
print(f"foretold: {states}")
