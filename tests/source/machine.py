#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Class, byte order and machine are data: no record of one class, and no question about the machine, but where that is
what the file is for."""
import os
import re

from harness import SOURCE, expect, read

WORDS = re.compile(r"\bEM_[A-Z0-9]\w*|\bElfW\(|\bE(?:lf|LF)64_\w+|\bR_[A-Z0-9]+_[A-Z]\w*")
ALLOWED = ("prelink-plugins/arch/",         # a machine: a table of values
           "prelink-plugins/rtld/",         # the module runs on the machine that it is for
           "prelink-plugins/bind/own_libc", # the libc that this very process runs on
           "prelink-plugins/run/",          # starts programs of the machine that it runs on
           "prelink-plugins/rewrite/undo.c",  # where fields lie in an ELF header, by class
           "notegen/lib/elf_")              # records of both classes, decoded and encoded


def code(text):
    """TEXT with its comments blanked."""
    return re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.DOTALL)


found, count = [], 0
for top in "prelink-plugins", "notegen":
    for base, _, names in os.walk(os.path.join(SOURCE, top)):
        for name in names:
            path = os.path.relpath(os.path.join(base, name), SOURCE)
            if not name.endswith((".c", ".h")) or path.startswith(ALLOWED):
                continue
            count += 1
            for number, line in enumerate(code(read(os.path.join(SOURCE, path)).decode()).split("\n"), 1):
                found += [f"{path}:{number}: {word}" for word in WORDS.findall(line)]
expect(count > 50, f"only {count} files were looked at")
expect(not found, "machine or class in common code:\n" + "\n".join(found))
print(f"{count} files know of no machine and no class")
