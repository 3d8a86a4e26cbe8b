# SPDX-License-Identifier: LGPL-2.1-or-later
"""No file can be made without a name (O_TMPFILE): as on some file systems; for LD_PRELOAD."""

NAMED_FILES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
int openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	int mode = va_arg(arguments, int);
	va_end(arguments);
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return ((int (*)(int, const char *, int, int))dlsym(RTLD_NEXT, "openat"))(directory, path, flags, mode);
}
"""
