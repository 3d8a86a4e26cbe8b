#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which level each object gets, and that the program computes the same on every one of them.

The fixture's plan comes from kit.py, so this is the module alone, with nothing of prelink's.
"""
import os
import re
import shutil
import struct

from harness import expect, expect_equal, need, run, scratch
import kit

need("gcc")
here = scratch()


def path(name):
    return os.path.join(here, name)


WAYS = ("local", "global", "deep", "now")
kit.library(path("libb.so"), """
int b_var = 7;
int b_fun(int x) { return x * 2 + b_var; }
static void f(void) { }
void (*table[1000])(void) = { [0 ... 999] = f };
""", 0x3000100000, ["-Wl,-z,now"])
kit.library(path("liba.so"), """
#include <string.h>
extern int b_var;
int b_fun(int);
extern void absent(void) __attribute__((weak));
int *a_pointer = &b_var;
int (*a_function)(int) = b_fun;
int a_fun(int x) { return b_fun(x) + *a_pointer + a_function(1) + strlen("abc") + (absent ? 1000 : 0); }
""", 0x3000000000, ["-Wl,-z,lazy", path("libb.so")])
kit.library(path("libhelp.so"), "int hv = 9; int *hp = &hv; int helper(int x) { return x + *hp; }", 0x3000300000)
kit.library(path("plug.so"), """
#include <string.h>
extern int b_var;
int *place = &b_var;
int a_fun(int), helper(int);
size_t (*length)(const char *) = strlen;
int plug(int x) { return a_fun(x) + helper(x) + *place + length("four"); }
""", 0x3000200000, ["-Wl,-z,now", f"-Wl,-rpath,{here}", path("libhelp.so")])
kit.library(path("lazy.so"), """
int a_fun(int), helper(int), puts(const char *);
int lazy(int x) { puts("lazy"); return a_fun(x) - helper(x); }
""", 0x3000400000, ["-Wl,-z,lazy", f"-Wl,-rpath,{here}", path("libhelp.so")])
kit.library(path("symbolic.so"), """
int helper(int x) { return x - 9; }
int (*own)(int) = helper;
int plug(int x) { return helper(x) + own(x); }
""", 0x3000500000, ["-Wl,-z,now,-Bsymbolic"])
kit.library(path("stranger.so"), "int stranger; int helper(int x) { return -x; }")
MAIN = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int a_fun(int);
static int load(const char *name, int mode)
{
	void *handle = dlopen(name, mode);
	if (!handle) {
		printf("%%s\\n", dlerror());
		return -1;
	}
	int (*plug)(int) = (int (*)(int))dlsym(handle, strstr(name, "lazy") ? "lazy" : "plug");
	printf("%%d\\n", plug ? plug(4) : 0);
	fflush(stdout);
	dlclose(handle);
	return 0;
}
int main(int argc, char **argv)
{
	printf("%%d\\n", a_fun(3));
	for (int i = 1; i < argc; i++) {
		int mode = strchr(argv[i], 'g') ? RTLD_NOW | RTLD_GLOBAL : strchr(argv[i], 'd') ? RTLD_NOW | RTLD_DEEPBIND :
			RTLD_LAZY;
		if (strchr(argv[i], 'o'))
			dlopen("%(here)s/other/libhelp.so", mode);
		else if (strchr(argv[i], 'h'))
			dlopen("%(here)s/libhelp.so", mode);
		else if (strchr(argv[i], 's'))
			dlopen("%(here)s/stranger.so", mode);
		else if (strchr(argv[i], 'm'))
			dlmopen(LM_ID_NEWLM, "%(here)s/libhelp.so", RTLD_NOW);
		else if (strchr(argv[i], 'f'))
			printf("%%s\\n", dlopen("%(here)s/broken.so", mode) ? "loaded" : "refused");
		else if (strchr(argv[i], 'y'))
			load("%(here)s/symbolic.so", mode);
		else if (strchr(argv[i], 'z'))
			load("%(here)s/lazy.so", mode);
		else
			load("%(here)s/plug.so", mode);
	}
	return 0;
}
""" % {"here": here}
kit.library(path("broken.so"), "int undefined_everywhere(void); int x(void) { return undefined_everywhere(); }", None,
            ["-Wl,-z,now", f"-Wl,-rpath,{here}", path("libhelp.so")])
