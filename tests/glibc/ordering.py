#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: in which order objects are initialized and finalized, as glibc's own descriptions of it have it (elf/dso-sort-tests-*.def):
programs and libraries made by glibc's generator say the same untouched, with a store and prelinked, with each sorting that ld.so has.

Each program also needs a library with so many relocations that its plan pays.  What does not say what glibc expects even
untouched, or has no plan, is printed.  SUITE=trixie, sid: of another Debian."""
import os
import re
import shutil
import subprocess

import rooted
import scratch_root
import whole_root
from harness import compile_c, expect, expect_equal, need, scratch, skip, write

if not os.environ.get("LONG"):
    skip("LONG=1 builds 40 graphs of libraries of glibc's tests")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "dpkg-source", "chroot")
SUITE = os.environ.get("SUITE", "bookworm")
HERE = "/opt/order"
root, source = whole_root.root_of("small", suite=SUITE), scratch("glibc-") + "/src"
rooted.install_module(root)
subprocess.run(["dpkg-source", "-x", scratch_root.source("glibc", SUITE), source], check=True, stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
os.makedirs(root + HERE)
names = [f"heavy{i}" for i in range(4000)]
compile_c("".join(f"int {name}(void) {{ return 1; }}\n" for name in names) + f"int (*heavy[])(void) = {{ {', '.join(names)} }};",
          root + HERE + "/libheavy.so", "-O0", "-shared", "-fPIC", "-Wl,-soname,libheavy.so")
with open(root + "/etc/prelink.conf", "a") as file:
    file.write(f"-l {HERE}\n")

# The generator calls gcc; its libraries are to be found by name where they will lie, and its programs to need the heavy one.
tools = scratch()
write(tools + "/gcc", f"""#!/bin/sh
for word; do
	shift
	case $word in
	-Wl,-soname=*) named=1; word=-Wl,-soname=${{word##*/}} ;;
	./*-dir/*.c) [ -e "$word" ] || word=dso-sort-tests-src/${{word##*/}} ;;
	./*-dir/*.FAKE.so) [ -e "$word" ] || word=dso-sort-tests-src/${{word##*/}} ;;
	./*-dir/*) directory=${{word#./}}; directory=${{directory%%/*}} ;;
	-shared | -c) library=$word ;;
	esac
	[ "$last" != -o ] || output=${{word##*/}}
	last=$word
	set -- "$@" "$word"
done
case $library in
-shared) [ -n "$named" ] || set -- "$@" -Wl,-soname="$output" ;;
"") set -- "$@" -Wl,--no-as-needed -L{root}{HERE} -lheavy -Wl,--disable-new-dtags,-rpath,"{HERE}/$directory:{HERE}" ;;
esac
exec {shutil.which("gcc")} "$@"
""")
os.chmod(tools + "/gcc", 0o755)
os.chdir(root + HERE)
tests, failed = {}, []
for number in 1, 2:
    with open(f"{source}/elf/dso-sort-tests-{number}.def") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    options = re.findall(r"^tunable_option: (.*)$", text, re.M)
    for name, body in re.findall(r"^((?:tst|sort)[\w-]*): (.*?)(?=^(?:tst|sort)[\w-]*: |\Z)", text, re.M | re.S):
        description = "".join(f"tunable_option: {option}\n" for option in options) + f"{name}: {body}"
        write(f"{name}.def", description)
        made = subprocess.run(["python3", source + "/scripts/dso-ordering-test.py", "--build", "--objpfx", "./", "-m", "/dev/null", "-f",
                               f"{name}.def"], env={**os.environ, "PATH": tools + ":" + os.environ["PATH"]}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            failed.append(f"{name}: {made.stdout.strip()[-200:]}")
            continue
        for said, option, order in re.findall(r"^(output|xfail_output)(?:\(([^)]*)\))?: (.*)$", description, re.M):
            for one in [option] if option else options:
                tests[name, one] = order.strip() if said == "output" else None
programs = {}  # those of one description may be many: every order of linking
for name in {name for name, _ in tests}:
    programs[name] = [f"{HERE}/{name}-dir/{entry}" for entry in sorted(os.listdir(f"{name}-dir")) if "." not in entry]
print(f"{len(programs)} descriptions with {sum(map(len, programs.values()))} programs; not built: {failed}", flush=True)
expect(len(programs) > 10 and sum(map(len, programs.values())) > 20, f"too few: {programs}")


def order_of(program, option, environment):
    tunables = ":".join(filter(None, (environment.get("GLIBC_TUNABLES"), option)))
    done = rooted.start(root, ["/bin/sh", "-c", f"cd {HERE} && exec {program}"], **{**environment, "PRELINK_RTLD": "verbose", "GLIBC_TUNABLES": tunables})
    return (done.returncode, done.stdout), {path: level for path, level, _ in rooted.levels_of(done)}


plain, expected = {}, 0
for way, environment, planned in rooted.ways(root):
    seen = {(program, option): order_of(program, option, environment) for name, option in tests for program in programs[name]}
    if way == "untouched":
        plain = {key: what for key, (what, _) in seen.items()}
        for (name, option), order in tests.items():
            other = [program for program in programs[name] if plain[program, option] != (0, order)]
            expected += len(programs[name]) - len(other)
            if other:
                print(f"  untouched, {option}: {len(other)} of {name}: {plain[other[0], option]}, in glibc's words {order}")
        print(f"untouched: {expected} of {len(plain)} runs are as glibc says", flush=True)
        continue
    for key, (what, _) in seen.items():
        expect_equal(what, plain[key], f"{way}: {key}")
    fast = [key for key, (_, levels) in seen.items() if levels.get(HERE + "/libheavy.so") == "full"]
    print(f"{way}: {len(seen)} runs the same, {len(fast)} of them on the fast path; without a plan: "
          f"{sorted(set(sum(programs.values(), [])) - planned)[:5]}", flush=True)
    expect(len(fast) > len(seen) // 2, f"{way}: too few on the fast path: {[item for item in seen.items() if item[0] not in fast][:3]}")
