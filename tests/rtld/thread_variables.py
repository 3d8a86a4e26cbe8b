#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thread variables of start-up libraries, and of what is preloaded, lie in the static block as without us: with the
module active, standing aside, and where the program has no plan.  A malloc, a tracer and a profiler's signal handler
that count in one therefore work; and what this takes of a thread's stack is no more than promised."""
import os
import re

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, prelink, need, skip, tls_descriptors

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
root = whole_root.root_of("small", "libstdc++6", "libjemalloc2")
rooted.install_module(root)
DIRECTORY = "/opt/tls"
here = root + DIRECTORY
os.makedirs(here)
PRELOADS = "/usr/lib/x86_64-linux-gnu/"
TABLE = "static int f(void) { return 1; } int (*%s_table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
VARIABLE = "__thread long %s_variable%s; void *%s(void) { return &%s_variable; }\n"
MALLOC = TABLE % "malloc" + r"""
#include <stddef.h>
extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
__thread long calls = 1;
void *malloc(size_t size) { calls++; return __libc_malloc(size); }
void free(void *p) { calls--; __libc_free(p); }
"""
TRACER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
static __thread int inside; static __thread long count;
void *malloc(size_t size)
{
	static void *(*real)(size_t);
	if (!real)
		real = dlsym(RTLD_NEXT, "malloc");
	if (inside)
		return real(size);
	inside = 1;
	void *p = real(size);
	count++;
	inside = 0;
	return p;
}
"""
PROFILER = r"""
#include <signal.h>
#include <sys/time.h>
static __thread long ticks;
static void on(int s) { ticks++; }
__attribute__((constructor)) static void start(void)
{
	struct sigaction action = { .sa_handler = on, .sa_flags = SA_RESTART };
	struct itimerval timer = { { 0, 300 }, { 0, 300 } };
	sigaction(SIGPROF, &action, 0);
	setitimer(ITIMER_PROF, &timer, 0);
}
"""
SOURCE = r"""
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
void *gd(void), *ld(void), *desc(void), *wide(void);
static void where(const char *who)
{
	void *(*function[])(void) = { gd, ld, desc, wide };
	char *end = __builtin_thread_pointer();
	for (int i = 0; i < 4; i++)
		printf("%s %d %s\n", who, i, (uintptr_t)(end - (char *)function[i]()) < 65536 ? "static" : "elsewhere");
}
static void *thread(void *argument)
{
	where("thread");
	for (int i = 0; i < 5000; i++)
		free(malloc(1000 + i % 5000));
	return argument;
}
int main(void)
{
	alarm(60);
	where("main");
	for (int i = 0; i < 2; i++) {
		pthread_t threads[2];
		for (int k = 0; k < 2; k++)
			pthread_create(&threads[k], 0, thread, 0);
		for (int k = 0; k < 2; k++)
			pthread_join(threads[k], 0);
	}
	return 0;
}
"""
STACK = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static size_t left;
static void *measure(void *argument)
{
	pthread_attr_t attributes;
	void *stack;
	size_t size;
	char here;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &stack, &size);
	pthread_attr_destroy(&attributes);
	left = (size_t)(&here - (char *)stack);
	return argument;
}
static void *leave(void *argument) { pthread_exit(argument); }
static void *print(void *argument) { printf("%d %f\n", 5, 0.5); return argument; }
int main(void)
{
	void *(*function[])(void *) = { measure, print, leave };
	for (int i = 0; i < 3; i++) {
		pthread_attr_t attributes;
		pthread_t thread;
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, 16384);
		if (pthread_create(&thread, &attributes, function[i], 0))
			return 1;
		pthread_join(thread, 0);
	}
	fprintf(stderr, "left %zu\n", left);
	return 0;
}
"""
FLAGS = ["-x", "none", "-O1", "-fno-builtin", f"-L{here}", f"-Wl,-rpath,{DIRECTORY}", "-Wl,--no-as-needed"]


def library(name, source, *flags):
    compile_c(source, os.path.join(here, f"lib{name}.so"), *FLAGS, "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so", *flags)