STARTUP = [path("liba.so"), path("libb.so"), kit.LIBC]
PLUGINS = [path("plug.so"), path("lazy.so"), path("libhelp.so"), path("symbolic.so")]
CLOSURES = {path("plug.so"): [path("plug.so"), path("libhelp.so")], path("lazy.so"): [path("lazy.so"), path("libhelp.so")]}
LINK = [f"-L{here}", f"-Wl,-rpath,{here}", "-Wl,--no-as-needed", "-la", "-lb"]


def build(name, *flags):
    return kit.program(path(name), MAIN, *flags, *LINK)


def levels(program, *arguments, planned=True, **environment):
    """Runs PROGRAM with the module active and standing aside: the same output, and who got which level."""
    base = {k: v for k, v in os.environ.items() if not k.startswith("LD_")}
    base.update(environment)
    base.setdefault("LD_AUDIT", kit.MODULE)
    aside = run([program, *arguments], env=dict(base, PRELINK_RTLD="off"))
    active = run([program, *arguments], env=dict(base, PRELINK_RTLD="verbose"))
    expect_equal(active.stdout, aside.stdout, f"what {program} {arguments} {environment} prints with the module")
    seen = {}
    for line in active.stderr.split("\n"):
        match = re.match(r"prelink-rtld: (\S+): (full|relative only|none)(: .*)?$", line)
        if match:
            seen.setdefault(os.path.basename(match[1]), []).append(match[2])
    return seen, active


count = 0


def check(what, wanted, program, *arguments, **environment):
    global count
    count += 1
    seen, process = levels(program, *arguments, **environment)
    for name, level in wanted.items():
        expect_equal(seen.get(name), level, f"{what}: levels of {name}\n{process.stderr}")


FULL = {"liba.so": ["full"], "libb.so": ["full"]}
RELATIVE = {"liba.so": ["relative only"], "libb.so": ["relative only"]}


def plug(*level):
    return {"plug.so": list(level), "libhelp.so": list(level)}


programs = []
for name, flags in (("pie-now", ["-Wl,-z,now"]), ("pie-lazy", ["-Wl,-z,lazy"]),
                    ("exec-now", ["-no-pie", "-Wl,-z,now"]), ("exec-lazy", ["-no-pie", "-Wl,-z,lazy"])):
    program = build(name, *flags)
    wanted = run([program, "l", "l"]).stdout
    kit.plan(program, STARTUP, PLUGINS, CLOSURES)
    expect_equal(run([program, "l", "l"]).stdout, wanted, f"{name} without the module")
    programs.append(program)
    check(f"{name}: start-up, dlopen, dlclose, again", {**FULL, **plug("full", "full")}, program, "l", "l")
    check(f"{name}: RTLD_GLOBAL", {**FULL, **plug("full", "full")}, program, "g", "l")

    check(f"{name}: lazy calls, RTLD_LAZY and RTLD_NOW", {**FULL, "lazy.so": ["full", "full"]}, program, "z", "zg")

program = programs[0]
check("RTLD_DEEPBIND", {**FULL, **plug("relative only", "full")}, program, "d", "l")
check("DT_SYMBOLIC, then with RTLD_DEEPBIND", {**FULL, "symbolic.so": ["full", "relative only"]}, program, "y", "yd")
check("an unknown library first, kept to itself", {**FULL, **plug("full")}, program, "s", "l")
check("an unknown library first, RTLD_GLOBAL", {**FULL, **plug("relative only")}, program, "gs", "l")
check("dlmopen, which takes the slot of libhelp.so", {**FULL, "plug.so": ["relative only"], "libhelp.so": ["none"]},
      program, "m", "l")
check("a dlopen that fails, bringing one of ours", {**FULL, "plug.so": ["full"]}, program, "f", "l")
check("LD_PRELOAD", {**RELATIVE, **plug("relative only")}, program, "l", LD_PRELOAD=path("stranger.so"))
check("LD_PRELOAD of one that comes anyway, in another place", RELATIVE, program, LD_PRELOAD=path("libb.so"))
check("LD_BIND_NOW", {"liba.so": None}, program, "l", LD_BIND_NOW="1")
check("LD_BIND_NOW that is empty", FULL, program, LD_BIND_NOW="")
check("LD_DEBUG=bindings", {"liba.so": None}, program, "l", LD_DEBUG="bindings", LD_DEBUG_OUTPUT=path("debug"))
check("LD_DEBUG=statistics", FULL, program, LD_DEBUG="statistics", LD_DEBUG_OUTPUT=path("debug"))
check("LD_PROFILE", {"liba.so": None}, program, LD_PROFILE="libb.so", LD_PROFILE_OUTPUT=here)

