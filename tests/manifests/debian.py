#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manifests are true of Debian 12, and of 13 and sid where these differ: in a root made of the real packages every
host and every pattern matches, in one release or another (notegen check --strict), and whatever a program dlopens in a
real run, as ld.so tells it (LD_DEBUG=files), is a plugin that the manifest of some object in that process names, or is
listed with the reason why not (debian_runs.py).  No manifest names a library that checks its own bytes.

Without LONG=1: libc, xine, Perl and Python.  NAME... on the command line: only those runs; record: notegen record."""
import os
import re
import shutil
import sys

import yaml

from debian_runs import AS_ROOT, ELSEWHERE, GROUPS
from harness import expect, need, notegen, run, skip, tool
from loads import MANIFESTS, Root, expression, loaded, manifests, unnamed
from scratch_root import Unavailable, master

# Libraries that are wrong once they were rewritten: they, or who loads them, compare them with a digest.
SELF_CHECKING = [f"{lib}/{name}" for lib in ("/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/firefox")
                 for name in ("ossl-modules/fips.so", "libsoftokn3.so", "libfreebl3.so", "libfreeblpriv3.so",
                              "nss/libsoftokn3.so", "libgcrypt.so.20", "libgnutls.so.30", "libkcapi.so.1")]


def check_self_checking(documents):
    named = [path for path in SELF_CHECKING if any(document.has([path]) for document in documents)]
    expect(not named, f"manifests name libraries that check themselves: {named}")


def coverage(root, name, commands, documents):
    """Runs the COMMANDS of manifest NAME.  Returns what they loaded that nobody names."""
    every, missing = {}, {}
    for command in commands:
        files = loaded(root, command, 0 if name in AS_ROOT else 65534)
        every.update(files)
        missing.update(unnamed(files, documents))
    aside = {path for path in missing for what in ELSEWHERE if re.search(what, path)}
    count = len(every) - len(aside)
    missing = {path: callers for path, callers in missing.items() if path not in aside}
    print(f"{name}: dlopened {len(every)}, named {count - len(missing)}, for other reasons {len(aside)}: "
          f"coverage {100 * (count - len(missing)) // count if count else 0} %", flush=True)
    return missing or ({} if count or not os.path.exists(f"{MANIFESTS}/{name}.yaml")
                       else {"": {f"loads no plugin at all: {commands}"}})


def check_record(root, documents):
    """What notegen record, inside ROOT, says of kate: every file that it matches is named by a manifest."""
    os.mkdir(root.files + "/lib")
    shutil.copy(tool("notegen"), root.files)
    for line in run(["ldd", tool("notegen")]).stdout.splitlines():
        found = re.search(r"(lib(?:elf|yaml|jansson)\S*) => (\S+)", line)
        if found:
            shutil.copy(found[2], root.files + "/lib/" + found[1])
    said = root.run(["env", "LD_LIBRARY_PATH=/files/lib", "/files/notegen", "record", "-o", "/files/kate.yaml", "--",
                     "env", "-u", "LD_LIBRARY_PATH", "timeout", "8", "kate", "-b", "-n", "/tmp/apache.conf"],
                    watched=False)
    expect(os.path.exists(root.files + "/kate.yaml"), f"notegen record kate wrote nothing: {said}")
    every, extra, hosts = every_file(root.path), set(), 0
    with open(root.files + "/kate.yaml", encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            hosts += 1
            for entry in document["plugins"]:
                names = entry.get("soname", [])
                if "path" in entry:
                    names = filter(expression(entry["path"]).fullmatch, every)
                extra.update(name for name in names if not any(document.has([name]) for document in documents)
                             and not any(re.search(what, name) for what in ELSEWHERE))
    expect(not extra, f"kate: recorded, and not what the manifests say: {sorted(extra)}")
    print(f"kate: {hosts} hosts recorded by notegen record, all that they match is named by the manifests")


def every_file(root):
    """Paths in ROOT of all that may be shared objects."""
    return ["/" + os.path.relpath(os.path.join(base, name), root) for base, _, names in os.walk(root + "/usr")
            for name in names if ".so" in name]


def check_patterns(root, names, nothing):
    """notegen check of the manifests NAMES in ROOT; what matches nothing there goes into NOTHING, {line: roots}."""
    files = [path for name in names for path in [os.path.join(MANIFESTS, name + ".yaml")] if os.path.exists(path)]
    done = notegen("check", "--strict", "--root", root.path, *files, status=None)
    print(done.stdout, end="")
    for line in done.stderr.splitlines():
        found = re.fullmatch(r"notegen: (.*\.yaml: .*) matches nothing in .*", line)
        expect(found, f"notegen check --strict: {line}")
        nothing.setdefault(found[1], []).append(root.path)


def main():
    need("unshare", "mount", "chroot", "ip")
    long = bool(os.environ.get("LONG"))
    only = sys.argv[1:]
    documents = manifests()
    check_self_checking(documents)
    have = {name[:-5] for name in os.listdir(MANIFESTS) if name.endswith(".yaml")}
    untested = have.difference(*(runs for _, _, runs, _ in GROUPS))
    expect(not untested, f"manifests without a run in this test: {sorted(untested)}")
    bad, nothing, roots = {}, {}, {}
    try:
        for suites, packages, runs, prepare in GROUPS if long or only else GROUPS[:1]:
            wanted = [name for name in runs if not only or name in only]
            record = "kate" in packages and "bookworm" in suites and (not only or "record" in only)
            for suite in suites if wanted or record else []:
                root = Root(master(*packages, suite=suite), prepare)
                print(f"{suite}:")
                check_patterns(root, wanted, nothing)
                for name in wanted:
                    roots[name] = roots.get(name, 0) + 1
                    bad.setdefault(name, {}).update(coverage(root, name, runs[name], documents))
                if record:
                    check_record(root, documents)
    except Unavailable as error:
        skip(str(error))
    for name, missing in bad.items():
        for path, callers in sorted(missing.items()):
            print(f"{name}: {path} is loaded by {', '.join(sorted(callers))} and named by no manifest of that process"
                  if path else f"{name}: {callers.pop()}")
    never = [line for line, where in nothing.items()
             if len(where) == roots[re.search(r"([^/]*)\.yaml: ", line)[1]]]
    expect(not never, "matches nothing in any release: " + "; ".join(never))
    bad = [name for name, missing in bad.items() if missing]
    expect(not bad, f"the manifests of {', '.join(bad)} do not name all that is loaded")


main()
