#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the commands do: which files get which entries, what is said, what --root keeps in."""
import json
import os
import re
import shutil

import notes
from harness import SOURCE, compile_c, expect, expect_equal, notegen, read, run, scratch, write

ONE, TWO = notes.ENTRIES


def tree(directory, name, original, *hosts):
    top = os.path.join(directory, name)
    for host in hosts:
        os.makedirs(os.path.dirname(top + host), exist_ok=True)
        shutil.copy2(original, top + host)
    return top


def entries(path):
    return [entry.get("feature") for entry in notes.shown(path)[path]]


def check_merge(directory, original):
    """Several manifests that name one host merge, in their order, and the same entry twice is one."""
    top = tree(directory, "merge", original, "/usr/bin/one", "/usr/bin/two", "/usr/bin/three")
    os.symlink("one", top + "/usr/bin/alias")
    manifests = os.path.join(directory, "manifests")
    os.mkdir(manifests)
    third = {"feature": "third", "path": "/usr/bin/t*"}
    notes.manifest(manifests + "/10.yaml", ["/usr/bin/{one,two}"], [ONE])
    notes.manifest(manifests + "/20.yaml", ["/usr/bin/alias"], [third, ONE])
    notes.manifest(manifests + "/30.yaml", ["/usr/bin/t*"], [TWO, TWO])
    notes.manifest(manifests + "/40.yaml", ["/opt/**/*"], [TWO])
    write(manifests + "/50.yml", "not read: not called *.yaml")
    done = notegen("add", "--root", top, "--manifest-dir", manifests, "-v")
    expect_equal(entries(top + "/usr/bin/one"), ["input", "third"], "entries of one")
    expect_equal(entries(top + "/usr/bin/two"), ["input", "output"], "entries of two")
    expect_equal(entries(top + "/usr/bin/three"), ["output"], "entries of three")
    expect_equal(sorted(line.rsplit("/", 1)[1] for line in done.stdout.splitlines() if "note added" in line),
                 [f"{name}: note added" for name in ("one", "three", "two")], "files that -v names")
    for i in range(60, 80):
        notes.manifest(f"{manifests}/{i}.yaml", ["/opt/**/*"], [TWO])
    done = notegen("add", "--root", top, "--manifest-dir", manifests, "-v", "-n")
    expect_equal([line for line in done.stdout.splitlines() if "no host" in line],
                 ["no host of 21 of the 24 applications with a manifest is there"], "what is not there, once")
    # The order of --manifest is the order of the entries.
    notegen("add", "--root", top, "--manifest", manifests + "/20.yaml", "--manifest", manifests + "/10.yaml")
    expect_equal(entries(top + "/usr/bin/one"), ["third", "input"], "entries of one, the other way round")
    expect(os.path.islink(top + "/usr/bin/alias"), "the symbolic link is one no more")


def check_selection(directory, original):
    """With ELF arguments only these, in whatever way they are named; a note that changes is replaced."""
    top = tree(directory, "select", original, "/usr/bin/a", "/usr/bin/b", "/usr/bin/c")
    os.symlink("a", top + "/usr/bin/link")
    described = notes.manifest(os.path.join(directory, "select.yaml"), ["/usr/bin/[ab]"], [ONE])
    old = read(original)
    notegen("add", "--root", top, "--manifest", described, "/usr/bin/link")
    expect_equal(entries(top + "/usr/bin/a"), ["input"], "entries of the file that was named")
    expect_equal(read(top + "/usr/bin/b"), old, "a host that was not named")
    done = notegen("add", "--root", top, "--manifest", described, top + "/usr/bin/c", top + "/usr/bin/b", status=1)
    expect("no manifest names it" in notes.errors(done)[0], f"unclear: {done.stderr}")
    expect_equal(entries(top + "/usr/bin/b"), ["input"], "the host beside a file that is none")
    notes.manifest(described, ["/usr/bin/[ab]"], [TWO])
    notegen("add", "--root", top, "--manifest", described)
    expect_equal([entries(top + "/usr/bin/" + name) for name in "ab"], [["output"]] * 2, "entries replaced")
    notegen("remove", *(top + "/usr/bin/" + name for name in "ab"))
    expect_equal([read(top + "/usr/bin/" + name) for name in "abc"], [old] * 3, "files after a note was replaced")
    before = notes.identity(top + "/usr/bin/c")
    notegen("remove", top + "/usr/bin/c")
    expect_equal(notes.identity(top + "/usr/bin/c"), before, "a file without a note after remove")


def check_dry_run(directory, original):
    top = tree(directory, "dry", original, "/bin/x")
    described = notes.manifest(os.path.join(directory, "dry.yaml"), ["/bin/x"])
    before = notes.identity(top + "/bin/x")
    done = notegen("add", "-n", "--root", top, "--manifest", described)
    expect_equal(done.stdout, f"{top}/bin/x: would be changed: note added\n", "what -n says")
    expect_equal(notes.identity(top + "/bin/x"), before, "the file after -n")


