/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which objects may define a name: one table over all libraries of a system.
 *
 *     struct definers *definers = definers_new();
 *     for each object, with a number of its own: definers_add(definers, number, &symbols);
 *     definers_sort(definers);
 *     span = definers_of(definers, symbol_gnu_hash("free"), &length);
 *     for (i = 0; i < length; i++)
 *             if (span[i].hash == definers_hash(symbol_gnu_hash("free")))
 *                     ... object number span[i].object may define it, and no other that definers_cover() ...
 *
 * ld.so asks one object after the other, and so do a hundred programs with a hundred libraries each, for each
 * symbol of each.  Nearly all say no.  The hashes of all that they define lie in their DT_GNU_HASH, and need
 * only be collected to leave the few that may say yes.
 *
 * Never changes after definers_sort(): any thread may read it then. */
#ifndef DEFINERS_H
#define DEFINERS_H

#include "elf/symbols.h"

struct definers;

/* Something with that hash is in DT_GNU_HASH of the object. */
struct definer {
	uint32_t hash;   /* definers_hash() of a symbol_gnu_hash() */
	uint32_t object; /* its number */
};

/* An empty table; the caller frees it with definers_free(). */
struct definers *definers_new(void);
void definers_free(struct definers *definers);

/* Adds what the object with that NUMBER defines, before definers_sort(); after it, does nothing. */
void definers_add(struct definers *definers, size_t number, const struct symbols *symbols);
void definers_sort(struct definers *definers);

/* True if what the object with that NUMBER defines is in the sorted table: it was added, and has a
 * DT_GNU_HASH. */
bool definers_cover(const struct definers *definers, size_t number);

/* What DT_GNU_HASH keeps of a hash: its last bit marks the end of a chain. */
static inline uint32_t definers_hash(uint32_t gnu_hash)
{
	return gnu_hash >> 1;
}

/* Entries among which are all those with the hash of GNU_HASH, LENGTH of them, in no order.  Only of a table
 * that covers something. */
const struct definer *definers_of(const struct definers *definers, uint32_t gnu_hash, size_t *length);

#endif
