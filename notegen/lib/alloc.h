/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation that cannot fail: on exhaustion says so and exits with 1.  No file is being replaced at any
 * point where memory is taken, so dying here loses nothing but a temporary, which the next run removes. */
#ifndef ALLOC_H
#define ALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one element more in ARRAY, of COUNT, which grows in no other way.  It may move.
 *
 *     ALLOC_NEXT(list->item, list->count);
 *     list->item[list->count++] = item;
 *
 * What it has room for is the power of two above COUNT. */
#define ALLOC_NEXT(array, count)                                                                      \
	do {                                                                                          \
		if (((count) & ((count)-1)) == 0)                                                     \
			(array) = xreallocarray((array), (count) ? 2 * (count) : 1, sizeof *(array)); \
	} while (0)

/* For what is emptied and filled again: makes room for COUNT elements in ARRAY, which has room for ROOM (a
 * size_t that starts as 0, with ARRAY NULL). */
#define ALLOC_GROW(array, count, room)                                                    \
	do {                                                                              \
		if ((count) > (room))                                                     \
			(array) = alloc_grow((array), (count), &(room), sizeof *(array)); \
	} while (0)

/* For a table that is used by index: makes sure that ARRAY has an element INDEX.  New elements are
 * all zero. */
#define ALLOC_REACH(array, index, room)                                                    \
	do {                                                                               \
		if ((index) >= (room))                                                     \
			(array) = alloc_reach((array), (index), &(room), sizeof *(array)); \
	} while (0)

/* What the two above call. */
void *alloc_grow(void *array, size_t needed, size_t *room, size_t size);
void *alloc_reach(void *array, size_t index, size_t *room, size_t size);

#endif