def check_strict(directory, original):
    top = tree(directory, "strict", original, "/bin/x", "/lib/p1.so")
    found, missing = {"path": "/lib/p*.so"}, {"path": "/lib/q*.so"}
    before = notes.identity(top + "/bin/x")
    for hosts, plugins, says in [(["/bin/x", "/bin/y"], [found], "/bin/y"), (["/bin/x"], [found, missing], "/lib/q*.so")]:
        described = notes.manifest(os.path.join(directory, "strict.yaml"), hosts, plugins)
        for command in [["add", "--root", top, "--strict", "--manifest", described],
                        ["check", "--root", top, "--strict", described]]:
            lines = notes.errors(notegen(*command, status=1))
            expect(len(lines) == 1 and says in lines[0], f"{command}: {lines}")
            expect_equal(notes.identity(top + "/bin/x"), before, "the host of a pattern that matches nothing")
        warned = notegen("check", "--root", top, described)
        expect("warning" in warned.stderr and says in warned.stderr, f"check says nothing of {says}")
    described = notes.manifest(os.path.join(directory, "strict.yaml"), ["/bin/x"], [found])
    done = notegen("check", "--root", top, "--strict", described)
    expect_equal((done.stdout, done.stderr),
                 (f"{described}: demo: hosts 1, plugin entries 1, files they match 1\n", ""), "check")
    # In a directory of manifests, an application that is not installed is no mistake.
    os.mkdir(os.path.join(directory, "strict.d"))
    notes.manifest(os.path.join(directory, "strict.d/absent.yaml"), ["/opt/absent"], [missing])
    done = notegen("add", "--root", top, "--strict", "--manifest-dir", os.path.join(directory, "strict.d"))
    expect_equal(done.stderr, "", "what is said of an application that is not installed")


def check_root(directory, original):
    """Links that point out of the tree are resolved inside it."""
    top = tree(directory, "root", original, "/real/host")
    outside = shutil.copy2(original, os.path.join(directory, "outside"))
    before = notes.identity(outside)
    os.symlink("/real", top + "/absolute")
    os.symlink("../../../../../../../../real/host", top + "/up")
    os.symlink(outside, top + "/escape")
    os.symlink(directory, top + "/away")
    described = notes.manifest(os.path.join(directory, "root.yaml"),
                               ["/absolute/host", "/up", "/escape", "/away/outside", "/../outside", "/**/outside"])
    done = notegen("add", "--root", top, "--manifest", described, status=None)
    expect_equal(notes.identity(outside), before, "a file outside of the tree")
    described = notes.manifest(os.path.join(directory, "root.yaml"), ["/absolute/host", "/up"])
    notegen("add", "--root", top, "--manifest", described)
    expect_equal(entries(top + "/real/host"), ["input", "output"], "the host behind links")
    return done


def check_show(directory, original):
    """The note of the UAPI group's specification is shown beside ours; odd names stay one line."""
    name = os.path.join(directory, "a\nb")
    shutil.copy2(original, name)
    text = b'[{"feature":"z","description":"compress","priority":"suggested","soname":["libz.so.1"]}]\0'
    note = (4).to_bytes(4, "little") + len(text).to_bytes(4, "little") + (0x407c0c0a).to_bytes(4, "little")
    write(os.path.join(directory, "dlopen"), note + b"FDO\0" + text + b"\0" * (-len(text) % 4))
    run(["objcopy", "--add-section", f".note.dlopen={directory}/dlopen", "--set-section-flags",
         ".note.dlopen=readonly", original, directory + "/fdo"])
    done = json.loads(notegen("show", "--json", name, directory + "/fdo").stdout)
    expect_equal(done[0], {"file": name, "plugins": [], "dlopen": []}, "a file without notes")
    expect_equal(done[1]["dlopen"], [{"feature": "z", "description": "compress", "priority": "suggested",
                                      "soname": ["libz.so.1"]}], "what .note.dlopen says")
    expect("libz.so.1" in notegen("show", directory + "/fdo").stdout, "show says nothing of .note.dlopen")
    write(name, "no ELF file")
    expect_equal(len(notegen("show", name, status=1).stderr.splitlines()), 1, "lines about a name with a newline")


def check_examples(directory):
    """The examples of manifests/README are manifests."""
    text = read(os.path.join(SOURCE, "manifests/README")).decode()
    examples = re.findall(r"(?:^       .*\n|^\n(?=       ))+", text[text.index("Three examples"):], re.M)
    expect_equal(len(examples), 3, "examples in manifests/README")
    for number, example in enumerate(examples):
        write(f"{directory}/example{number}.yaml", re.sub(r"^       ", "", example, flags=re.M))
        notegen("check", f"{directory}/example{number}.yaml")


def check_usage(directory):
    for arguments in [[], ["unknown"], ["--unknown"], ["show"], ["remove"], ["check"], ["add", "--unknown"],
                      ["show", "--manifest", "x", "y"]]:
        notegen(*arguments, status=2)
    for arguments in [["--help"], ["add", "--help"], ["show", "--help"], ["remove", "--help"], ["check", "--help"]]:
        text = notegen(*arguments).stdout.splitlines()
        text = [line for line in text if not line.strip().startswith("/")]  # where it is installed, however long
        expect(len(text) <= 24 and max(map(len, text)) <= 80, f"{arguments} does not fit a screen")
    expect(notegen("--version").stdout.startswith("notegen "), "--version")
    expect_equal(notegen("show", "/bin/sh", stdout=open("/dev/full", "w"), status=1).returncode, 1, "a full disk")


def main():
    directory = os.path.realpath(scratch())
    original = compile_c("int main(void) { return 0; }", os.path.join(directory, "original"))
    check_merge(directory, original)
    check_selection(directory, original)
    check_dry_run(directory, original)
    check_strict(directory, original)
    check_root(directory, original)
    check_show(directory, original)
    check_examples(directory)
    check_usage(directory)
    print("merging, selection, -n, --strict, --root, show, usage")


main()
