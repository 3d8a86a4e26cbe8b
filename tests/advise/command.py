#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink --advise as a command: a line for each finding, what is wrong first; findings by name; exit status; -v; another
root; what is malformed; the build hook.  prelink(8) has a paragraph with an example for each finding."""
import json
import os
import re

from harness import BUILD, SOURCE, expect, expect_equal, prelink, read, run, tool, write
from fixtures import Fixtures

f = Fixtures()
HOOK = os.path.join(BUILD, "ebuild-helpers/add-plugin-note")


def names():
    """Of the table, in its order."""
    text = read(os.path.join(SOURCE, "prelink-plugins/advise/finding.c")).decode()
    return re.findall(r'\[FINDING_\w+\] =\s*\{\s*"([a-z-]+)"', text)


def check_page():
    page = read(os.path.join(SOURCE, "prelink-plugins/prelink.8")).decode().replace("\\-", "-")
    text = page[page.index(".SH ADVICE"):]
    text = text[:text.index("\n.SH ", 5)]
    paragraphs = dict(re.findall(r"\.TP\n\.B ([a-z-]+)\n(.*?)(?=\n\.TP|\Z)", text, re.S))
    expect_equal(list(paragraphs), names(), "findings in prelink(8)")
    for name, paragraph in paragraphs.items():
        expect(re.search(rf"\.EX\n/\S+: (wrong|costly): {name}: ", paragraph), f"no example of {name} in prelink(8)")


def make():
    f.library("liblost.so", "int nobody(void); int lost(void) { return nobody(); }")
    f.program("plost", "int lost(void); int main(void) { return lost(); }", "-llost", "-lm",
              "-Wl,--unresolved-symbols=ignore-all")
    f.program("pfine", "int main(void) { return 0; }")


def check_text():
    done = prelink("--advise", f.path("plost"), f.path("pfine"), status=1)
    lines = done.stdout.splitlines()
    level = [line.split(": ")[1] for line in lines]
    expect_equal(level, sorted(level, reverse=True), "what is wrong comes first")
    expect(re.match(rf"{f.path('liblost.so')}: wrong: undefined: needs nobody, which nobody defines; .*1 program; link",
                    lines[0]), lines[0])
    expect(re.search(r"plost: costly: unused: needs libm.so.6, .*; \d+ relocations, \d+ lookups, \d+ pages in 1 program; link",
                     done.stdout), done.stdout)
    more = prelink("--advise", "-v", f.path("plost"), status=1).stdout
    expect(f"    nobody: in 1 of 1 programs, for instance {f.path('plost')}\n" in more, more)
    prelink("--advise", f.path("pfine"))


def check_names():
    done = prelink("--advise=unused", f.path("plost"), status=1)
    expect_equal(len(done.stdout.splitlines()), 1, "lines of --advise=unused")
    done = prelink("--advise=unused,textrel", f.path("pfine"))
    expect_equal(done.stdout, "", "--advise=unused,textrel of a program with neither")
    for wrong in ("unusual", "unused,", "", ",unused"):
        done = prelink(f"--advise={wrong}", f.path("pfine"), status=2)
        expect_equal((done.stdout, done.stderr.count("\n")), ("", 1), f"--advise={wrong}")
        expect("is no finding" in done.stderr, done.stderr)


def check_root():
    """Inside a root of its own: what lies outside does not count."""
    os.makedirs(f.path("root/usr/bin"))
    run(["cp", f.path("pfine"), f.path("root/usr/bin")])
    said = json.loads(prelink("--root", f.path("root"), "--advise", "--json", "/usr/bin/pfine", status=1).stdout)
    expect_equal([(item["object"], item["finding"]) for item in said["findings"] if item["level"] == "wrong"],
                 [("/usr/bin/pfine", "missing"), ("/usr/bin/pfine", "undefined")], "in a root without a libc")


def check_malformed():
    data = bytearray(read(f.path("plost")))
    for at in range(64, len(data), 997):
        data[at] ^= 0xff
    write(f.path("broken"), bytes(data))
    done = prelink("--advise", f.path("broken"), f.path("pfine"), status=None)
    expect(done.returncode in (0, 1), f"a damaged program: {done.returncode}")
    expect("pfine" in done.stdout, "the next one is not looked at")
    done = prelink("--advise", "/no/such", status=1)
    expect_equal(done.stderr.count("\n"), 1, "lines about a file that is not there")


def check_hook():
    image = f.path("image")
    os.makedirs(image + "/usr/bin")
    os.makedirs(image + "/usr/lib/x")
    f.library("image/usr/lib/x/libown.so.1", "int own(void) { return 1; }")
    os.symlink("libown.so.1", image + "/usr/lib/x/libown.so")
    f.program("image/usr/bin/demo", "int own(void); int main(void) { return own(); }", f"-L{image}/usr/lib/x", "-lown", "-lm")
    environment = {**os.environ, "NOTEGEN": tool("notegen"), "PRELINK": tool("prelink")}

    def hook(*arguments, status=0):
        return run([HOOK, *arguments, image], status=status, env=environment)

    expect_equal(hook().stdout, "", "what it says without --advise")
    done = hook("--advise")
    expect("demo: costly: unused: needs libm.so.6" in done.stdout, done.stdout)
    expect("missing" not in done.stdout and "undefined" not in done.stdout, f"its own library is not found: {done.stdout}")
    hook("--advise=undefined,textrel", "--strict")
    done = hook("--advise=undefined,unused", status=1)
    expect("demo: costly: unused" in done.stdout and "--advise was to find" in done.stderr, done.stdout + done.stderr)
    expect("is no finding" in hook("--advise=nonsense", status=1).stderr, "an unknown finding")


check_page()
make()
check_text()
check_names()
check_root()
check_malformed()
check_hook()
print(f"{len(names())} findings, each with its name, its line and its paragraph")
