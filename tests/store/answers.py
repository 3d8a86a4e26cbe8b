#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs answer under prelink-run what they answer without it: when they are learnt, and when their plans are used.
Those of a scratch root, with --version; every one of them, and of more packages, with LONG=1."""
import atexit
import os
import re
import subprocess
import sys

import kit
import rooted
import whole_root
from harness import expect, fail, need, prelink, read, run, skip
from prelink_run_tool import build

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot", "unshare")
if "UNSHARED" not in os.environ:  # for a /proc of the root's own, which goes with us
    os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], {**os.environ, "UNSHARED": "1"})
LONG = bool(os.environ.get("LONG"))
SETS = ["python", "perl", *(["xine", "tools", "kate", "python3-scipy", "python3-pyqt5", "libgtk3-perl"] if LONG else [])]
root = whole_root.root_of(*SETS)
build(root + "/usr/bin/prelink-run", module=rooted.module_path(), prelink="/nonexistent")
os.makedirs(root + "/proc", exist_ok=True)
run(["mount", "--bind", "/proc", root + "/proc"])
atexit.register(subprocess.run, ["umount", root + "/proc"])
ENVIRONMENT = {"XDG_CACHE_HOME": "/tmp/cache"}
USES = {"python3": ["-c", "import numpy, lxml.etree, ssl, sqlite3; print(numpy.ones(3).sum())"],
        "perl": ["-e", "use XML::LibXML; use DBD::SQLite; use POSIX; print XML::LibXML->new ? 1 : 0"],
        "xine-list-1.2": ["-p"]}


def programs():
    for directory in ("usr/bin", "usr/sbin"):
        for name in sorted(os.listdir(os.path.join(root, directory))):
            path = os.path.join(root, directory, name)
            if name not in whole_root.LEFT_OUT and os.path.isfile(path) and not os.path.islink(path) and \
                    not os.stat(path).st_mode & 0o6000 and read(path)[:4] == b"\177ELF" and kit.is_dynamic(path):
                yield "/" + directory + "/" + name


def answer(command, **environment):
    """What COMMAND says, but for its own number and the time; None where it does not end."""
    try:
        done = rooted.start(root, command, timeout=20, **ENVIRONMENT, **environment)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode, done.stdout, rooted.messages_of(done), done


commands = [[path, "--version"] for path in programs()]
if not LONG:
    commands = commands[::12]
commands += [[name, *arguments] for name, arguments in USES.items() if os.path.exists(f"{root}/usr/bin/{name}")]
plain, unsteady = {}, []
for i, command in enumerate(commands):
    seen, again = answer(command), answer(command)
    if seen is None or again is None or seen[:3] != again[:3]:
        unsteady.append(command[0])
    else:
        plain[i] = seen[:3]


def compare(what, **environment):
    levels, different = {}, []
    for i, wanted in plain.items():
        seen = answer(["/usr/bin/prelink-run", *commands[i]], **environment)
        if seen is None or seen[:3] != wanted:
            different.append(f"{commands[i]} {what}:\n  plain {wanted}\n  seen  {seen and seen[:3]}")
        for _, level, _ in rooted.levels_of(seen[3]) if seen else ():
            levels[level] = levels.get(level, 0) + 1
    if different:
        fail(f"{len(different)} differ:\n" + "\n".join(different[:5]))
    return levels


compare("when it is learnt")
store = root + "/tmp/cache/prelink/store"
expect(not os.path.exists(store), "there is a store before anything was learnt")
prelink("--root", root, "--learn", "/tmp/cache/prelink")
compare("when it is known")
levels = compare("when it is known, and told", PRELINK_RTLD="verbose")
answering = sum(1 for status, out, _ in plain.values() if status == 0 and out)
learnt = len(re.findall("^P ", read(root + "/tmp/cache/prelink/learned").decode(), re.M))
print(f"{len(plain)} programs say the same under prelink-run, {answering} of them an answer; {learnt} learnt, "
      f"{os.path.getsize(store)} bytes; levels {levels}; not steady by themselves: {unsteady}")
expect(levels.get("full", 0) > 10 * levels.get("none", 0), f"hardly anything took the fast path: {levels}")
expect(not LONG or answering >= 200, "fewer than 200 programs answered")
