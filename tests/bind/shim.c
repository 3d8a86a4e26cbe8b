/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into an interpreter: gives every dlopen the mode that DLOPEN_MODE names, so that all extension
 * modules of a program can be opened as local, global and deepbind plugins. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *dlopen(const char *file, int mode)
{
	void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
	const char *wanted = getenv("DLOPEN_MODE");

	if (wanted && file) {
		mode &= ~(RTLD_GLOBAL | RTLD_DEEPBIND);
		if (strcmp(wanted, "global") == 0)
			mode |= RTLD_GLOBAL;
		if (strcmp(wanted, "deepbind") == 0)
			mode |= RTLD_DEEPBIND;
	}
	return next(file, mode);
}
