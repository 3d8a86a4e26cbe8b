#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink.conf: what is walked, what is left alone, and what a mistake in it does."""
import json
import os
import shutil

import graph
from harness import expect, expect_equal, prelink, read, scratch, write
from shaped_elf import Shape

root = graph.Root(scratch())
a = root.library("a")
b = root.library("b", directory="/usr/lib/plugins")
py = root.library("c.py")
prog = root.program("prog", [a])
os.makedirs(root.path + "/opt/with space")
os.makedirs(root.path + "/opt/v1/lib")
os.makedirs(root.path + "/opt/v2/lib")
os.symlink("usr/lib", root.path + "/lib")
for name in ("/opt/with space/libs.so", "/opt/v1/lib/libv1.so", "/opt/v2/lib/libv2.so"):
    os.link(root.path + root.library(os.path.basename(name)[3:-3], directory="/usr/lib/plugins"), root.path + name)
    os.unlink(root.path + "/usr/lib/plugins/" + os.path.basename(name))
os.symlink("/usr/lib/plugins", root.path + "/opt/link")
V1, V2, SPACE = "/opt/v1/lib/libv1.so", "/opt/v2/lib/libv2.so", "/opt/with space/libs.so"
BRACES = "/srv/{1,2}/libs.so"
os.makedirs(root.path + "/srv/{1,2}")
os.makedirs(root.path + "/usr/lib/cut")
shutil.copy(root.path + V1, root.path + BRACES)


def found(conf, *options, status=0):
    """Paths in the table of a dry run with that configuration, but for those that were left alone."""
    write(root.path + "/etc/prelink.conf", conf)
    done = prelink("--root", root.path, "-an", "--json", *options, status=status)
    if status:
        return done.stderr
    return sorted(o["path"] for o in json.loads(done.stdout)["objects"] if "blacklist" not in str(o["skip"]))


cases = [
    ("a file", f"{a}\n", [a]),
    ("a directory and all below it", "/usr/lib\n", [a, b, py]),
    ("comments and blanks", f"# /usr/bin\n\n  \t\n  {a}   # and more\n", [a]),
    ("no newline at the end", f"{a}\n{b}", [a, b]),
    ("carriage returns", f"{a}\r\n", [a]),
    ("a pattern of directories", "/opt/v*/lib\n", [V1, V2]),
    ("a pattern of files", "/usr/lib/t/lib?.so\n", [a]),
    ("-l", "-l /usr/lib\n", [a, b, py]),
    ("a link is not followed", "/opt\n", [V1, V2, SPACE]),
    ("-h follows it", "-h /opt\n", [V1, V2, SPACE, b]),
    ("-l and -h together", "-l -h /opt\n", [V1, V2, SPACE, b]),
    ("quotes", '"/opt/with space"\n', [SPACE]),
    ("a backslash", "/opt/with\\ space\n", [SPACE]),
    ("a named link is followed", "/lib/t\n", [a, py]),
    ("what is not there is passed over", f"/nowhere\n{a}\n", [a]),
    ("-b with a path", f"/usr/lib\n-b {b}\n", [a, py]),
    ("-b with a directory", "/usr/lib\n-b /usr/lib/t/\n", [b]),
    ("-b through a link", "/usr/lib\n-b /lib/t\n", [b]),
    ("-b with a pattern", "/usr/lib\n-b /usr/lib/plug*\n", [a, py]),
    ("-b for what is found as a dependency", "/usr/bin\n-b /usr/lib/t\n", [prog]),
    ("-b with a name", "/usr/lib\n-b *.py.so\n", [a, b]),
    ("braces", "/opt/v{1,2}/lib\n", [V1, V2]),
    ("braces with an empty part, and not all of it there", "/opt/{,v1/,v3/}lib\n", [V1]),
    ("braces around a pattern", "/opt/{v*/lib,with\\ space}\n", [V1, V2, SPACE]),
    ("braces in braces", "/opt/{v{1,2}/lib,nothing}\n", [V1, V2]),
    ("a brace after a backslash", "/srv/\\{1,2\\}\n", [BRACES]),
    ("-l with braces, as the classic's example has", "-l /opt/{v1,v2,v64}/lib\n", [V1, V2]),
    ("-b with braces", "/opt\n/srv\n-b /opt/v{1,2}\n-b /srv/*\\{*\n", [SPACE]),
    ("-b comes before what it is about", "-b *.py.so\n/usr/lib\n", [a, b]),
]
for what, conf, wanted in cases:
    expect_equal(found(conf), sorted(wanted), what)
