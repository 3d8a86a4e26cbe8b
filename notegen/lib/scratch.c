/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers that are used again; see scratch.h. */
#include "scratch.h"

#include <sys/mman.h>

/* Buffers that a thread keeps: a file, its original, a copy that is changed, one that is changed back. */
enum { KEPT_MAX = 4 };
#define ROOM_MIN ((size_t)2 << 20) /* a huge page: one fault instead of 512 */

struct kept {
	void *data; /* NULL for a free place */
	size_t room;
};

static _Thread_local struct kept kept[KEPT_MAX];

/* The place of the smallest buffer that holds SIZE bytes, else of the largest; NULL where there is none. */
static struct kept *find(size_t size)
{
	struct kept *best = NULL;

	for (struct kept *k = kept; k < kept + KEPT_MAX; k++) {
		if (!k->data)
			continue;
		if (!best ||
		    (best->room < size ? k->room > best->room : k->room >= size && k->room < best->room))
			best = k;
	}
	return best;
}

static void *new_buffer(size_t size, size_t *room)
{
	for (*room = ROOM_MIN; *room < size; *room *= 2)
		;
	void *data = mmap(NULL, *room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return NULL;
	madvise(data, *room, MADV_HUGEPAGE);
	return data;
}

void *scratch_take(size_t size, size_t *room)
{
	struct kept *found = find(size);

	if (!found)
		return new_buffer(size, room);
	struct kept taken = *found;

	*found = (struct kept){ 0 };
	if (taken.room >= size) {
		*room = taken.room;
		return taken.data;
	}
	munmap(taken.data, taken.room); /* a larger one takes its place */
	return new_buffer(size, room);
}

void scratch_give(void *data, size_t room)
{
	for (struct kept *k = kept; k < kept + KEPT_MAX; k++)
		if (!k->data) {
			*k = (struct kept){ data, room };
			return;
		}
	munmap(data, room);
}

void scratch_release(void)
{
	for (struct kept *k = kept; k < kept + KEPT_MAX; k++) {
		if (k->data)
			munmap(k->data, k->room);
		*k = (struct kept){ 0 };
	}
}
