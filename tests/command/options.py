#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: --help fits a screen, every option of prelink(8) is known, mistakes exit with 2."""
import os
import re

import graph
from harness import BUILD, expect, expect_equal, notegen, prelink, run, scratch, write

OTHERS = ["prelink-plugins/run/prelink-run", "ebuild-helpers/keep-fresh/prelink-maintain", "ebuild-helpers/add-plugin-note",
          "ebuild-helpers/image/prelink-image"]

root = graph.Root(scratch())
lib = root.library("a")
where = ["--root", root.path]

first, text = prelink("--help").stdout, prelink("--help=all").stdout
expect_equal(prelink(status=2).stderr, first, "what prelink alone prints")
expect_equal(prelink("-?").stdout, first, "what -? prints")
for page, most in ((first, 24), (text, 50), (notegen(status=2).stderr, 24), (notegen("--help").stdout, 24),
                   *((run([BUILD + "/" + name, "--help"]).stdout, 24) for name in OTHERS)):
    lines = page.splitlines()
    expect(3 < len(lines) <= most, f"{len(lines)} lines instead of {most}: {page}")
    expect(max(map(len, lines)) <= 80, f"a line of more than 80 columns: {page}")
known = set(re.findall(r"(?<![\w-])--?[a-zA-Z?][\w-]*", text)) | {"-ua"}
expect_equal(sorted(set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", first)) - known), [], "only on the first page")
for status, word in ((0, "done"), (1, "something was refused or failed"), (2, "usage")):
    expect(all(re.search(rf"{status} {word}", page) for page in (first, text)), f"--help does not say what exit status {status} means")
expect(re.search(r"\d", prelink("-V").stdout), "-V prints no version")
expect("--undo" in prelink("--usage").stdout, "--usage does not list --undo")

# As prelink(8) documents them; each is accepted where it makes sense.
accepted = [
    ["-a", "-n"], ["--all", "--dry-run"], ["-anv"], ["-anvv"], ["-anm"], ["-an", "--conserve-memory"],
    ["-anR"], ["-an", "--random"], ["-anN"], ["-an", "--no-update-cache"], ["-anf"], ["-an", "--force"],
    ["-anq"], ["-an", "--quick"], ["-a"], ["-an", "-c", "/etc/prelink.conf"], ["-an", "--config-file=/etc/prelink.conf"],
    ["-an", "-C", "/etc/c"], ["-an", "--cache-file=/etc/c"], ["-p"], ["--print-cache"], ["-anl"],
    ["-an", "--one-file-system"], ["-anh"], ["-an", "--dereference"], ["-an", "-b", "/x"],
    ["-an", "--black-list=/x"], ["-an", "--dynamic-linker=/lib/ld.so"], ["-an", "--ld-library-path=/a:/b"],
    ["-an", "--libs-only"], ["-an", "--layout-page-size=0x10000"], ["-un", lib], ["--undo", "-n", lib],
    ["-an", "--with-plugins"], ["-an", "--without-plugins"], ["-an", "--with-unsafe"],
    ["-an", "--seed", "7"], ["-an", "-j", "1"], ["-an", "--jobs=3"],
    ["-an", "--json"], ["-n", lib], ["--bindings", lib], ["--bindings", "--json", lib],
    ["--advise=undefined,relr", lib], ["--advise", "-a", "--json"], ["--advise=hash", "-a", lib],
]
for arguments in accepted:
    done = prelink(*where, *arguments)
    expect_equal(done.stderr, "", f"standard error of {arguments}")

refused = [
    [], ["-u"], ["-y"], ["-a", lib], ["-p", lib], ["-uy", lib], ["-up"], ["-ay"], ["-r", "0x1000000"],
    ["-r", "x", lib], ["-r", "-1", lib], ["-r", "0x1000", lib, lib], ["-o", "x", lib], ["-u", "-o", "x", lib, lib],
    ["-y", lib, lib], ["--md5", "--sha", lib], ["-aqf"], ["-a", "-j", "0"], ["-a", "-j", "x"],
    ["-a", "--layout-page-size=3000"], ["-a", "--layout-page-size=0"], ["-a", "--seed=x"],
    ["-a", "--seed", "99999999999999999999999"], ["--no-such-option"], ["-Z"], ["--help=some"], ["-a", "--root"],
    ["--bindings"], ["-a", "--bindings"], ["-u", "--bindings", lib],
    ["--advise"], ["--advise", "--status", lib], ["-u", "--advise", lib],
]
before = sorted(os.listdir(root.path + "/etc"))
for arguments in refused:
    done = prelink(*where, *arguments, status=2)
    expect(done.stderr.startswith("prelink: ") or "prelink" in done.stderr.splitlines()[0],
           f"{arguments}: no message")
    expect_equal(done.stdout, "", f"standard output of {arguments}")
expect_equal(sorted(os.listdir(root.path + "/etc")), before, "files in /etc after usage errors")

for arguments in (["-n", "/no/such/file"], ["-n", "/etc/prelink.conf"], ["-an", "--root", "/no/such"]):
    done = prelink(*where, *arguments, status=1)
    expect_equal(done.stderr.count("\n"), 1, f"lines that {arguments} says: {done.stderr!r}")
write(root.path + "/etc/\x1b[31m", "x")
done = prelink(*where, "-n", "/etc/\x1b[31m", status=1)
expect("\x1b" not in done.stderr, "a control character of a path reaches the terminal")
print(f"{len(accepted)} command lines accepted, {len(refused)} refused; --help has {len(first.splitlines())} "
      f"lines, --help=all {len(text.splitlines())}")
