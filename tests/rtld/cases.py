#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Order of loading, RTLD_ modes, IFUNC, thread-local storage, C++ across program and plugin, threads, nesting,
failure: each fixture is prelinked by prelink, and prints the same with the module active and standing aside, and
as it was before prelinking.  Every level that a case depends on is checked."""
import itertools
import os
import random

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, notegen, prelink, skip, tls_descriptors, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "g++", "chroot")
root = whole_root.root_of("small", "libstdc++6", "libjemalloc2")
rooted.install_module(root)
DIRECTORY = "/opt/cases"
here = root + DIRECTORY
os.makedirs(here)

# The host runs a little script: one word for each step.
HOST = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int base(int);
__attribute__((visibility("default"))) int host_value = 3;
int host_function(int x) { return x + host_value; }
static void *handle[64];
/* atoi(), which newer headers make a call of the newer C library's own. */
static int number(const char *text)
{
	int n = 0;
	while (*text >= '0' && *text <= '9')
		n = 10 * n + *text++ - '0';
	return n;
}
static int mode_of(char c)
{
	return c == 'g' ? RTLD_NOW | RTLD_GLOBAL : c == 'd' ? RTLD_NOW | RTLD_DEEPBIND : c == 'n' ? RTLD_NOW : RTLD_LAZY;
}
static void call(void *h, const char *name)
{
	int (*function)(int) = h ? (int (*)(int))dlsym(h, "call") : NULL;
	if (h && !function)
		printf("%s: %s\n", name, dlerror());
	else if (function)
		printf("%s: %d\n", name, function(10));
}
static void *in_thread(void *name)
{
	char path[256];
	snprintf(path, sizeof path, "/opt/cases/%s.so", (char *)name);
	void *h = NULL;
	for (int i = 0; i < 50; i++) {
		h = dlopen(path, RTLD_NOW);
		if (h && i < 49)
			dlclose(h);
	}
	return h;
}
static void *start_only(void *argument)
{
	return argument;
}
int main(int argc, char **argv)
{
	printf("base %d\n", base(1));
	for (int i = 1; i < argc; i++) {
		char *step = argv[i], path[256];
		if (*step == '-') {                        /* -N: close what step N opened */
			dlclose(handle[number(step + 1)]);
		} else if (*step == 't') {                 /* tNAME,NAME: by threads, at once */
			pthread_t thread[16];
			char *name[16], *rest = step + 1;
			int count = 0;
			while ((name[count] = strsep(&rest, ",")))
				count++;
			for (int k = 0; k < count; k++)
				pthread_create(&thread[k], NULL, in_thread, name[k]);
			for (int k = 0; k < count; k++) {
				void *h;
				pthread_join(thread[k], &h);
				call(h, name[k]);
			}
		} else if (*step == 's') {                 /* sSIZE: a thread with a stack of that size */
			pthread_attr_t attributes;
			pthread_t thread;
			pthread_attr_init(&attributes);
			int set = pthread_attr_setstacksize(&attributes, number(step + 1));
			printf("stack %s: %d", step + 1, set);
			int made = pthread_create(&thread, &attributes, start_only, &thread);
			printf(" %d\n", made);
			if (!made)
				pthread_join(thread, NULL);
		} else {                                   /* lNAME gNAME dNAME nNAME: dlopen, and call */
			snprintf(path, sizeof path, "/opt/cases/%s.so", step + 1);
			handle[i] = dlopen(path, mode_of(*step));
			if (handle[i])
				call(handle[i], step + 1);
			else
				printf("%s refused\n", step + 1);
		}
		fflush(stdout);
	}
	return 0;
}
"""
SHARED = r"""
int %s_own;
__attribute__((weak)) int shared(int x) { return x * %d; }
int both(int x) { return x + %d; }
static int (*pointer)(int) = shared;
int (*other)(int) = both;
extern int absent(int) __attribute__((weak));
int base(int), host_function(int);
int call(int x) { return shared(x) + pointer(x) * 100 + other(x) * 10000 + (absent ? 1000000 : 0) + base(x) + host_function(x); }
"""
PLUGINS = {
    "one": SHARED % ("one", 2, 1),
    "two": SHARED % ("two", 3, 2),
    # Brings a library, and another plugin defines what that library defines.
    "brings": "int lib_function(int); int (*p)(int) = lib_function; int call(int x) { return lib_function(x) + p(x); }",
    "overrides": "int lib_function(int x) { return -x; } int call(int x) { return lib_function(x); }",
    "absent_definer": "int absent(int x) { return x; } int call(int x) { return absent(x); }",
    "ifunc": r"""
static int slow(int x) { return x + 1; }
static int fast(int x) { return x + 2; }
extern char **environ;
static int (*choose(void))(int) { return sizeof(void *) == 8 ? fast : slow; }
int picked(int) __attribute__((ifunc("choose")));
int (*address)(int) = picked;
int lib_picked(int);
int (*lib_address)(int) = lib_picked;
int call(int x) { return picked(x) + address(x) * 100 + lib_picked(x) * 10000 + lib_address(x) * 1000000; }
""",
    "tls_gd": r"""
__thread int gd = 5; __thread char big[300]; static __thread int ld1 = 6, ld2; extern __thread int lib_thread;
int call(int x) { gd += x; ld1 += x; ld2++; lib_thread++; return gd + ld1 * 100 + ld2 * 10000 + lib_thread * 100000 + big[7]; }
""",
    "tls_ie": r"""
__thread int ie __attribute__((tls_model("initial-exec"))) = 4;
int call(int x) { return ie += x; }
""",
    "tls_desc": r"""
__thread int d1 = 8; static __thread int d2 = 9; extern __thread int lib_thread;
int call(int x) { d1 += x; d2 += x; return d1 + d2 * 100 + lib_thread * 10000; }
""",
    "nests": r"""
#include <dlfcn.h>
static void *inner;
__attribute__((constructor)) static void start(void) { inner = dlopen("/opt/cases/brings.so", RTLD_NOW | RTLD_GLOBAL); }
int call(int x) { return inner ? ((int (*)(int))dlsym(inner, "call"))(x) : -1; }
""",
    "undefined": "int nowhere(int); int call(int x) { return x > 100 ? nowhere(x) : x; }",
    "needs_missing": "int gone(int); int call(int x) { return gone(x); }",
    "symbolic": SHARED % ("symbolic", 7, 5),
}
LIBRARY = r"""
int lib_counter = 11;
int *lib_place = &lib_counter;
__thread int lib_thread = 1;
int lib_function(int x) { return x + *lib_place; }
static int chosen(int x) { return x + 7; }
static int (*choose(void))(int) { return chosen; }
int lib_picked(int) __attribute__((ifunc("choose")));
"""
CXX_COMMON = r"""
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <map>
struct Shape { virtual ~Shape() {} virtual int area() const = 0; };
struct Square : Shape { int side; Square(int s) : side(s) {} int area() const override; };
struct Oops : std::runtime_error { int code; Oops(int c) : std::runtime_error("oops"), code(c) {} };
inline int &counter() { static int value = 100; return value; }
template <class T> struct Registry { static std::map<std::string, T> all; };
template <class T> std::map<std::string, T> Registry<T>::all;
"""
CXX = {
    "cxx_one": CXX_COMMON + r"""
int Square::area() const { return side * side; }
extern "C" Shape *make(int n) { Registry<int>::all["one"] = n; counter()++; return new Square(n); }
extern "C" int call(int x)
{
	try { if (x > 5) throw Oops(x); } catch (const std::exception &e) { x += dynamic_cast<const Oops &>(e).code; }
	return x + ++counter() + (int)Registry<int>::all.size();
}
""",
    "cxx_two": CXX_COMMON + r"""
int Square::area() const { return side * side; }
extern "C" int call(int x)
{
	Registry<int>::all["two"] = x;
	Shape *shape = new Square(x);
	int area = typeid(*shape) == typeid(Square) && dynamic_cast<Square *>(shape) ? shape->area() : -1;
	delete shape;
	counter() += 10;
	try { throw std::string("text"); } catch (std::string &s) { area += s.size(); }
	return area + counter() + (int)Registry<int>::all.size() * 1000;
}
""",
}
CXX_HOST = CXX_COMMON + r"""
#include <dlfcn.h>
#include <cstdio>
int Square::area() const { return side * side; }
int main(int argc, char **argv)
{
	counter()++;
	for (int i = 1; i < argc; i++) {
		int mode = argv[i][0] == 'g' ? RTLD_NOW | RTLD_GLOBAL : argv[i][0] == 'd' ? RTLD_NOW | RTLD_DEEPBIND : RTLD_LAZY;
		void *h = dlopen((std::string("/opt/cases/") + (argv[i] + 1) + ".so").c_str(), mode);
		if (!h) { std::printf("refused: %s\n", dlerror()); continue; }
		std::printf("%s %d, counter %d, registry %zu\n", argv[i] + 1, ((int (*)(int))dlsym(h, "call"))(9), counter(),
			    Registry<int>::all.size());
		auto make = (Shape * (*)(int))dlsym(h, "make");
		if (make) {
			Shape *shape = make(4);
			std::printf("dynamic_cast %s, area %d\n", dynamic_cast<Square *>(shape) ? "yes" : "no", shape->area());
			delete shape;
		}
	}
	return 0;
}
"""
COMMON = ["-x", "none", "-O1", f"-L{here}", f"-Wl,-rpath,{DIRECTORY}"]


