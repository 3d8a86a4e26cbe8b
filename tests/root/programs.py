#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xine, python3 and perl, prelinked with their plugins and started: every library and plugin that the
process maps lies at its slot, whether ld.so mapped it at start-up or in dlopen, and none overlaps another.
Debian 12; with LONG=1 also 13 and 11."""
import os

from harness import expect, fail
from process import mappings, slot_of, stopped_at_output
from whole_root import LOADERS, LOADER_SETS, add_notes, module, prelink_all, root_of

# Up to 2.35, ld.so asks for the slots in position-independent executables only when told to.
SUITES = {"bookworm": {}, "trixie": {}, "bullseye": {"LD_USE_LOAD_BIAS": "1"}}


def look(root, command, keywords, env):
    with stopped_at_output(root, *command, env=env, **keywords) as pid:
        return mappings(pid, root)


def check(name, before, after):
    after = {path: seen for path, seen in after.items() if path != module()}
    expect(after.keys() == before.keys(),
           f"{name}: maps other files than before: {sorted(after.keys() ^ before.keys())}")
    # Programs and ld.so itself are placed by the kernel.
    libraries = {path: seen for path, seen in after.items()
                 if "/ld-linux" not in path and "/ld-2." not in path and not path.startswith("/usr/bin/")}
    wrong = [f"{path}: slot {slot_of(seen.path):#x}, mapped at {seen.start:#x}"
             for path, seen in sorted(libraries.items()) if slot_of(seen.path) != seen.start]
    if wrong:
        fail(f"{name}: {len(wrong)} of {len(libraries)} objects are not at their slot:\n  " + "\n  ".join(wrong))
    spans = sorted((seen.start, seen.end, path) for path, seen in after.items())
    for (_, end, low), (start, _, high) in zip(spans, spans[1:]):
        expect(end <= start, f"{name}: {low} and {high} overlap")
    print(f"{name}: {len(libraries)} libraries and plugins mapped, all at their slots")


for suite, env in SUITES.items():
    if suite != "bookworm" and not os.environ.get("LONG"):
        continue
    root = root_of(*LOADER_SETS, suite=suite)
    before = {name: look(root, *how, env) for name, how in LOADERS.items()}
    add_notes(root)
    prelink_all(root)
    for name, how in LOADERS.items():
        check(f"{suite}: {name}", before[name], look(root, *how, env))
