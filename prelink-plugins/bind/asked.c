/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbering names and versions; see asked.h. */
#include "bind/asked.h"

#include <stdlib.h>
#include <sys/random.h>

#include "diag.h"

/* Bytes of names that are allocated at a time. */
enum { CHUNK = 256 << 10 };

#define obstack_chunk_alloc xmalloc
#define obstack_chunk_free free

struct wanted_table *wanted_new(void)
{
	struct wanted_table *table = xcalloc(1, sizeof *table);

	table->count = 1;
	if (getrandom(&table->multiplier, sizeof table->multiplier, GRND_NONBLOCK) < 0)
		table->multiplier = 0x9e3779b1;
	table->multiplier |= 1;
	obstack_begin(&table->kept, CHUNK);
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void wanted_free(struct wanted_table *table)
{
	for (size_t i = 0; i < WANTED_ARRAYS; i++)
		free(table->array[i]);
	obstack_free(&table->kept, NULL);
	pthread_mutex_destroy(&table->lock);
	free(table->bucket);
	free(table);
}

static bool same_version(const struct symbol_version *a, const struct symbol_version *b)
{
	if (a == b)
		return true;
	return a && b && a->hash == b->hash && a->hidden == b->hidden && strcmp(a->name, b->name) == 0;
}

/* Both hashes of NAME in one go. */
static struct wanted make_wanted(const struct wanted_table *table, const char *name,
				 const struct symbol_version *version)
{
	struct wanted wanted = { .name = name,
				 .version = version,
				 .gnu_hash = 5381,
				 .hash = version ? version->hash + version->hidden : 0 };

	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		wanted.gnu_hash = wanted.gnu_hash * 33 + *c; /* symbol_gnu_hash() */
		wanted.hash = wanted.hash * table->multiplier + *c;
	}
	wanted.hash ^= wanted.hash >> 15;
	return wanted;
}

static void grow_buckets(struct wanted_table *table)
{
	uint32_t mask = table->bucket_mask ? 2 * table->bucket_mask + 1 : (1 << 14) - 1;

	free(table->bucket);
	table->bucket = xcalloc(mask + 1ul, sizeof *table->bucket);
	table->bucket_mask = mask;
	for (uint32_t number = 1; number < table->count; number++) {
		uint32_t at = wanted_at(table, number)->hash & mask;
		while (table->bucket[at])
			at = (at + 1) & mask;
		table->bucket[at] = number;
	}
}

static uint32_t add(struct wanted_table *table, const struct wanted *wanted)
{
	uint32_t start, number = table->count++;
	unsigned array = wanted_array(number, &start);

	if (!table->array[array])
		table->array[array] = xreallocarray(NULL, start ? start : 1u << WANTED_BITS, sizeof *wanted);
	struct wanted *new = &table->array[array][number - start];
	*new = *wanted;
	new->name = obstack_copy0(&table->kept, wanted->name, strlen(wanted->name));
	return number;
}

static uint32_t find(struct wanted_table *table, const struct wanted *wanted)
{
	if (table->count > table->bucket_mask / 2)
		grow_buckets(table);
	uint32_t at = wanted->hash & table->bucket_mask;
	for (; table->bucket[at]; at = (at + 1) & table->bucket_mask) {
		const struct wanted *old = wanted_at(table, table->bucket[at]);
		if (old->hash == wanted->hash && old->gnu_hash == wanted->gnu_hash &&
		    same_version(old->version, wanted->version) && strcmp(old->name, wanted->name) == 0)
			return table->bucket[at];
	}
	return table->bucket[at] = add(table, wanted);
}

uint32_t wanted_number(struct wanted_table *table, const char *name, const struct symbol_version *version)
{
	struct wanted wanted = make_wanted(table, name, version);

	pthread_mutex_lock(&table->lock);
	uint32_t number = find(table, &wanted);
	pthread_mutex_unlock(&table->lock);
	return number;
}

const char *wanted_name(struct wanted_table *table, const char *name)
{
	return wanted_at(table, wanted_number(table, name, NULL))->name;
}

const struct answers *wanted_keep(struct wanted_table *table, struct wanted *wanted, unsigned which,
				  const struct answer *item, uint32_t count)
{
	pthread_mutex_lock(&table->lock);
	struct answers *new = obstack_alloc(&table->kept, sizeof *new + count * sizeof *item);
	new->count = count;
	memcpy(new->item, item, count * sizeof *item);
	__atomic_store_n(&wanted->answers[which], new, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&table->lock);
	return new;
}