def library(name, source, *flags, compiler="gcc"):
    compile_c(source, os.path.join(here, name), *COMMON, "-shared", "-fPIC", f"-Wl,-soname,{name}", *flags,
              compiler=compiler)


# Enough to relocate for the module to pay.
TABLE = " static int f(void) { return 1; } int (*%s_table[40000])(void) = { [0 ... 39999] = f };"
library("libbase.so", TABLE % "base" + "int base_value = 1; int *place = &base_value; int base(int x) { return x + *place; }")
library("liblib.so", LIBRARY, "-Wl,-z,now")
library("libgone.so", "int gone(int x) { return x; }")
for number, (name, source) in enumerate(PLUGINS.items()):
    flags = ["-Wl,-z,now" if number % 2 == 0 else "-Wl,-z,lazy", os.path.join(here, "libbase.so")]
    if name in ("brings", "ifunc", "tls_gd", "tls_desc"):
        flags.append(os.path.join(here, "liblib.so"))
    if name == "needs_missing":
        flags.append(os.path.join(here, "libgone.so"))
    if name == "tls_desc":
        flags += tls_descriptors()
    if name == "symbolic":
        flags.append("-Wl,-Bsymbolic")
    if name == "undefined":
        flags.append("-Wl,-z,lazy")
    library(name + ".so", source, *flags)
