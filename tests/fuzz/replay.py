#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every seed of the fuzzers, and damaged forms of it, through the readers: no crash, no broken promise.

COUNT in the environment is how many forms of each seed; the default is for `make check`."""
import glob
import os

import seeds
from harness import BUILD, expect, run, scratch


def main():
    directory = scratch()
    seeds.main(directory)
    count = os.environ.get("COUNT", "2000")
    for kind in ["manifest", "note", "elf"]:
        files = sorted(glob.glob(f"{directory}/{kind}/*"))
        expect(files, f"no seeds for {kind}")
        print(kind + ":", run([os.path.join(BUILD, "tests/fuzz", kind), count, *files]).stdout.strip())


main()
