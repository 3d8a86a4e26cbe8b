#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What prelink says: closing summary with every reason, tables as text and JSON, a bar on a terminal only."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import elf
import graph
from harness import expect, expect_equal, prelink, read, scratch, tool, write

root = graph.Root(scratch())
common = root.library("common")
own = root.library("own", needed=[common])
plugin = root.library("plug", directory="/usr/lib/plugins", needed=[common])
root.program("prog", [own])
root.note("/usr/bin/prog", {"feature": "things", "exclusive": "one", "path": "/usr/lib/plugins/lib*.so"})
setid, trailing, listed = root.library("setid"), root.library("trailing"), root.library("black")
os.chmod(root.path + setid, 0o4755)
write(root.path + trailing, read(root.path + trailing) + b"more")
os.makedirs(root.path + "/usr/lib/open")
writable = root.library("writable", directory="/usr/lib/open")
os.chmod(root.path + "/usr/lib/open", 0o777)
root.add_notes()
at = ["--root", root.path, "--with-plugins", "-b", listed]

# Each object that is left alone is counted under its reason, and named with -v.
done = prelink(*at, "-a")
lines = done.stdout.splitlines()
expect(re.match(r"prelinked 3, unchanged \d+, programs without a plan 1, left alone 4:$", lines[0]),
       f"closing summary: {lines}")
expect_equal([int(line.split()[0]) for line in lines[1:-1]], [1, 1, 1, 1], "objects by reason")
# The last line: what was walked, links to it not twice.
WALKED = ("/usr/bin", "/usr/lib")
walked = [(base, names) for top in WALKED for base, _, names in os.walk(root.path + top)]
files = {os.path.realpath(os.path.join(base, name)) for base, names in walked for name in names}
files = {path for path in files if read(path)[:4] == b"\177ELF"}
count = sum(elf.Elf(path).interpreter() is not None for path in files)
expect_equal(lines[-1], f"looked at {', '.join(WALKED)}: {len(walked)} directories, {count} programs, "
                        f"{len(files) - count} libraries and plugins", "what -a walked")
text = prelink(*at, "-anv").stdout
for path in (setid, trailing, listed, writable):
    expect_equal(len(re.findall(rf"^{re.escape(path)}: \w", text, re.M)), 1,
                 f"times that -v says why {path} is left alone")
again = prelink(*at, "-a").stdout.splitlines()
expect(again[0].startswith("prelinked 0, ") and again[1:] == lines[1:], f"summary of a second run: {again}")
quick = prelink(*at, "-aq").stdout.splitlines()
expect_equal(quick, again[:-1], "what -q says of a second run")
expect_equal(prelink(*at, "-uan").stdout, "would have undone 3\n", "what -u says it would do")

# Tables: every slot by address, the program with its counts, its plugin with -v.
table = prelink(*at, "-p").stdout
rows = re.findall(r"^0x([0-9a-f]+)-0x([0-9a-f]+) +(\d+) +(\d+)  (\S+)$", table, re.M)
expect_equal(sorted(row[4] for row in rows), sorted([common, own, plugin]), "slots that -p prints")
starts = [int(row[0], 16) for row in rows]
expect_equal(starts, sorted(starts), "order of addresses")
expect_equal(next(row[3] for row in rows if row[4] == common), "1", "programs that use the common library")
expect(re.search(r"^ +3 +1  /usr/bin/prog$", table, re.M), f"-p does not count scope and plugins: {table}")
verbose = prelink(*at, "-pv").stdout
expect(f"plugin [things, exclusive one] of /usr/bin/prog: {plugin}" in verbose, f"-pv without plugin: {verbose}")

document = json.loads(prelink(*at, "-p", "--json").stdout)
item = {o["path"]: o for o in document["objects"]}
expect_equal(item["/usr/bin/prog"]["scope"], ["/usr/bin/prog", own, common], "scope in JSON")
expect_equal(item["/usr/bin/prog"]["plugins"],
             [{"path": plugin, "host": "/usr/bin/prog", "feature": "things", "exclusive": "one", "adds": [plugin]}],
             "plugins in JSON")