for name, source in CXX.items():
    library(name + ".so", source, "-std=c++17", compiler="g++")
os.unlink(os.path.join(here, "libgone.so"))
hosts = {"host-pie-now": ["-Wl,-z,now"], "host-pie-lazy": ["-Wl,-z,lazy"], "host-exec-now": ["-no-pie", "-Wl,-z,now"],
         "host-exec-lazy": ["-no-pie", "-Wl,-z,lazy"],
         "host-relr-now": ["-Wl,-z,now", "-Wl,-z,pack-relative-relocs"],
         "host-relr-lazy": ["-Wl,-z,lazy", "-Wl,-z,pack-relative-relocs"]}  # its DT_RELA has no RELATIVE
for name, flags in hosts.items():
    compile_c(HOST, os.path.join(here, name), *COMMON, "-rdynamic", *flags, os.path.join(here, "libbase.so"))
compile_c(CXX_HOST, os.path.join(here, "cxx-host"), *COMMON, "-rdynamic", "-std=c++17", compiler="g++")
library("libbigtls.so", TABLE % "big" + '__thread char space[2048] __attribute__((tls_model("initial-exec"))) = { 1 };'
        " int first(void) { return space[0]; }")
compile_c("int first(void); int main(void) { return first() - 1; }", os.path.join(here, "big-tls"), *COMMON,
          os.path.join(here, "libbigtls.so"))
