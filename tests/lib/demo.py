#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests/demo shows once the tools are built; see there."""
import json
import os
import sys

from harness import prelink
from process import mappings, stopped_at_output
from scratch_root import SETS
from tree import differences, snapshot
from whole_root import LOADERS, LOADER_SETS, add_notes, prelink_all, root_of, undo_all


def heading(text):
    print(f"\n== {text}\n", flush=True)


def show_program(root, name, command, keywords, objects):
    """Starts COMMAND, prints its table.  Returns what it mapped, and whether all of it was at its slot."""
    with stopped_at_output(root, *command, **keywords) as pid:
        seen = mappings(pid, root)
        program = os.readlink(f"/proc/{pid}/exe")[len(os.path.realpath(root)):]
    slots = {path: int(entry["slot"], 16) for path, entry in objects.items() if entry["slot"]}
    plugins = {plugin["path"] for plugin in objects[program]["plugins"]}
    mapped = sorted((path for path in seen if path in slots), key=lambda path: slots[path])
    loaded = [path for path in mapped if path in plugins]
    wrong = [path for path in mapped if slots[path] != seen[path].start]
    print(f"{name} ({program}): {len(plugins)} plugins in its scope; this run loaded {len(loaded)} of them and "
          f"{len(mapped) - len(loaded)} libraries; {len(mapped) - len(wrong)} of {len(mapped)} are at their slot")
    print(f"  {'was to go':>14}  {'was mapped at':>14}  plugin")
    for path in loaded + [path for path in wrong if path not in plugins]:
        print(f"  {slots[path]:#14x}  {seen[path].start:#14x}  {os.path.basename(path)}"
              + ("   ELSEWHERE" if path in wrong else ""))
    print(flush=True)
    return {path: seen[path] for path in mapped}, not wrong


def private_dirty(root, command, keywords):
    """KiB that COMMAND's process has of its own of the shared objects it maps."""
    with stopped_at_output(root, *command, **keywords) as pid:
        return sum(seen.dirty for path, seen in mappings(pid, root).items() if ".so" in path) // 1024


def show_map(runs):
    """The address map as text: a row for each object that some program maps, a column for each program."""
    names = list(runs)
    rows = {}
    for name, seen in runs.items():
        for path, mapping in seen.items():
            rows.setdefault(path, (mapping.start, mapping.end, set()))[2].add(name)
    for index, name in enumerate(names):
        print(f"  {'|' * index}{chr(ord('A') + index)}{' ' * (len(names) - index)}{name}")
    for path, (start, end, users) in sorted(rows.items(), key=lambda row: row[1][0]):
        marks = "".join(chr(ord("A") + index) if name in users else "." for index, name in enumerate(names))
        print(f"  {marks}  {start:#x}-{end:#x} {(end - start) >> 10:7} K  {os.path.basename(path)}")


def main():
    heading("A scratch root of the distribution's own packages")
    for name in LOADER_SETS:
        print(f"{name}: {', '.join(SETS[name])}, and what they depend on")
    root = root_of(*LOADER_SETS)
    print("made in", root)
    heading("notegen add: each program's host gets a note that names its plugins")
    dirty = {name: private_dirty(root, *how) for name, how in LOADERS.items()}
    before = snapshot(root)
    print("\n".join(line for line in add_notes(root).stdout.splitlines() if line.endswith(": note added")))
    noted = snapshot(root)
    print(f"{sum(before[path] != noted[path] for path in before)} files have a note now")
    heading("prelink --with-plugins -a")
    done = prelink_all(root)
    print((done.stdout + done.stderr).strip())
    prelinked = snapshot(root)
    print(f"{sum(prelinked[path] != noted[path] for path in noted)} files changed")
    heading("The programs, started: where each plugin was to go, and where ld.so really mapped it")
    said = prelink("--root", root, "--with-plugins", "-p", "--json").stdout
    objects = {entry["path"]: entry for entry in json.loads(said)["objects"]}
    runs, right = {}, True
    for name, (command, keywords) in LOADERS.items():
        runs[name], well = show_program(root, name, command, keywords, objects)
        right &= well
    heading("Address map: one slot each, whoever loads it")
    show_map(runs)
    heading("What it saves: private dirty memory of shared objects, KiB")
    for name, how in LOADERS.items():
        print(f"  {name:16} {dirty[name]:6} before  {private_dirty(root, *how):6} prelinked")
    heading("prelink -ua: everything taken back")
    undo_all(root)
    left = [line for line in differences(noted, snapshot(root)) if not line.startswith("etc/prelink.cache")]
    print("\n".join(left) or f"{len(noted)} files compared with what they were before: no difference")
    sys.exit(1 if left or not right else 0)


if __name__ == "__main__":
    main()
