#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that are packaged so that they name the run-time module: by add-plugin-note --audit, and by gcc -specs=.
A store speeds them up with nothing set, what their libraries and what is preloaded need of thread variables is there,
and prelinking such a program in place can be taken back to what was packaged."""
import hashlib
import os
import re

import rooted
import whole_root
from harness import BUILD, compile_c, expect, expect_equal, lint, need, prelink, read, run, scratch, skip, tool, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot", "eu-elflint", "readelf")
HELPER = os.path.join(BUILD, "ebuild-helpers/add-plugin-note")
LINK = os.path.join(BUILD, "prelink-plugins/rtld/link")
root = whole_root.root_of("small")
IMAGE = "/opt/image"
here = root + IMAGE
os.makedirs(here)
FLAGS = ["-x", "none", "-O1", f"-L{here}", f"-Wl,-rpath,{IMAGE}", "-Wl,--no-as-needed"]
TABLE = "static int f%s(void) { return 1; } int (*%s_table[40000])(void) = { [0 ... 39999] = f%s };\n"  # so that a plan pays
for name, size in (("few", 300), ("many", 2900), ("vast", 60000)):
    compile_c(TABLE % (name, name, name) + f"__thread char {name}[{size}] = \"{name}\"; char *get(void) {{ return {name}; }}",
              f"{here}/lib{name}.so", *FLAGS, "-shared", "-fPIC", "-ftls-model=initial-exec", f"-Wl,-soname,lib{name}.so")
MAIN = "#include <stdio.h>\n#include <stddef.h>\nchar *get(void);\n%s int main(void) { puts(get()); return ok; }"
OWN = "__thread volatile int zero __attribute__((aligned(64))), seven = 7;\n#define ok (zero + seven == 7 && " \
      "(size_t)&zero % 64 == 0 ? 0 : 1)\n"
PROGRAMS = {"plain": (MAIN % "enum { ok };", "few"), "own": (MAIN % OWN, "few"), "exec": (MAIN % OWN, "few", "-no-pie"),
            "many": (MAIN % "enum { ok };", "many"), "vast": (MAIN % "enum { ok };", "vast")}
for name, (source, library, *flags) in PROGRAMS.items():
    compile_c(source, f"{here}/{name}", *FLAGS, f"-l{library}", *flags)
compile_c("int main(void) { return 0; }", here + "/static", "-static")
# As gcc -specs= has it where the package is installed; and what it must leave alone.
specs = os.path.join(scratch(), "specs")
directory = re.escape(os.path.dirname(rooted.module_path()))
write(specs, re.sub(rf"{directory}/(?=tls-room)", LINK + "/", read(LINK + "/audit.specs").decode()))
compile_c(MAIN % OWN, here + "/linked", f"-specs={specs}", *FLAGS, "-lfew", "-Wl,--gc-sections")
compile_c(MAIN % "enum { ok };", here + "/liblinked.so", f"-specs={specs}", *FLAGS, "-shared", "-fPIC")
compile_c("int main(void) { return 0; }", here + "/linked-static", f"-specs={specs}", *FLAGS, "-static")
# What is preloaded needs more than the surplus of 1.9 KB that an audit module leaves.
compile_c("__thread char big[2600]; char *get_big(void) { return big; }", here + "/preloaded.so", *FLAGS, "-shared", "-fPIC",
          "-ftls-model=initial-exec")


def audits(name):
    return re.findall(r"Audit library: \[(.*)\]", run(["readelf", "-dW", f"{here}/{name}"]).stdout)


def start(name, **more):
    preload = "" if name == "many" else IMAGE + "/preloaded.so"  # its own library takes all there is
    return rooted.start(root, ["env", f"LD_PRELOAD={preload}", f"{IMAGE}/{name}"], **more)


def files():
    """{name: digest} of what lies in the image."""
    return {name: hashlib.sha256(read(f"{here}/{name}")).hexdigest() for name in os.listdir(here)}


shipped = files()
environment = {"PATH": os.environ["PATH"], "NOTEGEN": tool("notegen"), "PRELINK": tool("prelink")}
done = run([HELPER, "--audit", "-n", "--strict", "-v", here], status=1, env=environment)
expect_equal(files(), shipped, "files after a dry run")
done = run([HELPER, "--audit", "-v", here], env=environment)
expect("vast: naming the run-time module in it: its libraries need more static" in done.stderr and
       "some programs do not name" in done.stderr, f"what it says of vast: {done.stderr}")
named = ["exec", "many", "own", "plain"]
expect_equal(sorted(re.findall(r"(\w+): names the run-time module", done.stdout)), named, "who is said to name it")
for name in [*named, "linked"]:
    expect_equal(audits(name), [rooted.module_path()], f"DT_AUDIT of {name}")
    # It takes DT_AUDIT, an index of a string, for an address, also where ld put it; and knows no gap before .tbss.
    expect_equal(lint(f"{here}/{name}", "AUDIT value must point|'.tbss'$"), set(), f"eu-elflint on {name}")
expect_equal({name for name, digest in files().items() if digest != shipped[name]}, set(named), "files that were changed")
expect_equal([audits(name) for name in ("liblinked.so", "vast")], [[], []], "DT_AUDIT of a library, and of what cannot have it")
expect("TLS" not in run(["readelf", "-lW", here + "/liblinked.so"]).stdout, "a library got the room, too")
packaged = files()
run([HELPER, "--audit", here], env=environment)
expect_equal(files(), packaged, "files after a second time")

# Without a store they run as ever; with one, fast.
for stored in (False, True):
    if stored:
        prelink("--root", root, "--store", IMAGE)
    for name in [*named, "linked"]:
        seen = start(name, PRELINK_RTLD="verbose")
        expect_equal((seen.returncode, seen.stdout), (0, "many\n" if name == "many" else "few\n"), f"{name}: {seen.stderr}")
        alone = rooted.start(root, [f"{IMAGE}/{name}"], PRELINK_RTLD="verbose")
        expect_equal([level for _, level, _ in rooted.levels_of(alone)], ["full" if stored else "none"] * 2,
                     f"{name}, with a store: {stored}: {alone.stderr}")
        both = rooted.start(root, ["env", "LD_AUDIT=" + rooted.module_path(), f"{IMAGE}/{name}"])
        expect_equal((both.returncode, both.stdout, both.stderr), (0, seen.stdout, ""), f"{name} with LD_AUDIT as well")
expect_equal(files(), packaged, "files after the store was made")
expect_equal(prelink("--root", root, "-y", "--sha256", f"{IMAGE}/own").stdout.split()[0], packaged["own"], "what -y says is the original")

# In place, for whoever wants that too, and back; one DT_AUDIT is enough.
prelink("--root", root, "-N", *(f"{IMAGE}/{name}" for name in [*named, "linked"]))
for name in [*named, "linked"]:
    expect(files()[name] != packaged[name], f"{name} was not prelinked")
    expect_equal(audits(name), [rooted.module_path()], f"DT_AUDIT of {name}, prelinked")
    expect_equal(start(name).returncode, 0, f"{name}, prelinked")
prelink("--root", root, "-u", "-N", IMAGE)
expect_equal(files(), packaged, "files when prelinking was undone")
print(f"{len(named) + 1} programs name the module; fast by a store with nothing set")