# Thread variables that nobody needs at a fixed offset take no static TLS.
library("libgdtls.so", TABLE % "gd" + "__thread char space[3072] = { 1 }; int first(void) { return space[0]; }")
compile_c("int first(void); int main(void) { return first() - 1; }", os.path.join(here, "gd-tls"), *COMMON,
          os.path.join(here, "libgdtls.so"))
# Nor do those that only a plugin needs there: it could not be loaded.
library("liblatetls.so", TABLE % "late" + "__thread int late = 5; int *where(void) { return &late; }")
library("latetls.so", 'extern __thread int late __attribute__((tls_model("initial-exec"))); int get(void) { return late; }',
        os.path.join(here, "liblatetls.so"))
compile_c(r"""
#include <dlfcn.h>
#include <stdio.h>
int *where(void);
int main(void)
{
	*where() = 6;
	void *handle = dlopen("%s/latetls.so", RTLD_NOW);
	printf("%%d\n", handle ? ((int (*)(void))dlsym(handle, "get"))() : -1);
	return 0;
}
""" % DIRECTORY, os.path.join(here, "late-tls"), *COMMON, os.path.join(here, "liblatetls.so"))
compile_c(r"""
#include <stdio.h>
__thread int mine = 42; __thread char pad[100]; __thread long last __attribute__((aligned(64))) = 7;
static long thread_pointer(void) { long value; __asm__("mov %%fs:0, %0" : "=r"(value)); return value; }
int main(void) { printf("%d %ld offsets %ld %ld\n", mine, last, (long)&mine - thread_pointer(), (long)&last - thread_pointer()); return 0; }
""", os.path.join(here, "own-tls"), *COMMON, os.path.join(here, "libbase.so"), "-Wl,--no-as-needed",
    os.path.join(here, "liblib.so"))
manifest = os.path.join(here, "cases.yaml")
write(manifest, "manifest: 1\napplication: cases\nhosts:\n" +
      "".join(f"  - path: {DIRECTORY}/{name}\n" for name in [*hosts, "cxx-host", "late-tls"]) +
      "plugins:\n" + "".join(f"  - feature: {name}\n    path: {DIRECTORY}/{name}.so\n" for name in [*PLUGINS, *CXX, "latetls"]))

# What everything prints before anything is changed.
random.seed(5)
scripts = [[a + x, b + y] for x, y in (("one", "two"), ("two", "one"), ("brings", "overrides"), ("overrides", "brings"),
                                       ("symbolic", "one"), ("absent_definer", "two"), ("one", "absent_definer"))
           for a in "lgdn" for b in "lgdn"]
scripts += [["l" + name] for name in PLUGINS] + [["n" + name] for name in PLUGINS]
scripts += [["ltls_gd", "ltls_desc", "ltls_ie", "-1", "ltls_gd"], ["lnests", "lbrings", "loverrides"],
            ["tone,two,brings,ifunc,tls_gd,nests"], ["lneeds_missing", "lone"], ["nundefined", "lundefined"],
            ["lone", "-1"] * 20, ["s16384", "lone"], ["gone", "gtwo", "-1", "lone"]]
for _ in range(60 if os.environ.get("LONG") else 12):
    steps = [random.choice("lgdn") + random.choice(list(PLUGINS)) for _ in range(random.randint(3, 8))]
    scripts.append(steps)
cxx_scripts = [[a + x, b + y] for x, y in itertools.permutations(CXX, 2) for a in "lgd" for b in "lgd"]
runs = [([f"{DIRECTORY}/{host}", *script]) for i, script in enumerate(scripts)
        for host in (list(hosts) if os.environ.get("LONG") else [list(hosts)[i % len(hosts)]])]
runs += [[f"{DIRECTORY}/cxx-host", *script] for script in cxx_scripts]
runs += [[f"{DIRECTORY}/{kind}-tls"] for kind in ("own", "big", "gd", "late")]


def outcome(command, **environment):
    done = rooted.start(root, command, **environment)
    return done.returncode, done.stdout, rooted.messages_of(done)


