/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lists of a cache, as JSON.
 *
 * Lists share members, strings and one another, so that a cache that is made for it could have any
 * number of them to say in a few bytes.  What is said of all of them together has a limit (LIMIT_SAID);
 * what is beyond it is left out. */
#ifndef MEMBERS_H
#define MEMBERS_H

#include "cache/cache.h"
#include "json.h"

struct members {
	const struct cache *cache;
	bool *mark;       /* by object, all false between two calls; owned */
	size_t said;      /* items, long ones counting as several */
	size_t looked_at; /* members */
	bool cut;         /* something was left out */
};

void members_begin(struct members *members, const struct cache *cache);

/* False, from then on, where ITEMS more with the texts A and B (or NULL) are too many. */
bool members_room(struct members *members, size_t items, const char *a, const char *b);

/* The same for object O itself, before it is said. */
bool members_object(struct members *members, const struct cache_object *o);

/* What `make` makes of the objects in LIST but for those of WITHOUT, in an array. */
json_t *members_json(struct members *members, struct cache_list list, struct cache_list without,
		     json_t *(*make)(const struct cache *cache, uint32_t object));

/* Says, if something was left out, that it was.  0, or -1 after that message. */
int members_end(struct members *members);

#endif
