#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink -a killed (SIGKILL) at random moments: every file is its old or its new self, the next run finishes the
work and leaves no temporary, and all can be taken back.  6 moments, 100 with LONG=1; SEED=N repeats a run."""
import os
import random
import shutil
import signal
import subprocess
import time

import scratch_root
from harness import expect, scratch, tool
from tree import differences, snapshot
from whole_root import expect_no_temporaries, prelink_all, root_of, undo_all

seed = int(os.environ.get("SEED", time.time_ns() % 1000000))
chance = random.Random(seed)
moments = 100 if os.environ.get("LONG") else 6
where = scratch("killed-")
pristine_root = root_of("small")
target = os.path.join(where, "root")


def fresh():
    shutil.rmtree(target, ignore_errors=True)
    return scratch_root.copy(pristine_root, target)


def contents(root):
    return {path: entry["content"] for path, entry in snapshot(root).items()
            if "content" in entry and not path.startswith("etc/prelink.cache")}


old = snapshot(fresh())
started = time.monotonic()
prelink_all(target)
whole = time.monotonic() - started
new = contents(target)
pristine = {path: entry["content"] for path, entry in old.items() if "content" in entry}
work = sum(1 for path in pristine if new[path] != pristine[path])
expect(work > 20, f"prelink -a changed only {work} files")

half_way = 0
for moment in range(moments):
    root = fresh()
    child = subprocess.Popen([tool("prelink"), "--root", root, "--with-plugins", "-a"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(chance.uniform(0, whole))
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = 0
    now = contents(root)
    for path in pristine:
        expect(path in now, f"seed {seed}, moment {moment}: {path} is gone")
        expect(now[path] in (pristine[path], new[path]),
               f"seed {seed}, moment {moment}: {path} is neither its old nor its new self")
        done += now[path] != pristine[path]
    half_way += 0 < done < work
    prelink_all(root)
    expect_no_temporaries(root)
    now = contents(root)
    lines = sorted(path for path in now.keys() | new.keys() if now.get(path) != new.get(path))
    expect(not lines, f"seed {seed}, moment {moment}: the next run did not finish the work: {lines[:5]}")
undo_all(root)
lines = [line for line in differences(old, snapshot(root)) if not line.startswith("etc/prelink.cache")]
expect(not lines, f"seed {seed}: undoing left:\n" + "\n".join(lines))
print(f"killed at {moments} moments, {half_way} of them with some of {work} files done (seed {seed})")
