#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A release (make dist) has every file of the repository."""
import os

from harness import BUILD, SOURCE, expect, need, run, scratch, skip

# What only the repository needs.
NOT_RELEASED = {".gitignore", ".gitattributes"}

need("git", "make")
if not os.path.exists(os.path.join(SOURCE, ".git")):
    skip("the sources are not a git checkout: nothing says what should be in a release")
release = os.path.join(scratch(), "release")
run(["make", "-s", "-C", BUILD, "distdir", f"distdir={release}"], env={**os.environ, "MAKEFLAGS": "", "MFLAGS": ""})
tracked = run(["git", "-c", "safe.directory=*", "-C", SOURCE, "ls-files", "-z"]).stdout.split("\0")[:-1]
missing = [path for path in tracked if path not in NOT_RELEASED and not os.path.lexists(os.path.join(release, path))]
expect(not missing, f"{len(missing)} files are in no EXTRA_DIST, _SOURCES or the like: {' '.join(missing)}")
print(f"{len(tracked)} files, all in the release")
