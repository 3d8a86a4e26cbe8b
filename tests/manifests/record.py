#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""notegen record and notegen suggest.  What they print is a valid manifest; what record sees is what ld.so says was
loaded, by whom, in children too, and nothing that failed to load; --exact, --append, -o.  What it records of
xine-list, python3 and perl matches no file that the manifests do not match.  suggest finds what is there to find, marks
it as guessed, and changes nothing."""
import glob
import os
import re

import yaml

from harness import SOURCE, compile_c, expect, expect_equal, notegen, read, scratch, write

HOST = """#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static const char *directory = "{directory}", *name = "libonly-by-name.so.3";
int main(int argc, char **argv) {{
	for (int i = 1; i < argc; i++)
		if (!dlopen(argv[i], RTLD_NOW)) fprintf(stderr, "%s\\n", dlerror());
	return argc < 2 && directory && name;
}}
"""


def recorded(*arguments):
    """The manifests that record writes, and what it says beside them."""
    path = os.path.join(scratch(), "m.yaml")
    done = notegen("record", "-o", path, *arguments)
    if not os.path.exists(path):
        return [], done.stderr
    notegen("check", "--strict", path)
    return list(yaml.safe_load_all(read(path))), done.stderr


def says(manifests):
    """Who loads what, as a comparable dictionary."""
    return {host["path"]: sorted(entry.get("path") or entry["soname"][0] for entry in manifest["plugins"])
            for manifest in manifests for host in manifest["hosts"]}


class Demo:
    """A program, a library that loads plugins for it, and a directory of plugins."""

    def __init__(self):
        self.top = os.path.realpath(scratch())
        self.plugins = self.top + "/plug[in]s"
        os.mkdir(self.plugins)
        for name in ("one", "two"):
            compile_c(f"int {name};", f"{self.plugins}/{name}.so", "-shared", "-fPIC", "-nostdlib")
        os.mkdir(self.top + "/alone")
        compile_c("int alone;", self.top + "/alone/alone.so", "-shared", "-fPIC", "-nostdlib")
        compile_c("int broken; extern int nobody_has_this; int *p = &nobody_has_this;", self.plugins + "/broken.so",
                  "-shared", "-fPIC", "-nostdlib")
        compile_c("#include <dlfcn.h>\nvoid *load(const char *n) { return dlopen(n, RTLD_NOW); }",
                  self.top + "/libload.so.1", "-shared", "-fPIC", "-Wl,-soname,libload.so.1")
        self.program = compile_c(HOST.format(directory=self.plugins), self.top + "/program")
        self.by_library = compile_c("void *load(const char *); int main(int c, char **v) { return !load(v[c - 1]); }",
                                    self.top + "/by-library", "-L" + self.top, "-l:libload.so.1",
                                    "-Wl,-rpath," + self.top)


def check_record(demo):
    quoted = demo.plugins.replace("[", "\\[").replace("]", "\\]")
    one, alone = demo.plugins + "/one.so", demo.top + "/alone/alone.so"
    expect_equal(says(recorded("--", demo.program, one, alone)[0]),
                 {demo.program: sorted([quoted + "/*.so", alone])}, "a directory of plugins, and a file by itself")
    expect_equal(says(recorded("--exact", demo.program, one)[0]), {demo.program: [quoted + "/one.so"]}, "--exact")
    expect_equal(says(recorded("--exact", demo.by_library, one)[0]),
                 {demo.top + "/libload.so.1": [quoted + "/one.so"]}, "a library that calls dlopen")
    # Children, one of them by exec, found through PATH.
    os.environ["PATH"] += ":" + demo.top
    expect_equal(says(recorded("--exact", "--", "sh", "-c", f"by-library '{one}'; exec program {alone}")[0]),
                 {demo.top + "/libload.so.1": [quoted + "/one.so"], demo.program: [alone]}, "children")
    # What does not load is no plugin; what is asked for by name is a soname.
    expect_equal(says(recorded("--exact", demo.program, demo.plugins + "/broken.so", "/nonexistent.so", "libz.so.1")[0]),
                 {demo.program: ["libz.so.1"]}, "failures, and a bare name")
    none, said = recorded("--", "/bin/true")
    expect(not none and "dlopened nothing" in said, f"nothing loaded: {said}")


def check_output(demo):
    path, one, two = demo.top + "/out.yaml", demo.plugins + "/one.so", demo.plugins + "/two.so"
    notegen("record", "--exact", "-o", path, "--", demo.program, one)
    first = read(path).decode()
    expect_equal(notegen("record", "--exact", demo.program, one).stdout, first, "without -o")
    notegen("record", "--exact", "--append", "-o", path, "--", demo.program, one, two)
    text = read(path).decode()
    expect(text.startswith(first) and text.count("one.so") == 1 and text.count("two.so") == 1, f"--append: {text}")
    notegen("check", "--strict", path)
    done = notegen("record", "--exact", "--append", "-o", path, "--", demo.program, two)
    expect("does not say already" in done.stderr and read(path).decode() == text, f"nothing new: {done.stderr}")
    write(path, "broken: [")
    done = notegen("record", "--append", "-o", path, "--", demo.program, one, status=1)
    expect(read(path) == b"broken: [" and path in done.stderr, "a file that is no manifest was changed")
    for arguments, status in ((["--", "/nonexistent/program"], 1), ([], 2), (["--append", "--", "true"], 2)):
        notegen("record", *arguments, status=status)
    static = compile_c("int main(void) { return 0; }", demo.top + "/static", "-static")
    done = notegen("record", "--", static, status=1)
    expect("static" in done.stderr, done.stderr)


def expand(pattern):
    """The files that PATTERN matches, by Python's glob, braces by hand."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found:
        return {path for each in found[1].split(",")
                for path in expand(pattern[:found.start()] + each + pattern[found.end():])}
    return {os.path.realpath(path) for path in glob.glob(pattern, recursive=True)}


