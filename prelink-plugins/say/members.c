/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of a cache as JSON; see members.h. */
#include "say/members.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"

/* Bytes of text that count as an item. */
enum { ITEM = 64 };

/* Members are looked at more often than they are said: those of plugins that are there since start-up. */
enum { LOOKS = 64 };

void members_begin(struct members *m, const struct cache *cache)
{
	*m = (struct members){ .cache = cache, .mark = xcalloc(cache->object_count, sizeof *m->mark) };
}

bool members_room(struct members *m, size_t items, const char *a, const char *b)
{
	m->said += items + (a ? strlen(a) / ITEM : 0) + (b ? strlen(b) / ITEM : 0);
	m->cut |= m->said > LIMIT_SAID || m->looked_at / LOOKS > LIMIT_SAID;
	return !m->cut;
}

bool members_object(struct members *m, const struct cache_object *o)
{
	return members_room(m, 16, cache_string(m->cache, o->path), cache_string(m->cache, o->no_plan)) &&
	       members_room(m, 0, cache_string(m->cache, o->machine), NULL);
}

static void set_marks(struct members *m, struct cache_list list, bool value)
{
	for (uint32_t i = 0; i < list.count; i++)
		m->mark[m->cache->pool[list.first + i]] = value;
}

json_t *members_json(struct members *m, struct cache_list list, struct cache_list without,
		     json_t *(*make)(const struct cache *cache, uint32_t object))
{
	const struct cache *c = m->cache;
	json_t *array = json_array();

	m->looked_at += (size_t)list.count + without.count;
	if (!members_room(m, 1, NULL, NULL))
		return array;
	set_marks(m, without, true);
	for (uint32_t i = 0; i < list.count; i++) {
		uint32_t member = c->pool[list.first + i];

		if (m->mark[member])
			continue;
		if (!members_room(m, 1, cache_string(c, c->object[member].path), NULL))
			break;
		json_array_append_new(array, make(c, member));
	}
	set_marks(m, without, false);
	return array;
}

int members_end(struct members *m)
{
	free(m->mark);
	m->mark = NULL;
	return m->cut ?
		       diag_error(
			       NULL,
			       "the cache lists more than the %d files and plugins that are said; the rest is "
			       "left out",
			       LIMIT_SAID) :
		       0;
}
