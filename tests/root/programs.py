#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xine, python3 and perl, prelinked with their plugins and started: every library and plugin that the
process maps lies at its slot, whether ld.so mapped it at start-up or in dlopen."""
from harness import expect, fail
from process import mappings, slot_of, stopped_at_output
from whole_root import LOADERS, LOADER_SETS, add_notes, prelink_all, root_of

# Placed by the kernel, not by slots.
LOADER = "/ld-linux"

root = root_of(*LOADER_SETS)


def look(command, keywords):
    with stopped_at_output(root, *command, **keywords) as pid:
        return mappings(pid, root)


before = {name: look(*how) for name, how in LOADERS.items()}
add_notes(root)
prelink_all(root)
for name, (command, keywords) in LOADERS.items():
    after = look(command, keywords)
    expect(after.keys() == before[name].keys(),
           f"{name}: maps other files than before: {sorted(after.keys() ^ before[name].keys())}")
    libraries = {path: seen for path, seen in after.items()
                 if LOADER not in path and not path.startswith(("/usr/bin/", "/usr/sbin/"))}
    wrong = [f"{path}: slot {slot_of(seen.path):#x}, mapped at {seen.start:#x}"
             for path, seen in sorted(libraries.items()) if slot_of(seen.path) != seen.start]
    if wrong:
        fail(f"{name}: {len(wrong)} of {len(libraries)} objects are not at their slot:\n  " + "\n  ".join(wrong))
    spans = sorted((seen.start, seen.end, path) for path, seen in after.items())
    for (_, end, low), (start, _, high) in zip(spans, spans[1:]):
        expect(end <= start, f"{name}: {low} and {high} overlap")
    print(f"{name}: {len(libraries)} libraries and plugins mapped, all at their slots")