# Another audit module beside ours sees every binding; ours stands aside.
auditor = kit.library(path("auditor.so"), """
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
static int bindings;
unsigned la_version(unsigned v) { return v; }
unsigned la_objopen(struct link_map *m, Lmid_t l, uintptr_t *c) { return LA_FLG_BINDTO | LA_FLG_BINDFROM; }
uintptr_t la_symbind64(Elf64_Sym *s, unsigned n, uintptr_t *r, uintptr_t *d, unsigned *f, const char *name)
{ bindings++; return s->st_value; }
__attribute__((destructor)) static void end(void) { fprintf(stderr, "bindings\\n"); }
""")
check("another audit module", {"liba.so": None}, program, "l", LD_AUDIT=f"{auditor}:{kit.MODULE}")

# Another library in the place of one of ours, by path and by identity.
other = os.path.join(here, "other")
os.mkdir(other)
kit.library(os.path.join(other, "libb.so"), "int b_var = 70; int b_fun(int x) { return x; }")
check("LD_LIBRARY_PATH to another libb.so", {"liba.so": ["relative only"], "libb.so": ["none"]}, program, "l",
      LD_LIBRARY_PATH=other)
kit.library(os.path.join(other, "libhelp.so"), "int helper(int x) { return x + 1; }")
os.unlink(os.path.join(other, "libb.so"))
check("another libhelp.so first, then ours: the plugin gets the other", {**FULL, "plug.so": ["relative only"],
      "libhelp.so": ["none", "relative only"]}, program, "o", "h", "l")
check("LD_LIBRARY_PATH to another libhelp.so", {**FULL, "plug.so": ["relative only"], "libhelp.so": ["none"]}, program,
      "l", LD_LIBRARY_PATH=other)


def changed(name, edit, what, wanted, *arguments):
    """Replaces library NAME by EDIT of it, checks, and puts it back."""
    kept = path(name + ".kept")
    shutil.copy2(path(name), kept)
    elf = kit.Elf(path(name))
    edit(elf)
    os.unlink(path(name))
    elf.save()
    check(what, wanted, program, *arguments)
    os.rename(kept, path(name))


def restamp(elf):
    struct.pack_into("<Q", elf.data, elf.spare - 8, 0x1234567)


def unstamp(elf):
    struct.pack_into("<QQ", elf.data, elf.spare - 32, 0, 0)


changed("libb.so", restamp, "libb.so is another file, prelinked too", RELATIVE)
changed("libb.so", unstamp, "libb.so is no longer prelinked", {"liba.so": ["relative only"], "libb.so": ["none"]})
changed("libhelp.so", restamp, "libhelp.so is another file", {**FULL, **plug("relative only")}, "l")

# A plan that is cut short or foreign is no plan.
for name, tamper in (("magic", lambda blob: blob.__setitem__(0, 0)),
                     ("size", lambda blob: blob.__setitem__(slice(4, 8), struct.pack("<I", 60))),
                     ("table", lambda blob: blob.__setitem__(slice(kit.HEADER + 3 * kit.RECORD + 32,
                                                                  kit.HEADER + 3 * kit.RECORD + 40),
                                                            struct.pack("<II", 4, 0x7fffffff)))):
    spoilt = build("spoilt-" + name, "-Wl,-z,now")
    kit.plan(spoilt, STARTUP, PLUGINS, CLOSURES, tamper=tamper)
    check(f"a plan with a bad {name}", RELATIVE, spoilt, "l")

# Without the module's file the program runs, and ld.so says what is missing.
gone = run([program, "l"], env=dict(os.environ, LD_AUDIT=path("no-such-module.so")))
expect_equal(gone.stdout, run([program, "l"]).stdout, "output with the module missing")
expect("cannot be loaded as audit interface" in gone.stderr, f"ld.so says nothing of it: {gone.stderr}")

# How many relocations ld.so still does.
statistics = run([program], env=dict(os.environ, LD_AUDIT=kit.MODULE, LD_DEBUG="statistics")).stderr
relative = int(re.search(r"number of relative relocations: (\d+)", statistics)[1])
expect(relative < 100, f"ld.so still applied {relative} relative relocations:\n{statistics}")
print(f"{count} cases, {len(programs)} kinds of program")
