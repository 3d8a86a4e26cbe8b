#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ld.so of glibc 2.31 (Debian 11) takes by itself from ET_EXEC programs: .gnu.liblist and .gnu.conflict.

It says so itself (LD_DEBUG), and memory after relocation is what it makes of the same files where the list is empty
(with LD_BIND_NOW, as the list leaves nothing lazy).  Where anything differs it relocates as ever: the output stays."""
import os
import re
import shutil
import struct
import subprocess

import kit
import rooted
import scratch_root
import whole_root
from harness import compile_c, expect, expect_equal, fail, need, prelink, read, run, scratch, skip, tls_descriptors

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot", "eu-elflint")
root = whole_root.root_of("python3", "libc6-dev", suite="bullseye")
LOADER = "/usr/lib/x86_64-linux-gnu/ld-2.31.so"
LIBLISTSZ = 0x6ffffdf7
LIBRARIES = "/usr/lib/x86_64-linux-gnu"

# What is needed of it is in the order of relocation kinds; the program prints what it got of each.
FIRST = r"""
extern int second_value;
__thread int first_tls = 41;
__thread char first_template[3] = "ab";
int copied_int = 7, other_int = 8;
char copied_name[7] = "abcdef";
struct row { const char *text; int *to; int (*call)(void); long zero; } copied_row;
static int inner(void) { return 5; }
int chosen_here(void) { return 1; }
int interposed(void) { return 10; }
int calls_interposed(void) { return interposed(); }
struct row copied_row = { "row", &copied_int, interposed, 0 };
struct row own_row = { "own", &second_value, inner, 0 };
int read_copied(void) { return copied_int + copied_row.call(); }
static int five(void) { return 5; }
static int (*choose(void))(void) { return five; }
int resolved(void) __attribute__((ifunc("choose")));
int (*resolved_address)(void) = resolved;
int first_thread(void) { return first_tls++ + first_template[1]; }
extern int nowhere(void) __attribute__((weak));
int has_nowhere(void) { return nowhere ? 1 : 0; }
"""
SECOND = r"""
#include <stdlib.h>
#include <string.h>
extern __thread int first_tls;
__thread long second_tls[40] __attribute__((aligned(64))) = { 3 };
int second_value = 12, built;
extern int resolved(void), calls_interposed(void);
__attribute__((constructor)) static void build(void) { built = (int)strlen("four") + resolved(); }
int second_thread(void) { return (int)(second_tls[0]++) + first_tls; }
int second_sum(void) { char *text = strdup("12"); int n = atoi(text); free(text); return n + built + calls_interposed(); }
"""
PROGRAM = r"""
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern __thread int first_tls;
__thread int own_tls = 99;
extern int copied_int, read_copied(void), resolved(void), (*resolved_address)(void), first_thread(void);
extern int second_thread(void), second_sum(void), has_nowhere(void), calls_interposed(void);
extern char copied_name[7];
extern struct row { const char *text; int *to; int (*call)(void); long zero; } copied_row, own_row;
int interposed(void) { return 20; }
static void *thread(void *at)
{
	printf("%s %d %d %d %d\n", (char *)at, first_thread(), second_thread(), own_tls++, first_tls);
	return at;
}
int main(int argc, char **argv)
{
	pthread_t other;
	thread("main");
	if (pthread_create(&other, NULL, thread, "thread") || pthread_join(other, NULL))
		return 2;
	thread("main again");
	printf("%d %s %s %d %d %d\n", copied_int, copied_name, copied_row.text, *copied_row.to, copied_row.call(), own_row.call());
	copied_int = 70;
	printf("%d %d %d %d\n", read_copied(), calls_interposed(), second_sum(), has_nowhere());
	printf("%d %d %d\n", resolved(), resolved_address(), resolved_address == resolved);
	printf("%d %d %s\n", opterr, optind, optarg ? optarg : "none");
	errno = 0;
	fprintf(stdout, "%ld %s\n", strtol("99999999999999999999", NULL, 10) != 0, strerror(errno));
#ifdef PLUGIN
	void *plugin = dlopen(PLUGIN, RTLD_NOW);
	int (*call)(void) = plugin ? dlsym(plugin, "plugin_call") : 0;
	printf("%d\n", call ? call() : -1);
#endif
	return getenv("HOME") ? 3 : 4;
}
"""
PLUGIN = r"""
extern int second_sum(void), copied_int, interposed(void);
extern __thread int first_tls;
int plugin_call(void) { return second_sum() + copied_int + interposed() + first_tls; }
"""
AUDIT = r"""
#include <stdlib.h>
static char *volatile kept;
unsigned la_version(unsigned version) { kept = malloc(16); return kept ? version : 0; }
"""


def build(source, name, *flags):
    """Compiles into the root, against the root's own C library."""
    return compile_c(source, root + name, "-x", "none", "-O1", "-w", "-isystem", root + "/usr/include", "-isystem",
                     root + "/usr/include/x86_64-linux-gnu", f"-B{root}{LIBRARIES}",
                     f"-Wl,-rpath-link,{root}{LIBRARIES}", *flags, "-nodefaultlibs",
                     *(f"{root}{LIBRARIES}/{name}" for name in ("libc.so.6", "libc_nonshared.a")), "-lgcc")


