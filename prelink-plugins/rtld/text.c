/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text without a C library; see text.h. */
#include "text.h"

#include <stddef.h>

#include "machine.h"

bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

const char *after(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

bool contains(const char *text, const char *word)
{
	for (; *text; text++)
		if (after(text, word))
			return true;
	return false;
}

const char *last_component(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/')
			last = path + 1;
	return last;
}

void say(const char *first, const char *second, const char *third)
{
	const char *part[] = { "prelink-rtld: ",   first, ": ", second, third ? ": " : "",
			       third ? third : "", "\n" };
	char line[512];
	size_t used = 0;

	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		for (const char *c = part[i]; *c; c++) {
			if (used == sizeof line) {
				machine_syscall3(SYS_WRITE, 2, (long)line, (long)used);
				used = 0;
			}
			line[used++] = *c;
		}
	machine_syscall3(SYS_WRITE, 2, (long)line, (long)used);
}
