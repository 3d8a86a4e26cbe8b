#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""notegen remove --recorded: what notegen changed on a system is what it was, bit for bit; notes that came inside packages
stay, also where another was put in their place, and prelink gives out what was packaged; what an upgrade replaced is left alone; nothing is written down in a
package's image, nor followed out of the tree."""
import hashlib
import os
import shutil

from harness import compile_c, expect, expect_equal, notegen, prelink, read, scratch, skip, write

MANIFEST = """manifest: 1
application: {name}
hosts:
  - path: /usr/bin/{name}
plugins:
  - feature: {feature}
    path: /usr/lib/*.so
"""
RECORD = "/var/lib/prelink/notes"


def system(*names):
    """A tree with programs NAMES."""
    root = scratch()
    for name in ("usr/bin", "usr/lib", "var/lib/prelink"):
        os.makedirs(f"{root}/{name}")
    for name in names:
        compile_c(f'const char *text = "{name}"; int main(void) {{ return 0; }}', f"{root}/usr/bin/{name}")
    compile_c("int one(void) { return 1; }", root + "/usr/lib/one.so", "-shared", "-fPIC")
    return root


def add(root, name, feature, *options, **keywords):
    path = root + "/manifest.yaml"
    write(path, MANIFEST.format(name=name, feature=feature))
    return notegen("add", "--root", root, "--manifest", path, *options, **keywords)


def programs(root):
    """The digest of each."""
    return {name: hashlib.sha256(read(f"{root}/usr/bin/{name}")).hexdigest()[:12] for name in sorted(os.listdir(root + "/usr/bin"))}


def check_back():
    root = system("plain", "packaged", "removed", "twice")
    add(root, "packaged", "of-the-package", "--no-record")
    add(root, "removed", "of-the-package", "--no-record")
    expect(not os.path.exists(root + RECORD), "--no-record wrote something down")
    before = programs(root)
    add(root, "plain", "a")
    add(root, "packaged", "b")
    for feature in "c", "d", "e":
        add(root, "twice", feature)
    notegen("remove", "--root", root, "/usr/bin/removed")
    changed = programs(root)
    expect_equal([name for name in before if changed[name] == before[name]], [], "programs that did not change")
    notegen("remove", "--root", root, "--recorded")
    expect_equal(programs(root), before, "programs afterwards")
    expect("of-the-package" in notegen("show", root + "/usr/bin/packaged").stdout, "the package's note is gone")
    notegen("remove", "--root", root, "--recorded")
    expect_equal(programs(root), before, "programs after a second time")


def check_upgraded():
    """The new version of a file, with or without a note of its own, is nobody's but the package's."""
    root = system("upgraded", "noted", "gone", "script")
    for name in "upgraded", "noted", "gone", "script":
        add(root, name, "a")
    compile_c("int main(void) { return 2; }", root + "/usr/bin/upgraded")
    compile_c("int main(void) { return 3; }", root + "/usr/bin/noted")
    add(root, "noted", "a", "--no-record")
    os.unlink(root + "/usr/bin/gone")
    write(root + "/usr/bin/script", "#!/bin/sh\n")
    before = programs(root)
    notegen("remove", "--root", root, "--recorded")
    expect_equal(programs(root), before, "programs that were replaced")
    # Changed again after the upgrade: back to the upgraded one.
    add(root, "upgraded", "b")
    notegen("remove", "--root", root, "--recorded")
    expect_equal(programs(root), before, "an upgraded program, noted again")


def check_prelinked():
    root = system("program")
    before = programs(root)
    add(root, "program", "a")
    noted = programs(root)
    prelink("--root", root, "-r", "0x3000000000", root + "/usr/lib/one.so")
    changed = notegen("add", "--root", root, "--manifest", root + "/manifest.yaml")
    expect_equal((programs(root), changed.stderr), (noted, ""), "the same note again")
    notegen("remove", "--root", root, "--recorded")
    expect_equal(programs(root), before, "the program afterwards")


