#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No two objects of one process overlap: this machine's own programs, and a root with notes from the manifests."""
import os

import whole_root
from placements import Layout
from harness import SOURCE, expect, notegen, prelink, scratch, write

LONG = bool(os.environ.get("LONG"))


def check(root, *options):
    """(programs, placements, plugins) of a layout of ROOT ("" for this machine) that was proved."""
    done = prelink("--root", root or "/", "--with-plugins", "-a", "--json", *options, status=None)
    layout = Layout(done.stdout, root)
    programs, placements = layout.check(shared="-m" in options)
    plugins = sum(len(o.get("plugins", [])) for o in layout.object.values())
    print(f"{root or '/'} {' '.join(options)}: {len(layout.slot)} slots, {programs} programs, {placements} placements, "
          f"{plugins} plugins: none overlaps another", flush=True)
    return layout, programs, plugins


# The machine itself: looked at only.
conf = scratch() + "/prelink.conf"
write(conf, "/usr/bin\n/usr/sbin\n/usr/lib\n/usr/lib32\n/usr/lib64\n/usr/libexec\n")
for options in ((), ("-m",), ("-R", "--seed", "3"))[::1 if LONG else 2]:
    layout, programs, _ = check("", "-n", "-c", conf, *options)
    expect(programs > 300, f"only {programs} programs on this machine were compared")

# Roots of the distribution's packages, with notes: looked at with and without -m, and prelinked.
for arch in ("amd64", "i386"):
    root = whole_root.root_of(*whole_root.LOADER_SETS, arch=arch)
    notegen("add", "--root", root, "--manifest-dir", SOURCE + "/manifests", status=None)
    for options in (("-n",), ("-n", "-m"), ("-m",) if arch == "i386" else ()):
        layout, programs, plugins = check(root, *options)
        expect(plugins > 300, f"only {plugins} plugins in the scopes of the root's programs")
    # What the rewriter refused the first time (i386 has text relocations) leaves its room to others in the second run;
    # after that nothing changes, and nobody ever moves.
    options = ("-m",) if arch == "i386" else ()
    second, _, _ = check(root, *options)
    third, _, _ = check(root, *options)
    for before, after in ((layout, second), (second, third)):
        expect(all(after.slot.get(p) == slot for p, slot in before.slot.items()), "another run moves objects")
    expect(third.slot == second.slot, "a third run gives other slots")
    expect(third.document["summary"]["prelinked"] == 0, "a third run rewrites files")
    if not LONG:
        break
