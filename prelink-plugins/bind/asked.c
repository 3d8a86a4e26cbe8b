/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbering names and versions; see asked.h. */
#include "bind/asked.h"

#include <stdlib.h>
#include <sys/random.h>

#include "alloc.h"

/* Bytes of names that are allocated at a time. */
enum { CHUNK = 256 << 10 };

#define obstack_chunk_alloc xmalloc
#define obstack_chunk_free free

struct asked_table *asked_new(void)
{
	struct asked_table *table = xcalloc(1, sizeof *table);

	table->count = 1;
	if (getrandom(&table->multiplier, sizeof table->multiplier, GRND_NONBLOCK) < 0)
		table->multiplier = 0x9e3779b1;
	table->multiplier |= 1;
	obstack_begin(&table->kept, CHUNK);
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void asked_free(struct asked_table *table)
{
	for (size_t i = 0; i < ASKED_ARRAYS; i++)
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

/* Both hashes of NAME, and its LENGTH, in one go. */
static struct asked make_asked(const struct asked_table *table, const char *name, size_t most,
			       const struct symbol_version *version, size_t *length)
{
	size_t i;

	struct asked asked = { .name = name,
			       .version = version,
			       .gnu_hash = 5381,
			       .hash = version ? version->hash + version->hidden : 0 };

	for (i = 0; i < most && name[i]; i++) {
		asked.gnu_hash = asked.gnu_hash * 33 + (unsigned char)name[i]; /* symbol_gnu_hash() */
		asked.hash = asked.hash * table->multiplier + (unsigned char)name[i];
	}
	*length = i;
	asked.hash ^= asked.hash >> 15;
	return asked;
}

static void grow_buckets(struct asked_table *table)
{
	uint32_t mask = table->bucket_mask ? 2 * table->bucket_mask + 1 : (1 << 14) - 1;

	free(table->bucket);
	table->bucket = xcalloc(mask + 1ul, sizeof *table->bucket);
	table->bucket_mask = mask;
	for (uint32_t number = 1; number < table->count; number++) {
		uint32_t at = asked_at(table, number)->hash & mask;
		while (table->bucket[at])
			at = (at + 1) & mask;
		table->bucket[at] = number;
	}
}

static uint32_t add(struct asked_table *table, const struct asked *asked, size_t length)
{
	uint32_t start, number = table->count++;
	unsigned array = asked_array(number, &start);

	if (!table->array[array])
		table->array[array] = xreallocarray(NULL, start ? start : 1u << ASKED_BITS, sizeof *asked);
	struct asked *new = &table->array[array][number - start];
	*new = *asked;
	new->name = obstack_copy0(&table->kept, asked->name, length);
	return number;
}

static uint32_t find(struct asked_table *table, const struct asked *asked, size_t length)
{
	if (table->count > table->bucket_mask / 2)
		grow_buckets(table);
	uint32_t at = asked->hash & table->bucket_mask;
	for (; table->bucket[at]; at = (at + 1) & table->bucket_mask) {
		const struct asked *old = asked_at(table, table->bucket[at]);
		if (old->hash == asked->hash && old->gnu_hash == asked->gnu_hash &&
		    same_version(old->version, asked->version) &&
		    strncmp(old->name, asked->name, length) == 0 && old->name[length] == '\0')
			return table->bucket[at];
	}
	return table->bucket[at] = add(table, asked, length);
}

uint32_t asked_number(struct asked_table *table, const char *name, size_t most,
		      const struct symbol_version *version, size_t *length)
{
	size_t bytes;
	struct asked asked = make_asked(table, name, most, version, &bytes);

	pthread_mutex_lock(&table->lock);
	uint32_t number = find(table, &asked, bytes);
	pthread_mutex_unlock(&table->lock);
	if (length)
		*length = bytes;
	return number;
}

const struct answers *asked_keep(struct asked_table *table, struct asked *asked, unsigned which,
				 const struct answer *item, uint32_t count)
{
	pthread_mutex_lock(&table->lock);
	struct answers *new = obstack_alloc(&table->kept, sizeof *new + count * sizeof *item);
	new->count = count;
	memcpy(new->item, item, count * sizeof *item);
	__atomic_store_n(&asked->answers[which], new, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&table->lock);
	return new;
}
