/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers that are used again; see scratch.h. */
#include "scratch.h"

#include <pthread.h>
#include <sys/mman.h>

/* Buffers that are kept: a file, its original, a copy that is changed, one that is changed back. */
enum { KEPT_MAX = 4 };
#define ROOM_MIN ((size_t)2 << 20) /* a huge page: one fault instead of 512 */
/* Larger ones are kept for all threads together: four times 32 MB for each of many would be much. */
#define OWN_MAX ((size_t)4 << 20)

struct kept {
	void *data; /* NULL for a free place */
	size_t room;
};

static _Thread_local struct kept own[KEPT_MAX];

static struct kept common[KEPT_MAX]; /* under lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Where buffers of SIZE bytes are kept.  The caller holds the lock: only `common` needs it, but it
 * is free nearly always. */
static struct kept *places_for(size_t size)
{
	return size <= OWN_MAX ? own : common;
}

/* Of the places KEPT, that of the smallest buffer that holds SIZE bytes, else of the largest; NULL where
 * there is none. */
static struct kept *find(struct kept *kept, size_t size)
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

/* Takes that one away from KEPT. */
static struct kept take_from(struct kept *kept, size_t size)
{
	struct kept *found = find(kept, size), taken = { 0 };

	if (found) {
		taken = *found;
		*found = (struct kept){ 0 };
	}
	return taken;
}

/* Puts NEW into a free place of KEPT, else into that of the smallest, if it is larger.  Returns what there is
 * no place for. */
static struct kept give_to(struct kept *kept, struct kept new)
{
	struct kept *smallest = kept;

	for (struct kept *k = kept; k < kept + KEPT_MAX; k++)
		if (k->room < smallest->room) /* a free place has none */
			smallest = k;
	if (smallest->room >= new.room)
		return new;
	struct kept left = *smallest;

	*smallest = new;
	return left;
}

static void drop(struct kept kept)
{
	if (kept.data)
		munmap(kept.data, kept.room);
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
	pthread_mutex_lock(&lock);
	struct kept taken = take_from(places_for(size), size);
	pthread_mutex_unlock(&lock);

	if (taken.room >= size) {
		*room = taken.room;
		return taken.data;
	}
	drop(taken); /* a larger one takes its place */
	return new_buffer(size, room);
}

void scratch_give(void *data, size_t room)
{
	pthread_mutex_lock(&lock);
	struct kept left = give_to(places_for(room), (struct kept){ data, room });
	pthread_mutex_unlock(&lock);

	drop(left);
}

static void drop_all(struct kept *kept)
{
	for (struct kept *k = kept; k < kept + KEPT_MAX; k++) {
		drop(*k);
		*k = (struct kept){ 0 };
	}
}

void scratch_release(void)
{
	pthread_mutex_lock(&lock);
	drop_all(own);
	drop_all(common);
	pthread_mutex_unlock(&lock);
}