def check_against(name, *command):
    """Every file that a recorded pattern matches is one that manifest NAME, or another, matches."""
    manifests, _ = recorded("--", *command)
    if not manifests:
        print(f"{name}: {command[0]} loads nothing here; left out")
        return
    known, sonames = set(), set()
    for path in glob.glob(os.path.join(SOURCE, "manifests/*.yaml")):
        with open(path, encoding="utf-8") as file:
            for manifest in yaml.safe_load_all(file):
                for entry in manifest["plugins"]:
                    known |= expand(entry["path"]) if "path" in entry else set()
                    sonames.update(entry.get("soname", []))
    seen = set()
    for manifest in manifests:
        for entry in manifest["plugins"]:
            seen |= expand(entry["path"]) if "path" in entry else set()
            for soname in entry.get("soname", []):
                expect(soname in sonames or any((os.path.basename(path) + ".").startswith(soname + ".") for path in known), f"{name}: {soname} is recorded of {manifest['hosts']} and named by no manifest")
    extra = sorted(seen - known)
    expect(seen and not extra, f"{name}: recorded, and not what the manifests say: {extra}")
    print(f"{name}: {len(manifests)} hosts recorded, {len(seen)} files match, all of them named by the manifests")


def check_suggest(demo):
    before = read(demo.program)
    done = notegen("suggest", demo.program)
    path = demo.top + "/guess.yaml"
    write(path, done.stdout)
    notegen("check", path)
    manifest = yaml.safe_load(done.stdout)
    entries = {entry.get("path") or entry["soname"][0]: entry for entry in manifest["plugins"]}
    directory = demo.plugins.replace("[", "\\[").replace("]", "\\]") + "/*.so"
    expect_equal(sorted(entries), sorted([directory, "libonly-by-name.so.3"]), "what suggest finds")
    expect(all("guess" in entry["description"] for entry in entries.values()), "a guess that is not marked")
    expect(read(demo.program) == before, "suggest changed the file")
    done = notegen("suggest", "/bin/true")
    expect(done.stdout == "" and "nothing that loads plugins" in done.stderr, done.stdout + done.stderr)
    write(demo.top + "/text", "no ELF file")
    notegen("suggest", demo.top + "/text", status=1)


every = Demo()
check_record(every)
check_output(every)
check_suggest(every)
check_against("python", "/usr/bin/python3", "-c", "import json, _ctypes, ssl, mmap, resource")
check_against("perl", "/usr/bin/perl", "-MPOSIX", "-MSocket", "-MStorable", "-e", "1")
if os.path.exists("/usr/bin/xine-list-1.2"):
    check_against("xine", "xine-list-1.2", "-p")