def library(source, name, *flags):
    return build(source, f"{LIBRARIES}/{name}", "-shared", "-fPIC", f"-Wl,-soname,{name}", *flags)


first = library(FIRST, "libfirst.so.1", "-Wl,-z,lazy")
second = library(SECOND, "libsecond.so.1", "-Wl,-z,now", first)
DL = f"{root}{LIBRARIES}/libdl.so.2"
BOTH = [second, first, DL, f"{root}{LIBRARIES}/libpthread.so.0"]
library(PLUGIN, "plugin.so", second, first)
plugin = f'-DPLUGIN="{LIBRARIES}/plugin.so"'
BUILT = {"/usr/bin/lazy": [], "/usr/bin/now": ["-Wl,-z,relro,-z,now"], "/usr/bin/plugin": [plugin]}
for name, flags in BUILT.items():
    build(PROGRAM, name, "-no-pie", "-fno-pie", "-Wl,--no-as-needed", *flags, *BOTH)
# Cannot have a list: each calls for something that only ld.so can do.
library("__thread int described = 4; int description(void) { return described; }", "libdescribed.so.1",
        *tls_descriptors())
library(r"""int only_one; int address_of_one(void) { return only_one; }
            asm(".type only_one, @gnu_unique_object");""", "libunique.so.1")
EXPECTED = {"/usr/bin/described": "a descriptor of a thread variable, which ld.so alone can make",
            "/usr/bin/unique": "C++ symbols that have to be the only ones, and it may load plugins",
            "/usr/bin/undefined": "a symbol that nobody defines"}
build("int description(void); int main(void) { return description(); }", "/usr/bin/described", "-no-pie",
      f"{root}{LIBRARIES}/libdescribed.so.1")
build("int address_of_one(void); int main(void) { return address_of_one(); }", "/usr/bin/unique", "-no-pie",
      "-Wl,--no-as-needed", f"{root}{LIBRARIES}/libunique.so.1", DL)
never = library("int never(void) { return 1; }", "libnever.so.1")
build("int never(void); int main(int argc, char **argv) { return argc > 5 ? never() : 3; }", "/usr/bin/undefined",
      "-no-pie", "-Wl,-z,lazy", never)
library("int ever(void) { return 1; }", "libnever.so.1")
build(PROGRAM, "/usr/bin/pie", "-pie", "-fPIE", "-Wl,-z,now", plugin, *BOTH)
build(AUDIT, "/tmp/audit.so", "-shared", "-fPIC", "-fno-builtin")

PYTHON = ["/usr/bin/python3.9", "-c", "import ctypes, decimal, ssl, sqlite3, threading; print(decimal.Decimal(1) / 3);"
          "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join(); print(ctypes.CDLL(None).getpid() > 0)"]
LISTED = [[name] for name in BUILT] + [PYTHON]
OTHERS = [[name] for name in EXPECTED] + [["/usr/bin/pie"], ["/usr/bin/ls", "-d", "/usr"], ["/usr/bin/bash", "-c", "echo $((6 * 7))"]]


def outcome(command, where=None, **environment):
    done = rooted.start(where or root, command, **environment)
    return done.returncode, done.stdout, re.sub(r"^prelink-rtld: .*\n", "", done.stderr, flags=re.M)


def checking(command, where=None, **environment):
    """What ld.so says of the list: "ok", "failed", None: nothing; and what it says of its work."""
    said = rooted.start(where or root, command, LD_DEBUG="libs,statistics,bindings", **environment).stderr
    start = said.split("transferring control:")[-2] # chroot's own came before
    found = re.search(r"prelink checking: (\w+)", start)
    bound = [line for line in start.split("\n") if " binding file " in line and "linux-vdso" not in line]
    return found and found[1], len(bound), {m[1]: int(m[2]) for m in
                                            re.finditer(r"(number of [a-z ]+): (\d+)", start)}


def without_list(path):
    """Makes PATH say that its list is empty, which never matches.  Returns the address of the word that says so."""
    elf = kit.Elf(path)
    for at in range(0, elf.dynamic_size, 16):
        tag, = struct.unpack_from("<Q", elf.data, elf.dynamic_offset + at)
        if tag == LIBLISTSZ:
            struct.pack_into("<Q", elf.data, elf.dynamic_offset + at + 8, 0)
            elf.save()
            return elf.dynamic + at + 8
    fail(f"{path} has no list")


def memory(command):
    """Fails unless memory after relocation is what ld.so makes of the same files without the list, but for the word
    that says that there is none."""
    changed = without_list(aside + command[0])
    images = [rooted.Image(where, command, LD_BIND_NOW="1") for where in (root, aside)]
    places = [{line: i for i, line in enumerate(image.lines) if line.startswith("relocated ")} for image in images]
    expect(len(places[0]) > 8, f"{command}: few pages were taken: {places[0]}")
    expect_equal(sorted(places[0]), sorted(places[1]), f"{command}: objects and their pages")
    for line, i in places[0].items():
        seen, wanted = images[0].page(i), images[1].page(places[1][line])
        for at in range(0, 4096, 8):
            if seen[at:at + 8] != wanted[at:at + 8] and int(line.split(" ")[2], 16) + at != changed:
                expect_equal(seen[at:at + 8][::-1].hex(), wanted[at:at + 8][::-1].hex(),
                             f"{command}: {line}: the word at +{at:#x}, with the list and without")
    return len(places[0])


