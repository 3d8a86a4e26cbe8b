# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small libraries and programs with and without a finding, and what prelink --advise says of them."""
import json
import os

from harness import compile_c, expect, prelink, scratch


class Fixtures:
    """A directory in which libraries find each other by RUNPATH."""

    def __init__(self):
        self.top = scratch()
        self.count = 0

    def path(self, name):
        return os.path.join(self.top, name)

    def library(self, name, source, *flags, **keywords):
        return compile_c(source, self.path(name), "-shared", "-fPIC", "-O1", f"-Wl,-soname,{os.path.basename(name)}",
                         f"-L{self.top}", f"-Wl,-rpath,{self.top}", "-Wl,--no-as-needed", *flags, **keywords)

    def program(self, name, source, *flags, **keywords):
        return compile_c(source, self.path(name), "-O1", f"-L{self.top}", f"-Wl,-rpath,{self.top}",
                         "-Wl,--no-as-needed", *flags, **keywords)


def advise(*arguments, **keywords):
    """{(last part of the path, finding): what is said of it}, and the exit status."""
    done = prelink("--advise", "--json", *arguments, status=None, **keywords)
    expect(done.returncode in (0, 1) and not done.stderr, f"prelink --advise {arguments}: {done.stderr}")
    said = json.loads(done.stdout)
    wrong = [item for item in said["findings"] if item["level"] == "wrong"]
    expect((len(wrong), len(said["findings"]) - len(wrong)) == (said["wrong"], said["costly"]), "the counts are off")
    expect(done.returncode == (1 if wrong else 0), f"exit status {done.returncode} with {len(wrong)} wrong")
    return {(os.path.basename(item["object"]), item["finding"]): item for item in said["findings"]}


def subjects(item):
    return [detail["subject"] for detail in item["details"]]


def only(finding, found, **wanted):
    """FINDING is in FOUND where a keyword names the object and a part of what is said; and nowhere else."""
    seen = {name: item for (name, kind), item in found.items() if kind == finding}
    names = {name.replace("__", "."): text for name, text in wanted.items()}
    expect(set(seen) == set(names), f"{finding}: expected of {sorted(names)}, seen of {sorted(seen)}")
    for name, text in names.items():
        expect(text in seen[name]["what"], f"{finding} of {name}: {text!r} is not in {seen[name]['what']!r}")
    return seen
