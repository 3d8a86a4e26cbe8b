# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of notegen share."""
import json
import os

import harness
from harness import expect, expect_equal, fail, read

ENTRIES = [
    {"feature": "input", "description": "gets the data", "priority": "required",
     "path": "/usr/lib/demo/plugins/inp_*.so"},
    {"feature": "output", "priority": "suggested", "exclusive": "output", "soname": ["libout.so.2", "libout.so.1"]},
]


def manifest(path, hosts, entries=ENTRIES, application="demo"):
    """Writes a manifest (JSON is YAML) and returns its path."""
    harness.write(path, json.dumps({"manifest": 1, "application": application,
                                    "hosts": [{"path": host} for host in hosts], "plugins": entries}))
    return path


def shown(*paths):
    """What `notegen show --json` says of each path."""
    return {item["file"]: item["plugins"] for item in json.loads(harness.notegen("show", "--json", *paths).stdout)}


def add(directory, name, *options, status=0):
    """Adds the note to the file NAME of DIRECTORY, whose manifest is written beside it."""
    described = manifest(os.path.join(directory, "add.yaml"), [os.path.join(os.path.realpath(directory), name)])
    return harness.notegen("add", "--manifest", described, *options, os.path.join(directory, name), status=status)


def errors(done):
    """The lines on standard error that are no warnings."""
    return [line for line in done.stderr.splitlines() if ": warning: " not in line]


def identity(path):
    """What must not change in a file that is left alone."""
    status = os.lstat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode


def header_size(data):
    return 64 if data[4] == 2 else 52


def expect_appended(old, new, what):
    """All bytes but the ELF header are where they were."""
    size = header_size(old)
    expect(new[size:len(old)] == old[size:], f"{what}: bytes that were in the file changed")
    expect(len(new) > len(old), f"{what}: nothing was appended")


def round_trip(directory, name):
    """add, again, remove: the note is there, then the file is what it was."""
    path = os.path.join(directory, name)
    old = read(path)
    add(directory, name)
    expect_appended(old, read(path), name)
    expect_equal(shown(path)[path], ENTRIES, f"the note of {name}")
    before = identity(path)
    add(directory, name)
    expect_equal(identity(path), before, f"{name} after adding the same note again")
    harness.notegen("remove", path)
    if read(path) != old:
        fail(f"{name}: not the original again after remove")