def check_originals():
    """What prelink gives out as a file's original, and its digest, is what was packaged, with the notes that came with it
    and without those that were added here; prelinked or not."""
    root = system("plain", "packaged")
    bin_, library = root + "/usr/bin/", root + "/usr/lib/one.so"
    compile_c("int main(void) { return 0; }", bin_ + "fixed", "-static")
    os.link(bin_ + "plain", bin_ + "linked")
    add(root, "packaged", "of-the-package", "--no-record")
    names = ["/usr/bin/plain", "/usr/bin/linked", "/usr/bin/packaged", "/usr/bin/fixed", "/usr/lib/one.so"]
    before = {name: read(root + name) for name in names}
    for name in "plain", "packaged", "fixed":
        add(root, name, "b")
    write(root + "/manifest.yaml", MANIFEST.format(name="x", feature="b").replace("/usr/bin/x", "/usr/lib/one.so"))
    notegen("add", "--root", root, "--manifest", root + "/manifest.yaml")
    expect_equal([name for name in names if read(root + name) == before[name]], [], "files without the note")
    for prelinked in False, True:
        if prelinked:
            prelink("--root", root, "-r", "0x3000000000", library)
        for option, digest in ("--md5", "md5"), ("--sha", "sha1"), ("--sha256", "sha256"):
            said = prelink("--root", root, "-y", option, *names).stdout.split("\n")[:-1]
            expect_equal(said, [f"{hashlib.new(digest, before[name]).hexdigest()}  {name}" for name in names], option)
        for name in names:
            for options in ["-y"], ["-u", "-o", "-"]:
                data = prelink("--root", root, *options, name, text=False, errors=None).stdout
                expect(data == before[name], f"{' '.join(options)} {name} is not what was packaged")
            prelink("--root", root, "-u", "-o", root + "/out", name)
            expect(read(root + "/out") == before[name], f"-o FILE {name} is not what was packaged")
    prelink("--root", root, "-u", library)
    # A record that is wrong about what the file was is no help, and that is said.
    record = read(root + RECORD)
    write(root + RECORD, record.replace(hashlib.sha256(before["/usr/lib/one.so"]).hexdigest().encode(), b"0" * 64))
    said = prelink("--root", root, "-y", "--md5", "/usr/lib/one.so", "/usr/bin/plain", status=1)
    expect("does not come out" in said.stderr and len(said.stdout.split("\n")) == 2, f"a wrong record: {said}")
    # What an upgrade put there is its own original.
    compile_c("int two(void) { return 2; }", library, "-shared", "-fPIC")
    expect(prelink("--root", root, "-y", library, text=False, errors=None).stdout == read(library), "an upgraded library")


def check_hostile():
    """A record that is none, a link in its place, a path out of the tree."""
    host = scratch()
    victim = compile_c("int main(void) { return 0; }", host + "/victim")
    for text in (b"", b"x", b"a\0b\0c\0d\0", b"0" * 64 + b"\0" + b"0" * 64 + b"\0\0relative\0", b"\0" * 4000):
        root = system("program")
        write(root + RECORD, text)
        before = programs(root)
        done = add(root, "program", "a", status=1 if text else 0)
        expect(not text or (programs(root) == before and "damaged" in done.stderr), f"{text[:9]}: {done.stderr}")
    root = system("program")
    os.symlink(victim, root + RECORD)
    data = read(victim)
    add(root, "program", "a", status=1)
    notegen("remove", "--root", root, "--recorded", status=1)
    expect(read(victim) == data, "a file of the host behind the record's name was changed")
    # What the record of a tree names is meant inside it.
    root = system("program")
    add(root, "program", "a")
    other = scratch("other-")
    shutil.copytree(root + "/usr", other + "/usr")
    noted = read(other + "/usr/bin/program")
    write(root + RECORD, read(root + RECORD).replace(b"/usr/bin/program", (other + "/usr/bin/program").encode()))
    notegen("remove", "--root", root, "--recorded")
    expect(read(other + "/usr/bin/program") == noted, "a program of another tree was changed")


if os.getuid() != 0:
    skip("only root keeps a record")
check_back()
check_upgraded()
check_prelinked()
check_originals()
check_hostile()