def lint(path):
    return run(["eu-elflint", "--gnu-ld", path], status=None).stdout


before = {tuple(c): outcome(c) for c in LISTED + OTHERS}
for command in LISTED + OTHERS:
    expect(before[tuple(command)][0] in (0, 3, 4) and not before[tuple(command)][2],
           f"{command}: {before[tuple(command)]}")
original = scratch_root.copy(root, os.path.join(scratch(), "original"))
said = prelink("--root", root, "-a", "-v").stdout

aside = scratch_root.copy(root, os.path.join(scratch(), "aside"))

for name, why in EXPECTED.items():
    expect(f"{name}: no list of libraries for ld.so: {why}\n" in said, f"{name}: not said that {why}:\n" + "\n".join(
        line for line in said.split("\n") if line.startswith(name)))
for command in LISTED + OTHERS:
    expect_equal(outcome(command), before[tuple(command)], f"{command}: prelinked")
for command in LISTED:
    state, bound, counts = checking(command)
    expect_equal((state, bound, counts["number of relative relocations"]), ("ok", 0, 0), f"{command}: what ld.so says")
    old = checking(command, original)[2]
    print(f"{command[0]}: {counts['number of relocations from cache']} conflicts; lookups {counts['number of relocations']} (the "
          f"vdso's), before {old['number of relocations']}; relative {counts['number of relative relocations']}, before "
          f"{old['number of relative relocations']}; {memory(command)} pages the same")
for command in OTHERS[:-2]:
    expect_equal(checking(command)[0], None, f"{command}: has a list")

# ld.so is where it asks to be for ET_EXEC alone, and works wherever it is.
expect(LOADER in said or read(root + LOADER) != read(original + LOADER), "ld.so was not moved")
for command in LISTED + OTHERS:
    expect_equal(outcome(["/lib64/ld-linux-x86-64.so.2", *command]), before[tuple(command)], f"{command}: run by ld.so")

# Whatever makes the start another one: the list does not count, the output stays.
for environment, state in (({"LD_AUDIT": rooted.module_path()}, "failed"), ({"LD_AUDIT": "/tmp/audit.so"}, "failed"),
                           ({"LD_PRELOAD": f"{LIBRARIES}/plugin.so"}, "failed"), ({"LD_USE_LOAD_BIAS": "0"}, "failed"),
                           ({"LD_DYNAMIC_WEAK": "1"}, None), ({"LD_BIND_NOW": "1"}, "ok")):
    for command in LISTED + OTHERS:
        if "LD_PRELOAD" in environment and command[0] not in BUILT: # the plugin is for these
            continue
        if "LD_BIND_NOW" in environment and command[0] == "/usr/bin/undefined":
            continue
        wanted = outcome(command, where=original, **environment)
        expect_equal(outcome(command, **environment), wanted, f"{command}: {environment}")
        if command in LISTED:
            expect_equal(checking(command, **environment)[0], state, f"{command}: the list with {environment}")

# Another ld.so that knows nothing of lists reads the same files.
newer = whole_root.root_of(suite="bookworm")
for name in list(BUILT)[:2]:
    shutil.copy(root + name, newer + name)
for name in ("libfirst.so.1", "libsecond.so.1"):
    shutil.copy(f"{root}{LIBRARIES}/{name}", f"{newer}{LIBRARIES}/{name}")
for name in list(BUILT)[:2]:
    expect_equal(outcome([name], where=newer), before[(name,)], f"{name} under glibc 2.36")

for name in [*BUILT, PYTHON[0], LOADER]:
    expect_equal(lint(root + name), lint(original + name), f"eu-elflint on {name}")
    done = subprocess.run([os.path.join(os.environ.get("BUILD_DIR", "."), "prelink-plugins/prelink"), "--root", root, "-y", name],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect_equal((done.returncode, done.stderr.decode()), (0, ""), f"verifying {name}")
    expect(done.stdout == read(original + name), f"verifying {name} gives another original")

# A library was upgraded since: another stamp.
shutil.copy(f"{original}{LIBRARIES}/libfirst.so.1", f"{root}{LIBRARIES}/libfirst.so.1")
for name in BUILT:
    expect_equal(outcome([name]), before[(name,)], f"{name} with another libfirst")
    expect_equal(checking([name])[0], "failed", f"{name}: the list with another libfirst")
prelink("--root", root, "-a")
expect_equal(checking(["/usr/bin/lazy"])[0], "ok", "the list after prelinking again")

prelink("--root", root, "-ua")
for base, _, names in os.walk(original):
    for name in names:
        path = os.path.join(base, name)
        if os.path.isfile(path) and not os.path.islink(path):
            expect(read(path) == read(root + path[len(original):]), f"undoing gives another {path[len(original):]}")
print("ok")
