/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collecting the hashes of what objects define; see definers.h. */
#include "bind/definers.h"

#include <stdlib.h>

#include "alloc.h"

struct definers {
	struct definer *entry; /* as they come, and sorted: bucket by bucket */
	uint32_t count, room;  /* entries */
	uint32_t *start; /* by bucket: index of its first entry, and the end; NULL before definers_sort() */
	unsigned bits;   /* 1 << bits buckets */
	bool *covered;   /* by number of the object */
	size_t covered_count;
};

struct definers *definers_new(void)
{
	return xcalloc(1, sizeof(struct definers));
}

void definers_free(struct definers *definers)
{
	if (!definers)
		return;
	free(definers->entry);
	free(definers->start);
	free(definers->covered);
	free(definers);
}

static void cover(struct definers *definers, size_t number)
{
	ALLOC_REACH(definers->covered, number, definers->covered_count);
	definers->covered[number] = true;
}

/* In chains of a malformed table, lookups meet no symbol that is not met here: all lie between the first and
 * the last. */
void definers_add(struct definers *definers, size_t number, const struct symbols *symbols)
{
	if (definers->start || !symbols->gnu || number > UINT32_MAX ||
	    symbols->hashed > UINT32_MAX / 4 - definers->count)
		return;
	cover(definers, number);
	while (definers->room < definers->count + symbols->hashed) {
		definers->room = definers->room ? 2 * definers->room : 1 << 16;
		definers->entry = xreallocarray(definers->entry, definers->room, sizeof *definers->entry);
	}
	for (uint32_t i = 0; i < symbols->hashed; i++)
		definers->entry[definers->count++] = (struct definer){
			definers_hash(elf_get32(symbols->image, symbols->chains + 4ull * i)), (uint32_t)number
		};
}

/* Linkers choose a hash's last digits for their own buckets; here all of them count. */
static uint32_t bucket_of(const struct definers *definers, uint32_t hash)
{
	return hash * 0x9e3779b1u >> (32 - definers->bits);
}

/* By counting: first how many each bucket has, then each to its place, filling buckets from their ends. */
void definers_sort(struct definers *definers)
{
	uint32_t sum = 0;

	if (definers->start)
		return;
	struct definer *sorted = xreallocarray(NULL, definers->count + 1ul, sizeof *sorted);
	for (definers->bits = 8; definers->bits < 24 && definers->count >> definers->bits; definers->bits++)
		;
	definers->start = xcalloc((1ul << definers->bits) + 1, sizeof *definers->start);
	for (uint32_t i = 0; i < definers->count; i++)
		definers->start[bucket_of(definers, definers->entry[i].hash)]++;
	for (size_t i = 0; i <= 1ul << definers->bits; i++)
		definers->start[i] = sum += definers->start[i];
	for (uint32_t i = 0; i < definers->count; i++)
		sorted[--definers->start[bucket_of(definers, definers->entry[i].hash)]] = definers->entry[i];
	free(definers->entry);
	definers->entry = sorted;
}

bool definers_cover(const struct definers *definers, size_t number)
{
	return definers->start && number < definers->covered_count && definers->covered[number];
}

const struct definer *definers_of(const struct definers *definers, uint32_t gnu_hash, size_t *length)
{
	uint32_t bucket = bucket_of(definers, definers_hash(gnu_hash));

	*length = definers->start[bucket + 1] - definers->start[bucket];
	return definers->entry + definers->start[bucket];
}
