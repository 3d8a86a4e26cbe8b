#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The C files are formatted as .clang-format says.  `clang-format -i FILE` mends one."""
import os
import re

from harness import SOURCE, expect, need, run, skip

VERSION = "14"  # Debian 12's: another one would format some lines in another way

need("clang-format")
said = run(["clang-format", "--version"]).stdout
if not re.search(rf"version {VERSION}\.", said):
    skip(f"{said.strip()}: the sources are formatted by version {VERSION}")
files = sorted(os.path.join(base, name) for part in ("notegen", "prelink-plugins", "ebuild-helpers", "tests")
               for base, _, names in os.walk(os.path.join(SOURCE, part)) for name in names
               if name.endswith((".c", ".h")) and name != "report_page.c")  # which is made from report.html
expect(len(files) > 100, f"only {len(files)} C files found in {SOURCE}")
done = run(["clang-format", "--dry-run", "-Werror", *files], status=None)
expect(done.returncode == 0, f"clang-format -i would change something:\n{done.stderr}")
print(f"{len(files)} files")
