#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A library in whose place lies a copy of another one that the plan knows is missed as ld.so misses it, by what links it
and by what dlopen loads: two objects with the same bytes are two, and the second stands for nothing."""
import os
import shutil

import kit
from harness import compile_c, expect, expect_equal, need, notegen, prelink, run, scratch, write

need("gcc")
here = scratch()
store = os.path.join(here, "store")
COUNT = 300
FLAGS = ["-shared", "-fPIC", "-O0"]


def functions(name):
    return "".join(f"int {name}{i}(void) {{ return {i}; }}\n" for i in range(COUNT))


def users(*names):
    """Pointers to all functions of NAMES, and who calls the last of each."""
    return "".join(f"int {name}{i}(void);\n" for name in names for i in range(COUNT)) + "int (*const all[])(void) = {" + \
        ",".join(f"{name}{i}" for name in names for i in range(COUNT)) + "};\n" \
        f"int used(void) {{ return all[0]() + all[{COUNT - 1}]() + all[{COUNT * len(names) - 1}](); }}\n"


paths = {}
for name in ("one", "other", "third"):
    paths[name] = compile_c(functions(name), f"{here}/lib{name}.so", *FLAGS)  # without DT_SONAME: two files are two objects
# The first library is there already when the plugin wants the second; of what asks for neither, both come with it.
LINK = [f"-Wl,-rpath,{here}", "-Wl,--no-as-needed", "-x", "none"]
compile_c(users("one", "other"), f"{here}/plugin.so", *FLAGS, *LINK, paths["one"], paths["other"])
compile_c(users("other"), f"{here}/asks.so", *FLAGS, *LINK, paths["third"], paths["other"])
compile_c("#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdio.h>\n" + users("one") +
          "int main(int argc, char **argv) { Dl_info info; void *p = dlopen(argv[argc - 1], RTLD_NOW);\n"
          "int (*f)(void) = p ? dlsym(p, \"used\") : 0, (**g)(void) = p ? dlsym(p, \"all\") : 0;\n"
          "puts(f ? dladdr(*g, &info) ? info.dli_fname : \"?\" : dlerror()); printf(\"%d %d\\n\", used(), f ? f() : -1); return 0; }\n",
          f"{here}/opener", "-Wl,-z,now", *LINK, paths["one"])
compile_c(users("one", "other") + "int main(void) { return used() == 0; }\n", f"{here}/linked", "-Wl,-z,now", *LINK,
          paths["one"], paths["other"])
write(f"{here}/m.yaml", f"manifest: 1\napplication: opener\nhosts:\n  - path: {here}/opener\nplugins:\n  - feature: p\n"
      f"    path: {here}/{{plugin,asks}}.so\n")
notegen("add", "--manifest", f"{here}/m.yaml", f"{here}/opener")
prelink(f"--store={store}", f"{here}/opener", f"{here}/linked")
AUDIT = {"LD_AUDIT": kit.MODULE, "PRELINK_STORE": store}


RUNS = ["linked"], ["opener", f"{here}/plugin.so"], ["opener", f"{here}/asks.so"]


def outcome(run_, **environment):
    done = run([f"{here}/{run_[0]}", *run_[1:]], status=None, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


for command in RUNS:
    expect_equal(outcome(command, **AUDIT), outcome(command), f"{command}: as it was planned")
    said = outcome(command, **AUDIT, PRELINK_RTLD="verbose")[2]
    expect("libother.so: full" in said, f"{command}: not on the fast path: {said}")
missed = elsewhere = 0
for missing, copied in ("other", "one"), ("one", "other"), ("third", "other"):
    os.rename(paths[missing], here + "/kept")
    shutil.copy2(paths[copied], paths[missing])
    for command in RUNS:
        wanted = outcome(command)
        missed += "undefined symbol" in "".join(map(str, wanted))
        elsewhere += wanted[1].startswith(paths["third"])
        expect_equal(outcome(command, **AUDIT), wanted, f"{command}: lib{missing}.so is a copy of lib{copied}.so")
    os.rename(here + "/kept", paths[missing])
expect(missed == 6 and elsewhere == 1, f"by ld.so itself {missed} miss a symbol, and {elsewhere} finds it elsewhere")
print(f"{len(RUNS)} runs, with one library a copy of another: {missed} miss a symbol, {elsewhere} finds it elsewhere, as without us")
