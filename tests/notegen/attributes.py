#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a file has beside its bytes is kept: mode, owner, times, ACL, attributes, capabilities, hard links."""
import os
import shutil
import subprocess

import notes
from harness import compile_c, expect, expect_equal, need, notegen, read, run, scratch

SLEEPER = "#include <unistd.h>\nint main(void) { pause(); return 0; }"


def state(path):
    """All that stat and the extended attributes say, but what has to differ."""
    status = os.lstat(path)
    return {"mode": oct(status.st_mode), "owner": status.st_uid, "group": status.st_gid,
            "atime": status.st_atime_ns, "mtime": status.st_mtime_ns, "links": status.st_nlink,
            "attributes": {name: os.getxattr(path, name) for name in os.listxattr(path)}}


def check_kept(directory, name, what):
    """A round trip, with the state the same at every step."""
    path = os.path.join(directory, name)
    before, old = state(path), read(path)
    notes.add(directory, name)
    os.utime(path, ns=(before["atime"], before["mtime"]))  # reading it moved the time of access
    expect_equal(state(path), before, f"{what}, after add")
    expect(read(path) != old, f"{what}: add did nothing")
    os.utime(path, ns=(before["atime"], before["mtime"]))
    notegen("remove", path)
    expect_equal(state(path), before, f"{what}, after remove")
    expect_equal(read(path), old, f"{what}: bytes")


def check_attributes(directory, original):
    def copy(name):
        return shutil.copy2(original, os.path.join(directory, name))

    os.chmod(copy("read-only"), 0o444)
    check_kept(directory, "read-only", "a read-only file")
    os.utime(copy("times"), ns=(1234567890123456789, 987654321987654321))
    check_kept(directory, "times", "times to the nanosecond")
    try:
        os.setxattr(copy("xattr"), "user.colour", b"blue")
    except OSError as error:
        print(f"user attributes were not tried: {error}")  # tmpfs before Linux 6.6
    check_kept(directory, "xattr", "a user attribute")
    run(["setfacl", "-m", "u:1:rx,g:2:r", copy("acl")])
    check_kept(directory, "acl", "an access control list")
    if os.geteuid():
        print("not root: owners, set-user-id and capabilities were not tried")
        return 4
    os.chown(copy("owner"), 1234, 5678)
    os.chmod(os.path.join(directory, "owner"), 0o6751)
    check_kept(directory, "owner", "a set-user-id file of somebody else")
    run(["setcap", "cap_net_raw+ep", copy("capable")])
    check_kept(directory, "capable", "file capabilities")
    os.chown(copy("all"), 1234, 5678)
    run(["setfacl", "-m", "u:1:rwx", os.path.join(directory, "all")])
    run(["setcap", "cap_net_raw+ep", os.path.join(directory, "all")])
    check_kept(directory, "all", "an owner, a list and capabilities together")
    return 7


def check_default_acl(directory, original):
    """What the directory would give a new file does not reach the old one's successor."""
    below = os.path.join(directory, "default-acl")
    os.mkdir(below)
    shutil.copy2(original, os.path.join(below, "file"))
    run(["setfacl", "-d", "-m", "u:3:rwx", below])
    check_kept(below, "file", "a file below a default access control list")


def check_hard_links(directory, original):
    tree = os.path.join(directory, "tree")
    os.makedirs(os.path.join(tree, "a/b"))
    os.mkdir(os.path.join(tree, "c"))
    names = [os.path.join(tree, name) for name in ("one", "two", "a/b/three", "c/four")]
    shutil.copy2(original, names[0])
    for name in names[1:]:
        os.link(names[0], name)
    old = read(original)
    described = notes.manifest(os.path.join(directory, "links.yaml"), ["/a/b/three"])
    notegen("add", "--root", tree, "--manifest", described)
    expect_equal(len({os.stat(name).st_ino for name in names}), 1, "files that the four names name after add")
    expect_equal(os.stat(names[0]).st_nlink, 4, "links after add")
    expect(read(names[3]) != old, "the fourth name has the old file")
    notegen("remove", names[1], names[2])
    expect_equal(len({os.stat(name).st_ino for name in names}), 1, "files that the four names name after remove")
    expect_equal(read(names[3]), old, "the file by its fourth name")

    # One name outside of the tree: nobody can find it from inside, so nothing is replaced.
    os.link(names[0], os.path.join(directory, "outside"))
    before = [notes.identity(name) for name in names]
    done = notegen("add", "--root", tree, "--manifest", described, status=1)
    expect("5 hard links" in notes.errors(done)[0], f"unclear: {done.stderr}")
    expect_equal([notes.identity(name) for name in names], before, "the file with a name outside")


def check_running(directory):
    path = compile_c(SLEEPER, os.path.join(directory, "sleeper"))
    old = read(path)
    process = subprocess.Popen([path])
    try:
        notes.add(directory, "sleeper")
        expect(process.poll() is None, "the running program died")
        expect_equal(read(f"/proc/{process.pid}/exe"), old, "the file that the process runs")
        expect(read(path) != old, "add did nothing to a running program")
    finally:
        process.kill()
        process.wait()


def check_pattern_hosts(directory, original):
    """What a pattern alone names is left alone where changing it is a risk."""
    below = os.path.join(directory, "risks")
    os.makedirs(os.path.join(below, "shared"))
    os.chmod(os.path.join(below, "shared"), 0o1777)
    os.chmod(shutil.copy2(original, os.path.join(below, "setuid")), 0o4755)
    shutil.copy2(original, os.path.join(below, "shared/file"))
    shutil.copy2(original, os.path.join(below, "plain"))
    described = notes.manifest(os.path.join(directory, "risks.yaml"), ["/**/*"])
    done = notegen("add", "--root", below, "--manifest", described)
    for name, why in [("setuid", "set-user-id"), ("shared/file", "others can write")]:
        expect_equal(read(os.path.join(below, name)), read(original), f"{name} that only a pattern names")
        expect(any(name in line and why in line for line in done.stderr.splitlines()),
               f"nothing is said of {name}: {done.stderr}")
    expect(read(os.path.join(below, "plain")) != read(original), "the plain file has no note")
    notegen("add", "--root", below, "--manifest", described, os.path.join(below, "setuid"))
    expect(read(os.path.join(below, "setuid")) != read(original), "the file that was named has no note")


def main():
    need("setfacl", "setcap")
    directory = scratch()
    original = compile_c("int main(void) { return 0; }", os.path.join(directory, "original"))
    kinds = check_attributes(directory, original)
    check_default_acl(directory, original)
    check_hard_links(directory, original)
    check_running(directory)
    check_pattern_hosts(directory, original)
    expect_equal([name for _, _, names in os.walk(directory) for name in names if ".prelink-" in name], [],
                 "temporaries left")
    print(f"{kinds} kinds of attributes, a default list, 4 hard links, a running program, risky hosts")


main()
