# SPDX-License-Identifier: LGPL-2.1-or-later
"""Proves of a layout that no two objects of one process overlap.

It takes prelink's own JSON for who is in which program, and the files themselves for how much address space
each object takes: it reads their program headers with a reader of its own.
"""
import json

from elf import Elf
from harness import fail

PAGE = 4096


def extent(path):
    """(start, end, alignment) of the address space that the file at PATH takes, in whole pages."""
    loads = Elf(path).loads()
    align = max([PAGE] + [segment.align for segment in loads])
    start = min(segment.vaddr for segment in loads) // PAGE * PAGE
    end = max(segment.vaddr + segment.memsz for segment in loads)
    return start, (end + PAGE - 1) // PAGE * PAGE, align


class Layout:
    """What prelink --json says, checked against the files under ROOT."""

    def __init__(self, text, root, page=PAGE):
        self.root = root
        self.page = page
        self.document = json.loads(text)
        self.object = {o["path"]: o for o in self.document["objects"]}
        self.slot = {p: int(o["slot"], 16) for p, o in self.object.items() if o["slot"]}
        self.range = {}

    def place(self, path):
        """[start, end) of the object in a process; None where nobody knows beforehand."""
        if path not in self.range:
            self.range[path] = self.find_place(path)
        return self.range[path]

    def find_place(self, path):
        item = self.object[path]
        if path not in self.slot and item["kind"] != "exec":
            return None
        start, end, align = extent(self.root + path)
        if item["kind"] == "exec":
            return start, end
        slot = self.slot[path]
        if slot % max(self.page, align):
            fail(f"{path}: slot {slot:#x} is not a multiple of {max(self.page, align):#x}")
        if item["prelinked"] and start != slot:
            fail(f"{path}: says that it is prelinked at {slot:#x}, its file lies at {start:#x}")
        if (int(item["end"], 16) + PAGE - 1) // PAGE * PAGE != slot + end - start:
            fail(f"{path}: its file takes {end - start:#x} bytes, the slot is {item['start']}-{item['end']}")
        return slot, slot + end - start

    def members(self, program):
        """{path: set of exclusive groups by which alone it comes into PROGRAM}; the set holds None for any
        way that excludes nothing."""
        ways = {path: {None} for path in program["scope"]}
        for plugin in program.get("plugins", []):
            ways.setdefault(plugin["path"], set()).add(plugin["exclusive"])
            for path in plugin["adds"]:
                if path != plugin["path"]:
                    ways.setdefault(path, set()).add(None)
        return ways

    def check_process(self, program):
        """No two objects of PROGRAM overlap.  Returns the pairs of neighbours that were compared."""
        ways = self.members(program)
        placed = sorted((self.place(p)[0], self.place(p)[1], p) for p in ways if self.place(p))
        active, compared = [], 0
        for start, end, path in placed:
            active = [a for a in active if a[1] > start]
            for other in active:
                compared += 1
                groups = ways[path], ways[other[2]]
                if groups[0] != groups[1] or len(groups[0]) != 1 or None in groups[0]:
                    fail(f"{program['path']}: {path} {start:#x}-{end:#x} and {other[2]} "
                         f"{other[0]:#x}-{other[1]:#x} overlap")
            active.append((start, end, path))
        return len(placed)

    def check(self, shared=False):
        """All processes; and unless slots may be SHARED (-m), all objects of one machine with another.
        Returns (programs, placements) that were checked."""
        programs = [o for o in self.object.values() if o["kind"] in ("exec", "pie") and o["scope"]]
        placements = sum(self.check_process(p) for p in programs)
        # A library's natural scope: values that are bound in it are written into the file.
        for item in self.object.values():
            if item["kind"] == "library" and item["slot"]:
                self.check_process({"path": item["path"], "scope": item["scope"]})
        if not shared:
            machines = {o["machine"] for o in self.object.values()}
            for machine in machines:
                everything = sorted(self.place(p) + (p,) for p, o in self.object.items()
                                    if o["machine"] == machine and p in self.slot)
                for one, two in zip(everything, everything[1:]):
                    if one[1] > two[0]:
                        fail(f"without -m, {one[2]} {one[0]:#x}-{one[1]:#x} and {two[2]} "
                             f"{two[0]:#x}-{two[1]:#x} overlap")
        return len(programs), placements
