#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python files name nothing that is not there, and import nothing that they do not use (pyflakes)."""
import os
import re

from harness import SOURCE, expect, expect_equal, need, run

need("pyflakes3")
files = []
for part in ("tests", "ebuild-helpers", "manifests"):
    for base, _, names in os.walk(os.path.join(SOURCE, part)):
        for path in sorted(os.path.join(base, name) for name in names):
            with open(path, "rb") as file:
                if path.endswith(".py") or re.match(rb"#!.*\bpython3\b", file.readline()):
                    files.append(path)
expect(len(files) > 100, f"only {len(files)} Python files found in {SOURCE}")
expect_equal(run(["pyflakes3", *files], status=None).stdout, "", "what pyflakes3 says")
print(f"{len(files)} files")
