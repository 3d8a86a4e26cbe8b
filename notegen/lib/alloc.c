/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation that cannot fail; see alloc.h. */
#include "alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

static void *checked(void *memory)
{
	if (!memory) {
		diag_error(NULL, "out of memory; free some, or run with fewer files at once");
		exit(EXIT_FAILURE);
	}
	return memory;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	return checked(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return checked(strndup(text, length));
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return checked(text);
}

void *alloc_grow(void *array, size_t needed, size_t *room, size_t size)
{
	size_t more = *room < 4 ? 4 : 2 * *room;

	*room = more < needed ? needed : more;
	return xreallocarray(array, *room, size);
}

void *alloc_reach(void *array, size_t index, size_t *room, size_t size)
{
	size_t had = *room;

	array = alloc_grow(array, index + 1, room, size);
	memset((char *)array + had * size, 0, (*room - had) * size);
	return array;
}