expect_equal({key for o in document["objects"] for key in o},
             {"path", "machine", "kind", "slot", "start", "end", "size", "skip", "prelinked", "uses", "scope",
              "plugins", "no_plan"}, "keys of an object in JSON")
expect_equal((item["/usr/bin/prog"]["no_plan"], "no_plan" in item[own]), ("the run-time module is not installed", False),
             "no_plan in JSON")
for options in (["-an"], ["-a"], ["-av"], ["-anR"]):
    json.loads(prelink(*at, *options, "--json").stdout)
seed = json.loads(prelink(*at, "-anRf", "--json").stdout)
same = json.loads(prelink(*at, "-anf", "--json", "--seed", seed["seed"]).stdout)
expect_equal(same["objects"], seed["objects"], "objects with the seed that was said")
expect("--seed " + "0x5" in prelink(*at, "-anvf", "--seed", "5").stdout, "-v does not say the seed")

# A path cannot garble a terminal.
odd = "/usr/lib/plugins/libodd\x1b[31m\n.so"
os.link(root.path + root.library("odd", directory="/usr/lib/plugins"), root.path + odd)
os.unlink(root.path + "/usr/lib/plugins/libodd.so")
prelink(*at, "-a")
expect("\x1b" not in prelink(*at, "-pv").stdout, "a control character of a path is printed")
expect(odd in {o["path"] for o in json.loads(prelink(*at, "-p", "--json").stdout)["objects"]},
       "an odd path is not what it is in JSON")


def on_terminal(*arguments, columns=80, term="xterm"):
    """What prelink writes to standard error where that is a terminal of TERM with so many COLUMNS."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([tool("prelink"), *arguments], stderr=theirs, stdout=subprocess.DEVNULL,
                          env={**os.environ, "TERM": term}) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
    os.close(ours)
    expect_equal(process.returncode, 0, "exit status on a terminal")
    return seen.decode()


seen = on_terminal(*at, "-af")
expect(re.search(r"\[#* *\] \d+/\d+ /", seen), f"no bar on a terminal: {seen!r}")
bars = re.findall(r"(\d+)/(\d+) ", seen)
expect(all(int(a) <= int(b) for a, b in bars), f"more done than there is: {bars}")
expect(seen.rfind("\r\x1b[K") > seen.rfind("[#"), f"the bar is not cleared at the end: {seen!r}")
for columns in (80, 62, 24, 20):
    drawn = [line for line in re.split(r"\r(?:\x1b\[K)?", on_terminal(*at, "-af", columns=columns)) if " [" in line]
    expect(drawn and max(map(len, drawn)) < columns, f"{columns} columns: {drawn}")
    if columns == 62:  # a path that does not fit loses its directory, not its name
        expect(all(re.search(r" (/|\.\.\.)\S+$", line) for line in drawn), f"a path without its name: {drawn}")
        expect(any(line.endswith((".so", "prog")) and "..." in line for line in drawn), f"nothing was cut: {drawn}")
for narrow in ({"columns": 19}, {"term": "dumb"}, {"term": ""}):
    expect("[#" not in on_terminal(*at, "-af", **narrow), f"a bar on a terminal with {narrow}")
expect("[#" not in prelink(*at, "-af").stderr, "a bar where standard error is no terminal")

# Standard output that cannot be written is an error.
with open("/dev/full", "w") as full:
    done = subprocess.run([tool("prelink"), *at, "-p"], stdout=full, stderr=subprocess.PIPE, text=True)
expect_equal((done.returncode, done.stderr.count("\n")), (1, 1), "exit status and messages with a full disk")
print(f"summary, {len(rows)} slots, JSON, bar: as they should be")
