#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink -y and -u -o of any file: package managers and integrity checkers ask for the original of every file that
they know, scripts, data and static programs among them.  Names and digests as md5sum(1) and its kin print them."""
import os

from harness import compile_c, expect, expect_equal, prelink, read, run, scratch, write

place = scratch()
os.chdir(place)
write("script", "#!/bin/sh\necho hello\n")
write("empty", "")
write("large", b"\0\xff\n" * 100_000)
compile_c("int main(void) { return 0; }", "static", "-static")
compile_c("int main(void) { return 0; }", "program")
os.mkdir("directory")
for name in ("back\\slash", "new\nline", "with space", "directory/inner"):
    os.link("program", name)
os.symlink("program", "link")

names = ["script", "empty", "large", "static", "program", "./program", "directory/../program", "link",
         place + "/program", "back\\slash", "new\nline", "with space"]
for option, judge in (("--md5", "md5sum"), ("--sha", "sha1sum"), ("--sha256", "sha256sum")):
    for name in names:
        expect_equal(prelink("-y", option, name).stdout, run([judge, name]).stdout, f"-y {option} {name!r}")
    expect_equal(prelink("-y", option, *names).stdout, run([judge, *names]).stdout, f"-y {option} of all, in order")
expect_equal(prelink("-y", "--md5", "directory/").stdout, run(["md5sum", "directory/inner"]).stdout, "a directory")
for name in names:
    expect_equal(prelink("-y", name, text=False, errors=None).stdout, read(name), f"-y {name!r}")
    expect_equal(prelink("-u", "-o", "-", name, text=False, errors=None).stdout, read(name), f"-u -o - {name!r}")
    prelink("-u", "-o", "out", name)
    expect_equal(read("out"), read(name), f"-u -o out {name!r}")
    expect_equal(os.stat("out").st_mtime_ns, os.stat(name).st_mtime_ns, f"-u -o out {name!r}: its time")
expect(not os.path.exists("-"), "-o - made a file of that name")

# What is no file has no original, and what is not there neither; the others are printed all the same.
os.mkfifo("pipe")
for name in ("pipe", "/dev/null", "missing"):
    done = prelink("-y", "--md5", "script", name, "program", status=1)
    expect_equal(done.stdout, run(["md5sum", "script", "program"]).stdout, f"beside {name}")
    expect(name in done.stderr and done.stderr.count("\n") == 1, f"{name}: {done.stderr!r}")
# A damaged object is said, not printed: it may have been another one.
write("damaged", read("program")[:200])
done = prelink("-y", "--md5", "damaged", status=1)
expect_equal(done.stdout, "", "a damaged program")
print(f"{len(names)} names, 3 digests, -y and -u -o")