expect_equal(found("/usr/lib\n", "-b", "/usr/lib/plugins", "-b", "*.py*"), [a], "-b on the command line")
expect_equal(found("/opt\n", "-b", "/opt/{v1,with space}"), [V2], "-b with braces on the command line")
expect_equal(found("/opt\n", "-h"), sorted([V1, V2, SPACE, b]), "-h on the command line")

os.makedirs(root.path + "/etc/prelink.conf.d")
write(root.path + "/etc/prelink.conf.d/1.conf", f"{a}\n")
write(root.path + "/etc/prelink.conf.d/2.conf", f"{b}\n")
expect_equal(found("-c /etc/prelink.conf.d/*.conf\n"), sorted([a, b]), "-c with a pattern")
expect_equal(found("-c /etc/prelink.conf.d/1.conf\n"), [a], "-c with a file")
expect_equal(found(f"-c /etc/none/*.conf\n{a}\n"), [a], "-c with a pattern that matches nothing")

# One that is named and lies outside: it is about the tree all the same, and what it includes is in there.
own = scratch() + "/own.conf"
write(own, "-c /etc/prelink.conf.d/1.conf\n/opt/v1\n-b /usr/lib/none\n")
expect_equal(found("", "-c", own), sorted([a, V1]), "-c with a file outside")
for _ in range(2):  # the second finds all as it was left
    prelink("--root", root.path, "-a", "-c", own)
write(own, f"{b}\n")
expect("prelinked 1, " in prelink("--root", root.path, "-aq", "-c", own).stdout, "-q, when it was changed")
write(own, "nowhere\n")
expect(f"{own}: line 1" in found("", "-c", own, status=1), "a mistake in a file outside")
message = found("", "-c", own + ".none", status=1)
expect(root.path + own + ".none" in message, f"a file that is nowhere: {message}")

mistakes = [
    ("-x /usr/lib\n", "line 1"),
    (f"{a}\nusr/lib\n", "line 2"),
    ("-b\n", "line 1"),
    ('"/usr/lib\n', "line 1"),
    ("/usr/lib /usr/bin\n", "line 1"),
    ("/usr/lib/[a\n", "line 1"),
    ("/usr/lib{,64\n", "line 1"),
    (f"{a}\n-b /usr/lib{{,64\n", "line 2"),
    ("/" + "{a,b}" * 17 + "\n", "line 1"),
    ("-c /etc/prelink.conf\n", "circle"),
    ("-c /etc/none.conf\n", "none.conf"),
    ("\0\n", "line 1"),
]
for conf, where in mistakes:
    message = found(conf, status=1)
    expect(where in message, f"{conf!r}: expected a message with {where!r}, seen {message!r}")

# What is wrong with a file that is to be left alone is not said; with another it is.
cut, endless = Shape(), Shape()
at = endless.get("ph[2].p_offset") + 32
end = endless.get("ph[1].p_offset") + endless.get("ph[1].p_filesz")
endless.data[at:end] = b"\x7f" * (end - at)
for what, data in (("truncated", cut.data[:300]), ("without an end of its dynamic section", endless.data)):
    write(root.path + "/usr/lib/cut/libcut.so", bytes(data))
    write(root.path + "/etc/prelink.conf", "/usr/lib/cut\n")
    expect("libcut.so: reading" in prelink("--root", root.path, "-an", status=1).stderr, f"nothing is said of one {what}")
    done = prelink("--root", root.path, "-an", "-b", "libcut.so")
    expect_equal(done.stderr, "", f"what is said of one {what}, with -b")
os.unlink(root.path + "/etc/prelink.conf")
done = prelink("--root", root.path, "-an", status=1)
expect(root.path + "/etc/prelink.conf" in done.stderr, f"a missing configuration is not named: {done.stderr!r}")
write(root.path + "/etc/other", f"{a}\n")
done = prelink("--root", root.path, "-an", "--json", "-c", "/etc/other")
expect_equal([o["path"] for o in json.loads(done.stdout)["objects"]], [a], "-c FILE")

# A file of megabytes is not what anybody wrote: of each kind that is said, with its name.
write(root.path + "/etc/prelink.conf", f"{prog}\n")
prelink("--root", root.path, "-an")
for path in ("/etc/prelink.conf", "/etc/ld.so.conf", "/etc/ld.so.preload"):
    before = read(root.path + path) if os.path.exists(root.path + path) else b""
    write(root.path + path, before + b"#" * (1 << 20) + b"\n")
    said = prelink("--root", root.path, "-an", "--libs-only", status=1).stderr
    expect(said.startswith(f"prelink: {root.path}{path}: reading ") and "larger than what is looked at" in said and
           said.count("\n") == 1, f"what is said of a large {path}: {said!r}")
    write(root.path + path, before)
print(f"{len(cases) + 5} configurations, {len(mistakes) + 1} mistakes")
