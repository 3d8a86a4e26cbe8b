#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dlmopen, dlclose, a dlopen that fails: ld.so passes cookies that the module never set (its own link maps, from
malloc), and the module writes to nothing but its own memory for them.  The program fills what malloc gives it with a
pattern, in sizes around that of a link map, and looks whether the pattern stays."""
import os

import kit
from harness import expect_equal, need, run, scratch

need("gcc")
here = scratch()
kit.library(os.path.join(here, "plug.so"), "#include <string.h>\nint plug(const char *s) { return (int)strlen(s); }",
            0x3000200000)
kit.library(os.path.join(here, "broken.so"), "int nowhere(void); int plug(void) { return nowhere(); }", None,
            ["-Wl,-z,now", f"-Wl,-rpath,{here}", os.path.join(here, "plug.so")])
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void look(const char *when)
{
	for (int i = 0; i < 50; i++) {
		size_t size = 1100 + 4 * i;
		char *p = malloc(size);
		memset(p, 0x5a, size);
		void *handle = dlopen("%(here)s/plug.so", RTLD_NOW);
		if (!handle) {
			puts(dlerror());
			exit(3);
		}
		for (size_t k = 0; k < size; k++)
			if (p[k] != 0x5a) {
				printf("%%s: byte %%zu of %%zu was overwritten\n", when, k, size);
				exit(4);
			}
		dlclose(handle);
		if (i %% 3)
			free(p);
	}
}
static void open_and_close(Lmid_t where, const char *name)
{
	void *handle = dlmopen(where, name, RTLD_NOW);
	if (handle)
		dlclose(handle);
	printf("%%s %%s\n", strrchr(name, '/') + 1, handle ? "opened" : "refused");
}
static void at_end(void) { open_and_close(LM_ID_NEWLM, "%(here)s/plug.so"); look("at the end"); }
__attribute__((constructor)) static void at_start(void)
{
	open_and_close(LM_ID_BASE, "%(here)s/plug.so");
	open_and_close(LM_ID_NEWLM, "%(here)s/plug.so");
	look("in a constructor");
	atexit(at_end);
}
int main(void)
{
	for (int i = 0; i < 3; i++) {
		open_and_close(LM_ID_NEWLM, "%(here)s/plug.so");
		look("after a namespace was closed");
		open_and_close(LM_ID_NEWLM, "%(here)s/broken.so");
		look("after a namespace that could not be made");
		open_and_close(LM_ID_BASE, "%(here)s/broken.so");
		look("after a failed dlopen");
	}
	void *kept = dlmopen(LM_ID_NEWLM, "%(here)s/plug.so", RTLD_NOW);
	look(kept ? "beside another namespace" : "");
	return 0; /* ld.so closes what is left */
}
""" % {"here": here}
program = kit.program(os.path.join(here, "program"), SOURCE)
wanted = run([program]).stdout
plugin = os.path.join(here, "plug.so")
kit.plan(program, [kit.LIBC], [plugin], {plugin: [plugin]})
for mode in ("", "off", "verbose"):
    seen = run([program], env=dict(os.environ, LD_AUDIT=kit.MODULE, PRELINK_RTLD=mode))
    expect_equal(seen.stdout, wanted, f"what the program prints with the module, PRELINK_RTLD={mode}")
print(wanted.count("opened"), "opened and closed,", wanted.count("refused"), "refused")