library("gd", TABLE % "gd" + VARIABLE % ("gd", "", "gd", "gd"))
library("ld", "static " + VARIABLE % ("ld", " = 3", "ld", "ld"), "-Wl,-z,now")
library("desc", VARIABLE % ("desc", "[30]", "desc", "desc"), *tls_descriptors(), "-Wl,-z,lazy")
library("wide", VARIABLE % ("wide", " __attribute__((aligned(512)))", "wide", "wide"))
library("malloc", MALLOC)
library("mallocdesc", MALLOC, *tls_descriptors())
library("big", TABLE % "big" + "__thread char big[2900]; char *get_big(void) { return big; }")
library("vast", TABLE % "vast" + "__thread char vast[6000]; char *get_vast(void) { return vast; }")
library("tracer", TRACER)
library("profiler", PROFILER)
LIBRARIES = ["-lgd", "-lld", "-ldesc", "-lwide"]
programs = {"now": ["-Wl,-z,now"], "lazy": ["-Wl,-z,lazy"], "exec": ["-no-pie"], "malloc": ["-lmalloc"],
            "mallocdesc": ["-lmallocdesc"], "profiler": ["-lprofiler"], "big": ["-lbig"], "vast": ["-lvast"],
            "own": ["-DOWN"]}
for name, flags in programs.items():
    own = '__thread char own[100] = "own"; __thread int more __attribute__((aligned(128)));\n' if name == "own" else ""
    compile_c(own + SOURCE, os.path.join(here, name), *FLAGS, *flags, *LIBRARIES)
compile_c(STACK, os.path.join(here, "stack"), *FLAGS, "-lgd")
# At start it finds another library than was planned for.
os.mkdir(here + "/other")
compile_c(VARIABLE % ("ld", "[9]", "ld", "ld"), here + "/other/libld.so", *FLAGS, "-shared", "-fPIC", "-Wl,-soname,libld.so")
ENVIRONMENTS = [{}, {"LD_PRELOAD": DIRECTORY + "/libtracer.so"}, {"LD_PRELOAD": DIRECTORY + "/libprofiler.so"},
                {"LD_PRELOAD": PRELOADS + "libmemusage.so", "MEMUSAGE_NO_TIMER": "1"},
                {"LD_PRELOAD": PRELOADS + "libjemalloc.so.2"}, {"LD_LIBRARY_PATH": DIRECTORY + "/other"},
                {"LD_BIND_NOW": "1"}, {"LD_PRELOAD": DIRECTORY + "/libmallocdesc.so:" + DIRECTORY + "/libtracer.so"}]
runs = [(f"{DIRECTORY}/{name}", environment) for name in programs for environment in ENVIRONMENTS
        if os.environ.get("LONG") or name in ("now", "malloc", "vast") or environment in ENVIRONMENTS[:2]]


def outcome(program, environment, **more):
    done = rooted.start(root, [program], **environment, **more)
    return done.returncode, "\n".join(sorted(done.stdout.split("\n")))  # threads print in any order


def left():
    done = rooted.start(root, [DIRECTORY + "/stack"])
    expect_equal((done.returncode, done.stdout), (0, "5 0.500000\n"), "threads with the smallest stack")
    return int(re.search(r"left (\d+)", done.stderr)[1])


before = [outcome(*run) for run in runs]
stack = left()
expect(before[0][1].count("static") == 4 * 5, f"untouched, thread variables are not where they are thought to be: {before[0]}")
listing = prelink("--root", root, "-v", DIRECTORY).stdout
with_plan = set(re.findall(rf"^{DIRECTORY}/(\w+): plan:", listing, re.M))
expect_equal(with_plan, set(programs) - {"vast"} | {"stack"}, f"programs with a plan:\n{listing[-3000:]}")
expect(f"{DIRECTORY}/vast: no plan: its libraries need more static" in listing, f"vast: {listing[-3000:]}")
for (program, environment), wanted in zip(runs, before):
    for mode in ({}, {"PRELINK_RTLD": "off"}):
        seen = outcome(program, environment, **mode)
        if "jemalloc" in str(environment) and program.endswith("/big"):  # more than there is room for
            expect_equal(seen[0], wanted[0], f"{program} {environment} {mode}")
        else:
            expect_equal(seen, wanted, f"{program} {environment} {mode}")
levels = [level for _, level, _ in rooted.levels_of(rooted.start(root, [DIRECTORY + "/now"], PRELINK_RTLD="verbose"))]
expect_equal(levels, ["full"] * 5, "levels of libraries with thread variables")
taken = stack - left()
expect(0 <= taken <= 3072, f"a thread has {taken} bytes of stack less")
print(f"{len(runs)} runs the same before, with the module, and with it standing aside; {taken} bytes of a thread's stack "
      f"taken, {stack} were there of 16384")
