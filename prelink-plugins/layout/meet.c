/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is ever together; see meet.h. */
#include "layout/meet.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static void set_bit(uint64_t *row, size_t bit)
{
	row[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static bool has_bit(const uint64_t *row, size_t bit)
{
	return row[bit / 64] >> (bit % 64) & 1;
}

/* One program's (or library's) objects that can be in a process together. */
struct company {
	uint64_t *all;      /* row of bits */
	size_t *group_of;   /* by bit: 0 none, else index into `group` + 1; where `all` has the bit */
	const char **group; /* names of exclusive groups */
	uint64_t **row;     /* of each group: who is in the program as its member only */
	size_t group_count;
};

/* The number of exclusive group NAME within the company, from 1; 0 for NULL. */
static size_t group_number(struct company *u, const char *name, size_t words)
{
	if (!name)
		return 0;
	for (size_t i = 0; i < u->group_count; i++)
		if (strcmp(u->group[i], name) == 0)
			return i + 1;
	ALLOC_NEXT(u->group, u->group_count);
	ALLOC_NEXT(u->row, u->group_count);
	u->group[u->group_count] = name;
	u->row[u->group_count] = xcalloc(words, sizeof *u->row[0]);
	return ++u->group_count;
}

/* OBJECT comes into the company, as a plugin of GROUP or (0) in a way that excludes nothing. */
static void company_add(struct company *u, const struct meetings *m, const struct object *object,
			size_t group)
{
	size_t bit = m->bit_of[object->index];

	if (bit == NOBODY)
		return;
	if (!has_bit(u->all, bit))
		u->group_of[bit] = group;
	else if (u->group_of[bit] != group)
		u->group_of[bit] = 0;
	set_bit(u->all, bit);
}

/* Adds to the square of bits what the scopes of OWNER say. */
static void add_meetings(struct meetings *m, const struct object *owner, struct company *u)
{
	memset(u->all, 0, m->words * sizeof *u->all);
	u->group_count = 0;
	for (size_t i = 0; i < owner->scope.count; i++)
		company_add(u, m, owner->scope.member[i], 0);
	for (size_t i = 0; i < owner->plugin_count; i++) {
		const struct plugin_scope *plugin = &owner->plugin[i];
		size_t group = group_number(u, plugin->entry ? plugin->entry->exclusive : NULL, m->words);

		company_add(u, m, plugin->plugin, group);
		for (size_t j = 0; j < plugin->scope.count; j++)
			if (plugin->scope.member[j] != plugin->plugin)
				company_add(u, m, plugin->scope.member[j], 0);
	}
	for (size_t bit = 0; bit < m->count; bit++)
		if (has_bit(u->all, bit) && u->group_of[bit])
			set_bit(u->row[u->group_of[bit] - 1], bit);
	for (size_t bit = 0; bit < m->count; bit++) {
		if (!has_bit(u->all, bit))
			continue;
		uint64_t *row = m->row + bit * m->words;
		const uint64_t *except = u->group_of[bit] ? u->row[u->group_of[bit] - 1] : NULL;

		for (size_t i = 0; i < m->words; i++)
			row[i] |= except ? u->all[i] & ~except[i] : u->all[i];
	}
	for (size_t i = 0; i < u->group_count; i++)
		free(u->row[i]);
}

void meetings_find(struct meetings *m, struct object *const *member, size_t count, const size_t *bit_of)
{
	struct company u = { 0 };

	*m = (struct meetings){ .bit_of = bit_of, .count = count, .words = (count + 63) / 64 };
	m->row = xcalloc(count * m->words, sizeof *m->row);
	u.all = xcalloc(m->words, sizeof *u.all);
	u.group_of = xcalloc(count, sizeof *u.group_of);
	for (size_t i = 0; i < count; i++)
		add_meetings(m, member[i], &u);
	free(u.all);
	free(u.group_of);
	free(u.group);
	free(u.row);
}

bool meetings_has(const struct meetings *m, size_t bit, size_t who)
{
	return !m->row || has_bit(m->row + bit * m->words, who);
}

void meetings_release(struct meetings *m)
{
	free(m->row);
	*m = (struct meetings){ 0 };
}
