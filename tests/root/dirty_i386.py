#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""On i386, where ld.so writes no RELATIVE relocation of an object that lies at its address, slots alone keep
the pages of plugins clean: private dirty memory of processes that load many, before and after."""
from harness import expect, skip
from process import mappings, stopped_at_output
from scratch_root import chroot, machine_arch
from whole_root import LOADERS, LOADER_SETS, add_notes, prelink_all, root_of

if machine_arch() != "amd64":
    skip(f"i386 programs do not run on {machine_arch()}")
root = root_of(*LOADER_SETS, arch="i386")
if chroot(root, "true").returncode:
    skip("this kernel runs no i386 programs")


def dirty(command, keywords):
    with stopped_at_output(root, *command, **keywords) as pid:
        return sum(seen.dirty for path, seen in mappings(pid, root).items() if ".so" in path) // 1024


before = {name: dirty(*how) for name, how in LOADERS.items()}
add_notes(root)
prelink_all(root)
for name, how in LOADERS.items():
    after = dirty(*how)
    print(f"{name}: private dirty memory of shared objects {before[name]} KiB before, {after} KiB prelinked")
    expect(after < before[name], f"{name}: {after} KiB dirty, was {before[name]} KiB")
