#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs start, and load a plugin, all the time while their libraries are replaced by other versions and back, one by one,
and the store is made again, taken away and put back: every start calls functions of what is really there, and some of them
have their plan.

The versions of a library have the same functions at swapped places, so that what is bound to the wrong one says so.
LONG=1: 10,000 starts; else 200."""
import os
import random
import shutil
import subprocess
import threading

import kit
from harness import compile_c, expect, need, prelink, scratch

need("gcc")
LIBRARIES, FUNCTIONS = 6, 40
STARTS = 10_000 if os.environ.get("LONG") else 200
here = scratch()
store = os.path.join(here, "store")
names = [f"lib{i}.so" for i in range(LIBRARIES)]  # the last one is loaded by dlopen


def source(number, version):
    """Functions that say whose they are, of which version; a table of them, and one of the next library's."""
    order = list(range(FUNCTIONS)) if version == 1 else list(reversed(range(FUNCTIONS)))
    text = "".join(f"int l{number}_{i}(void) {{ return {number * 1000 + i * 10 + version}; }}\n" for i in order)
    text += f"int (*const own{number}[])(void) = {{{', '.join(f'l{number}_{i}' for i in range(FUNCTIONS))}}};\n"
    if number and number < LIBRARIES - 1:
        text += "".join(f"int l{number - 1}_{i}(void);\n" for i in range(FUNCTIONS))
        text += f"int (*next{number}[])(void) = {{{', '.join(f'l{number - 1}_{i}' for i in range(FUNCTIONS))}}};\n"
    return text


def build(number, version):
    output = os.path.join(here, f"v{version}", names[number])
    os.makedirs(os.path.dirname(output), exist_ok=True)
    compile_c(source(number, version), output, "-shared", "-fPIC", "-O0", f"-Wl,-soname,{names[number]}",
              "-Wl,--unresolved-symbols=ignore-all")
    return output


for number in range(LIBRARIES):
    for version in (2, 1):
        build(number, version)
    shutil.copy2(os.path.join(here, "v1", names[number]), here)

# Every function through every table is the one asked for, and a library is of one version.
MAIN = "#include <dlfcn.h>\n#include <stdio.h>\ntypedef int (*function)(void);\n"
MAIN += "".join(f"extern function const own{n}[];" + (f"extern function next{n}[];" if n else "") for n in range(LIBRARIES - 1))
MAIN += "".join(f"int l{n}_{i}(void);" for n in range(LIBRARIES - 1) for i in range(FUNCTIONS))
MAIN += f"""
static int version[{LIBRARIES}];
static int wrong(const char *how, int number, int i, int seen)
{{
	if (!version[number]) version[number] = seen % 10;
	if (seen / 10 * 10 == number * 1000 + i * 10 && seen % 10 == version[number]) return 0;
	printf("%s: function %d of library %d: %d\\n", how, i, number, seen);
	return 1;
}}
static int table(const char *how, int number, function const *all)
{{
	int bad = 0;
	for (int i = 0; i < {FUNCTIONS}; i++) bad += wrong(how, number, i, all[i]());
	return bad;
}}
int main(void)
{{
	int bad = 0;
	void *plugin = dlopen("{here}/{names[-1]}", RTLD_NOW);
	if (!plugin) {{ puts(dlerror()); return 3; }}
"""
MAIN += "".join(f'\tbad += wrong("call", {n}, {i}, l{n}_{i}());\n' for n in range(LIBRARIES - 1) for i in range(FUNCTIONS))
MAIN += "".join(f'\tbad += table("own", {n}, own{n});\n' for n in range(LIBRARIES - 1))
MAIN += "".join(f'\tbad += table("next", {n - 1}, next{n});\n' for n in range(1, LIBRARIES - 1))
MAIN += f'\tbad += table("plugin", {LIBRARIES - 1}, dlsym(plugin, "own{LIBRARIES - 1}"));\n\treturn bad != 0;\n}}\n'
program = compile_c(MAIN, os.path.join(here, "program"), "-x", "none", *(os.path.join(here, n) for n in names[:-1]),
                    f"-Wl,-rpath,{here}", "-Wl,--no-as-needed")

done = threading.Event()
counts = {"replaced": 0, "made": 0}
failures = []


def replace():
    """As dpkg does: beside, and renamed over it."""
    rng = random.Random(1)
    while not done.is_set():
        name, version = rng.choice(names), rng.choice((1, 2))
        shutil.copy2(os.path.join(here, f"v{version}", name), os.path.join(here, name + ".dpkg-new"))
        os.rename(os.path.join(here, name + ".dpkg-new"), os.path.join(here, name))
        counts["replaced"] += 1
        done.wait(rng.choice((0, 0.01, 0.3)))


def make():
    while not done.is_set():
        made = prelink(f"--store={store}", program, status=None)
        if made.returncode and "the file has changed since it was looked at; run again" not in made.stderr:
            failures.append(f"the store: {made.stderr}")
        counts["made"] += made.returncode == 0
        if counts["made"] % 7 == 0:
            os.rename(store, store + ".away")
            done.wait(0.02)
            os.rename(store + ".away", store)
        done.wait(0.05)


environment = {**os.environ, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": store, "PRELINK_RTLD": "verbose"}
prelink(f"--store={store}", program)
threads = [threading.Thread(target=target) for target in (replace, make)]
levels = {"full": 0, "other": 0}
for thread in threads:
    thread.start()
try:
    for start in range(STARTS):
        seen = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=False)
        if seen.returncode or seen.stdout:
            failures.append(f"start {start}: {seen.returncode}: {seen.stdout}{seen.stderr}")
        for name in names:
            levels["full" if f"{name}: full" in seen.stderr else "other"] += 1
        if len(failures) > 5:
            break
finally:
    done.set()
    for thread in threads:
        thread.join()
expect(not failures, "\n".join(failures))
for what in levels:
    expect(levels[what] > STARTS // 50, f"{levels} of {STARTS} starts: not what this is about")
expect(counts["replaced"] > STARTS // 40 and counts["made"] > STARTS // 100, f"{counts}: too little happened")
print(f"{STARTS} starts, 0 failures; {counts['replaced']} libraries replaced, {counts['made']} stores made; "
      f"libraries at their start: {levels['full']} by the plan, {levels['other']} not")
