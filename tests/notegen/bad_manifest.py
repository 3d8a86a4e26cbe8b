#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with a manifest is said with its line and column, all manifests are tried, no file is touched."""
import os

import notes
from harness import compile_c, expect, expect_equal, notegen, scratch, write

GOOD = """\
manifest: 1
application: demo
hosts:
  - path: HOST
plugins:
  - feature: one
    path: /usr/lib/demo/*.so
"""


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


# What is in the file, the place and a part of the message.
TABLE = [
    ("", "1:1", "empty"),
    ("# nothing\n", "1:1", "empty"),
    ("- 1\n", "1:1", "mapping"),
    ("just text\n", "1:1", "mapping"),
    (changed("manifest: 1\n", ""), "1:1", 'no "manifest"'),
    (changed("manifest: 1", "manifest: 2"), "1:11", "format 2 is not known"),
    (changed("manifest: 1", "manifest: one"), "1:11", "has to be the number"),
    (changed("manifest: 1", "manifest: [1]"), "1:11", "has to be the number"),
    (changed("manifest: 1", 'manifest: "1"'), "1:11", "has to be the number"),
    (changed("application: demo\n", ""), "1:1", 'no "application"'),
    (changed("application: demo", "application: 5"), "2:14", "has to be a string"),
    (changed("application: demo", "application:"), "2:13", "has to be a string"),
    (changed("application: demo", 'application: "a\\0b"'), "2:14", "control character"),
    (changed("application: demo", 'application: "a\\nb"'), "2:14", "control character"),
    (changed("application: demo", 'application: "a\\u2028b"'), "2:14", "control character"),
    (changed("application: demo", 'application: "a\\x85b"'), "2:14", "control character"),
    (changed("application", "aplication"), "2:1", 'unknown key "aplication"'),
    (changed("application: demo", "application: demo\ndescription: [a]"), "3:14", "has to be a string"),
    (changed("hosts:\n  - path: HOST\n", ""), "1:1", 'no "hosts"'),
    (changed("hosts:\n  - path: HOST", "hosts: []"), "3:8", "is empty"),
    (changed("hosts:\n  - path: HOST", "hosts: /bin/sh"), "3:8", "has to be a list"),
    (changed("  - path: HOST", "  - /bin/sh"), "4:5", "mapping"),
    (changed("  - path: HOST", "  - soname: libx.so"), "4:5", "unknown key"),
    (changed("HOST", "bin/sh"), "4:11", "absolute"),
    (changed("HOST", "[/bin/sh]"), "4:11", "has to be a string"),
    (changed("    path: /usr", "    path: usr"), "7:11", "absolute"),
    (changed("    path: /usr/lib/demo/*.so\n", ""), "6:5", 'needs a "path" or a "soname"'),
    (changed("    path: /usr/lib/demo/*.so", "    path: /a/*\n    soname: [liba.so]"), "6:5", "either"),
    (changed("    path: /usr/lib/demo/*.so", "    soname: [a, 1]"), "7:17", "has to be a string"),
    (changed("    path: /usr/lib/demo/*.so", "    soname: []"), "7:13", "empty list"),
    (changed("    path: /usr/lib/demo/*.so", "    soname: [/lib/a.so]"), "7:14", "no slash"),
    (changed("    path:", "    priority: always\n    path:"), "7:15", "required, recommended or suggested"),
    (changed("    path:", "    Priority: required\n    path:"), "7:5", "unknown key"),
    (changed("    path:", "    path: /x\n    path:"), "8:5", "given twice"),
    (changed("application: demo", "application: demo\napplication: demo"), "3:1", "given twice"),
    (changed("feature: one", "feature: &a one"), "6:14", "anchors"),
    (changed("  - feature: one", "  - *a"), "6:5", "alias"),
    (changed("feature: one", "feature: !!str one"), "6:14", "tags"),
    (changed("feature: one", "feature: " + "[" * 40 + "]" * 40), "6:27", "nested too deeply"),
    (changed("feature: one", "feature: 'one"), "8:1", "end of stream"),
    (changed("feature: one", "\tfeature: one"), "6:5", "cannot start any token"),
    (changed("feature: one", "feature: {a"), "7:9", "did not find expected"),
    (GOOD + "---\n" + GOOD + "---\n[]\n", "17:1", "the manifest has to be"),
    (GOOD + ("---\n" + GOOD) * 64, "512:1", "too many documents"),
    (changed("demo", "d\xff").encode("latin-1"), "2:15", "UTF-8"),
    (b"\xff\xfe" + GOOD.encode("utf-16-le"), "1:1", "UTF-8"),
    (GOOD + "# " + "x" * (1 << 20) + "\n", "1:1", "larger than 1 MB"),
    (changed("  - feature: one", "  - soname: [a.so]\n" * 0 + "  - feature: one")
     + "".join(f"  - {{soname: [a{number}.so]}}\n" for number in range(1100)), "1031:5", "more than 1024"),
]
# Expansions of an alias for which YAML readers are known.
BILLION = "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n"
                                     for n in range(20))
TABLE.append((BILLION, "1:4", "anchors"))


def main():
    directory = scratch()
    host = compile_c("int main(void) { return 0; }", os.path.join(directory, "host"))
    before = notes.identity(host)
    good = os.path.join(directory, "good.yaml")
    write(good, GOOD.replace("HOST", host))
    for number, (text, place, says) in enumerate(TABLE):
        path = os.path.join(directory, f"{number}.yaml")
        write(path, text.replace("HOST", host) if isinstance(text, str) else text)
        for command in [["check", path], ["add", "--manifest", good, "--manifest", path]]:
            done = notegen(*command, status=1)
            lines = notes.errors(done)
            expect(len(lines) == 1 and lines[0].startswith(f"notegen: {path}:{place}: ") and says in lines[0],
                   f"{text[:200]!r}:\n  expected one line at {place} that says {says!r}\n  seen     {lines}")
        expect_equal(notes.identity(host), before, "the host, with one good manifest and one bad")

    # All that is wrong is said in one run.
    bad = [os.path.join(directory, f"{number}.yaml") for number in range(10)]
    expect_equal(len(notes.errors(notegen("check", *bad, status=1))), 10, "manifests that check refused")
    lines = notes.errors(notegen("add", "--manifest-dir", directory, status=1))
    expect_equal(len(lines), len(TABLE), "manifests of a directory that add refused")
    expect_equal(notes.identity(host), before, "the host")
    for path in [directory, "/dev/null", os.path.join(directory, "missing.yaml")]:
        lines = notes.errors(notegen("check", path, status=1))
        expect(len(lines) == 1 and path in lines[0], f"no manifest at all: {lines}")
    notegen("add", "--manifest", good)
    expect(notes.shown(host)[host], "the good manifest alone did nothing")
    print(f"{len(TABLE)} mistakes, each found at its place")


main()