before = [outcome(command) for command in runs]
notegen("add", "--root", root, "--manifest", manifest)
listing = prelink("--root", root, "--with-plugins", "-a", "-v").stdout
expect(f"{DIRECTORY}/big-tls: no plan: its libraries need more static" in listing,
       f"big-tls was not left alone for want of static TLS:\n{listing[-2000:]}")
expect(f"{DIRECTORY}/late-tls: no plan: {DIRECTORY}/latetls.so: it needs thread variables" in listing,
       f"late-tls was not left alone for its plugin's sake:\n{listing[-2000:]}")
full = relative = 0
for command, wanted in zip(runs, before):
    expect_equal(outcome(command, PRELINK_RTLD="off"), wanted, f"{command}, the module standing aside")
    verbose = rooted.start(root, command, PRELINK_RTLD="verbose")
    seen = verbose.returncode, verbose.stdout, rooted.messages_of(verbose)
    expect_equal(seen, wanted, f"{command} with the module:\n{verbose.stderr}\n")
    levels = [level for _, level, _ in rooted.levels_of(verbose)]
    full += levels.count("full")
    relative += levels.count("relative only")


def level_of(name, *command, **environment):
    done = rooted.start(root, command, PRELINK_RTLD="verbose", **environment)
    found = [level for path, level, _ in rooted.levels_of(done) if os.path.basename(path) == name]
    expect(found, f"{command} {environment}: nothing is said of {name}:\n{done.stderr}")
    return found[-1]


host = f"{DIRECTORY}/host-pie-now"
for name in ("one", "two", "brings", "ifunc", "tls_gd", "tls_ie", "tls_desc", "nests", "symbolic"):
    expect_equal(level_of(name + ".so", host, "n" + name), "full", f"level of {name}.so")
for name in CXX:
    expect_equal(level_of(name + ".so", f"{DIRECTORY}/cxx-host", "l" + name), "full", f"level of {name}.so")

# A preloaded malloc with much thread-local storage, and the smallest stack that a thread may have.
preload = {"LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"}
for name in hosts:
    for script in (["lone"], ["s16384", "ntls_gd", "ntls_ie"]):
        for environment in (preload, {}):
            command = [f"{DIRECTORY}/{name}", *script]
            expect_equal(outcome(command, **environment), outcome(command, PRELINK_RTLD="off", **environment),
                         f"{command} {environment}")
            expect(outcome(command, **environment)[0] == 0, f"{command} {environment} fails")
expect_equal(level_of("libbase.so", host, "lone", **preload), "relative only", "level with LD_PRELOAD")
expect_equal(level_of("libgdtls.so", f"{DIRECTORY}/gd-tls"), "full", "level beside thread variables in dynamic TLS")
expect_equal(outcome([f"{DIRECTORY}/gd-tls"], **preload)[0], 0, "the same with a preloaded malloc")

# A changed dependency: its users lose their plans, not their lives.
library("liblib.so", LIBRARY.replace("lib_counter = 11", "lib_counter = 12"), "-Wl,-z,now")
for script in (["nbrings"], ["ntls_gd", "ltls_desc"], ["lnests"], ["lone", "nifunc"]):
    expect_equal(outcome([host, *script]), outcome([host, *script], PRELINK_RTLD="off"), f"{script} after an upgrade")
expect_equal(level_of("brings.so", host, "nbrings"), "relative only", "level beside a changed library")
expect_equal(level_of("one.so", host, "none"), "full", "level away from a changed library")

# Without the module's file, everything still runs; ld.so says so.
module = root + rooted.module_path()
os.rename(module, module + ".away")
for command, wanted in list(zip(runs, before))[:10]:
    status, output, messages = outcome(command)
    expect_equal((status, output), wanted[:2], f"{command} without the module's file")
    expect("cannot be loaded as audit interface" in messages or wanted[2] == messages, "ld.so is silent")
os.rename(module + ".away", module)
print(f"{len(runs)} runs the same before, with the module, and with it standing aside; {full} objects full, {relative} "
      "relative only")
