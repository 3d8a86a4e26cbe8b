#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of unusual make run as before: with an IFUNC of their own, whose resolver calls what ld.so binds (it is
called once, when its stubs can be), and with contents that are aligned to more than a page."""
import os
import re

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, prelink, need, skip

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small")
rooted.install_module(root)
DIRECTORY = "/opt/programs"
here = root + DIRECTORY
os.makedirs(here)
TABLE = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
LIBRARY = TABLE + "int pays(void) { return table[9](); } int helper(int x) { return x + 1; }\n"
IFUNC = r"""
#include <stdio.h>
#include <string.h>
int pays(void), helper(int);
static int calls;
static int one(void) { return 1; }
static int two(void) { return 2; }
__attribute__((optimize("no-stack-protector"))) static void *pick(void)
{
	calls++;
	return RESOLVER ? (void *)one : (void *)two;
}
int f(void) __attribute__((ifunc("pick")));
int (*address)(void) = f;
int main(void) { printf("%d %d, resolver called %d times, %d\n", f(), address(), calls, pays()); return 0; }
"""
ALIGNED = r"""
#include <stdint.h>
#include <stdio.h>
int pays(void);
int data __attribute__((aligned(A))) = 1;
const int constant __attribute__((aligned(A))) = 1;
static int bss __attribute__((aligned(A)));
int main(void)
{
	uintptr_t places[] = { (uintptr_t)&data, (uintptr_t)&constant, (uintptr_t)&bss };
	for (int i = 0; i < 3; i++) {
		__asm__("" : "+r"(places[i]));
		printf("%s ", places[i] % A ? "misaligned" : "aligned");
	}
	printf("%d\n", pays());
	return 0;
}
"""
compile_c(LIBRARY, here + "/libpays.so", "-shared", "-fPIC", "-O1", "-Wl,-soname,libpays.so")


def program(name, source, *flags):
    compile_c(source, os.path.join(here, name), "-O1", f"-L{here}", f"-Wl,-rpath,{DIRECTORY}", *flags, "-lpays")
    return name


names = []
for place in ([], ["-no-pie"]):
    for now in ("lazy", "now"):
        for relr in ([], ["-Wl,-z,pack-relative-relocs"]):
            # The third dies untouched where its call is lazy: the stub is not yet where the program is.
            for number, resolver in enumerate(("1", "__builtin_cpu_supports(\"sse2\")", "helper(1) == 2")):
                names.append(program(f"ifunc-{number}-{now}{len(place)}{len(relr)}", IFUNC, *place, *relr, f"-Wl,-z,{now}",
                                     f"-DRESOLVER={resolver}"))
    for align, page in ((0x2000, 0), (0x10000, 0), (0x10000, 0x200000), (0x20000, 0), (0x200000, 0), (0x1000, 0x200000)):
        names.append(program(f"aligned-{align:x}-{page:x}-{len(place)}", ALIGNED, *place, f"-DA={align}",
                             *([f"-Wl,-z,max-page-size={page}"] if page else [])))


def outcomes(**environment):
    seen = {}
    for name in names:
        done = rooted.start(root, [f"{DIRECTORY}/{name}"], **environment)
        seen[name] = done.returncode, done.stdout
    return seen


ENVIRONMENTS = ({}, {"LD_BIND_NOW": "1"})
before = [outcomes(**environment) for environment in ENVIRONMENTS]
listing = prelink("--root", root, "-v", DIRECTORY).stdout
for environment, wanted in zip(ENVIRONMENTS, before):
    for mode in ({}, {"PRELINK_RTLD": "off"}):
        for name, seen in outcomes(**environment, **mode).items():
            expect_equal(seen, wanted[name], f"{name} {environment} {mode}")
planned = set(re.findall(rf"^{DIRECTORY}/(\S+): plan:", listing, re.M))
expect_equal(set(names) - planned, {"aligned-20000-0-0", "aligned-200000-0-0"}, f"programs without a plan:\n{listing}")
worked = sum(status == 0 for status, _ in before[0].values())
expect(worked > len(names) * 3 / 4, f"only {worked} of {len(names)} programs work untouched")
print(f"{len(names)} programs, {worked} of which work untouched, all the same")
