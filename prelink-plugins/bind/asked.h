/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What references ask for, numbered: the same name and version has the same number, whoever asks.
 *
 *     uint32_t number = asked_number(table, "free", 5, version, NULL);
 *     asked_at(table, number)->gnu_hash ...
 *
 * Names are copied: comparing them does not bring back pages of whatever object asked first.  Any thread may
 * call any of these at any time, but for asked_free(). */
#ifndef ASKED_H
#define ASKED_H

#include <obstack.h>
#include <pthread.h>

#include "elf/symbols.h"

/* What some objects say to it; see asked_keep(). */
struct answers {
	uint32_t count;
	struct answer {
		uint32_t object, symbol; /* object->index; index in its symbol table */
	} item[];
};

struct asked {
	const char *name;                     /* the table's */
	const struct symbol_version *version; /* of some object; stays there; NULL for none */
	uint32_t gnu_hash;                    /* symbol_gnu_hash() of name */
	uint32_t hash;                        /* of both */
	const struct answers *answers[2];     /* read with asked_answers() */
};

/* Numbers lie in arrays that never move, each twice as large as the one before: other threads read them. */
enum { ASKED_BITS = 13, ASKED_ARRAYS = 32 - ASKED_BITS + 1 };

struct asked_table {
	pthread_mutex_t lock;
	struct asked *array[ASKED_ARRAYS]; /* number 0 is unused */
	uint32_t multiplier; /* of the hash function: random, as GNU hashes are easily made equal */
	/* Under lock: */
	uint32_t count;   /* numbers, and 0 */
	uint32_t *bucket; /* open addressing: numbers, 0 for a free place */
	uint32_t bucket_mask;
	struct obstack kept; /* names and answers */
};

struct asked_table *asked_new(void);
void asked_free(struct asked_table *table);

/* The number of NAME, which has MOST bytes if no NUL ends it before, and VERSION (NULL for none), which stays
 * where it is; never 0.  Bytes of the name in LENGTH, if that is not NULL. */
uint32_t asked_number(struct asked_table *table, const char *name, size_t most,
		      const struct symbol_version *version, size_t *length);

/* Which of the arrays NUMBER is in, and where that starts. */
static inline unsigned asked_array(uint32_t number, uint32_t *start)
{
	uint32_t high = number >> ASKED_BITS;
	unsigned array = high ? 32 - (unsigned)__builtin_clz(high) : 0;

	*start = array ? 1u << (ASKED_BITS + array - 1) : 0;
	return array;
}

static inline struct asked *asked_at(const struct asked_table *table, uint32_t number)
{
	uint32_t start;
	unsigned array = asked_array(number, &start);

	return &table->array[array][number - start];
}

/* What was kept for WANTED and WHICH (0 or 1); NULL where nothing was. */
static inline const struct answers *asked_answers(const struct asked *asked, unsigned which)
{
	return __atomic_load_n(&asked->answers[which], __ATOMIC_ACQUIRE);
}

/* Keeps, for WANTED and WHICH, the COUNT answers at ITEM; returns them.  Whoever keeps some keeps the
 * same. */
const struct answers *asked_keep(struct asked_table *table, struct asked *asked, unsigned which,
				 const struct answer *item, uint32_t count);

#endif
