#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""All programs of a root that answer --version or --help answer the same prelinked; prelinking again changes
nothing; undoing gives back every file, bit for bit, with mode, owner, time, attributes and hard links."""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import scratch_root
from harness import elf_files, expect, fail, notegen
from tree import differences
from tree import snapshot as snapshot_of
from whole_root import LOADER_SETS, add_notes, expect_no_temporaries, prelink_all, root_of, undo_all

# Programs that act whatever they are asked, or only on the system as a whole.
LEFT_OUT = {"chroot", "init", "telinit", "reboot", "halt", "poweroff", "shutdown", "runlevel",
            "killall5",  # signals every process it may, whatever it is asked
            "unix_chkpwd", "unix_update"}  # wait ten seconds before they refuse


def snapshot():
    """The root, but for /tmp, where the programs that are asked leave caches of their own, and prelink's cache."""
    found = snapshot_of(root, without=("tmp",))
    found.pop("etc/prelink.cache", None)
    return found


def ask(root, program, option):
    """What the program answers, or None where it does not end by itself."""
    try:
        done = scratch_root.chroot(root, "timeout", "-s", "KILL", "20", program, option, unprivileged=True,
                                   text=False, cwd="/")
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode in (124, 137) else (done.returncode, done.stdout, done.stderr)


def answers(root, programs):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = [(program, option) for program in programs for option in ("--version", "--help")]
        return dict(zip(asked, pool.map(lambda pair: ask(root, *pair), asked)))


root = root_of("tools", *LOADER_SETS)
inside = len(os.path.realpath(root))
programs = [path[inside:] for path in elf_files(os.path.join(root, "usr/bin"), os.path.join(root, "usr/sbin"))
            if os.path.basename(path) not in LEFT_OUT and os.access(path, os.X_OK)]
first, second = answers(root, programs), answers(root, programs)
# Some print a time, a process number or an address: they differ from themselves.
steady = {asked for asked, answer in first.items() if answer and answer == second[asked]}
expect(len(steady) > len(programs), f"only {len(steady)} answers of {len(programs)} programs are steady")

pristine = snapshot()
hosts = re.findall(r"^(\S+): note added$", add_notes(root).stdout, re.MULTILINE)
expect(len(hosts) >= 3, f"only {hosts} got a note")
with_notes = snapshot()
prelink_all(root)
expect_no_temporaries(root)
prelinked = snapshot()
changed = sum(1 for path in with_notes if prelinked[path] != with_notes[path])
expect(changed > len(programs), f"prelink -a changed only {changed} files")

after = answers(root, programs)
wrong = [f"{' '.join(asked)}: was {first[asked]}, is {after[asked]}" for asked in sorted(steady)
         if after[asked] != first[asked]]
if wrong:
    fail(f"{len(wrong)} of {len(steady)} answers changed:\n" + "\n".join(line[:600] for line in wrong[:10]))
print(f"{len(programs)} programs, {len(steady)} answers the same ({len(first) - len(steady)} unsteady ones left out)")

prelink_all(root)
lines = differences(prelinked, snapshot())
expect(not lines, "prelinking again changed:\n" + "\n".join(lines))

undo_all(root)
expect_no_temporaries(root)
lines = differences(with_notes, snapshot())
expect(not lines, "undoing left:\n" + "\n".join(lines))
notegen("remove", *hosts)
lines = differences(pristine, snapshot())
expect(not lines, "removing the notes left:\n" + "\n".join(lines))
print(f"{changed} files prelinked and given back bit for bit, {len(pristine)} compared")
