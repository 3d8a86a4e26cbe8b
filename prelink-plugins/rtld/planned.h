/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's plan as the run-time module reads it, where it lies; plan_format.h says how it looks. */
#ifndef RTLD_PLANNED_H
#define RTLD_PLANNED_H

#include "ldso.h"
#include "plan_format.h"

#define NO_INDEX UINT32_MAX

/* Hidden: else some machines' compilers look for them through a GOT, whose entries ld.so
 * would have to relocate. */
#pragma GCC visibility push(hidden)
extern const struct plan_header *plan; /* NULL: there is none, or it cannot be used */
extern const struct plan_object *objects;

extern const char *plan_base; /* what the plan's offsets count from */
extern bool plan_damaged;     /* some of it was not as it had been written, and is not used */
#pragma GCC visibility pop

/* Takes the plan that PROGRAM's dynamic section names, if there is one that can be used. */
void plan_find(const struct link_map *program);

/* Takes the plan at byte OFFSET of the SIZE bytes at BASE, if it can be used. */
void plan_take(const void *base, uint64_t size, uint32_t offset);

static inline const void *plan_at(struct plan_table table)
{
	return plan_base + table.offset;
}

/* True if MAP, whose dynamic section has the digest DYNAMIC (identity.h), is where PLANNED says and the
 * very file that prelink saw. */
bool is_planned(const struct link_map *map, const struct plan_object *planned, const struct tags *tags,
		uint64_t dynamic);

/* Index of the plugin-side object that MAP is, or NO_INDEX. */
uint32_t find_planned(const struct link_map *map, const struct tags *tags, uint64_t dynamic);

/* Index of the object that has NUMBER in the store, or NO_INDEX. */
uint32_t find_member(uint32_t number);

/* The number by which a table is in order, of the record INDEX. */
typedef uint64_t plan_key(const void *table, uint32_t index);
/* The first record from LOW on of TABLE whose number is not below WANTED; HIGH where
 * there is none before that. */
uint32_t first_from(const void *table, uint32_t low, uint32_t high, plan_key *key, uint64_t wanted);

/* True if the ascending numbers of TABLE have WANTED among them. */
bool table_has(struct plan_table table, uint32_t wanted);

#endif
