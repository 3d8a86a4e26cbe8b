/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handle of bind.h is, for bind.c, searchlist.c and lookup.c. */
#ifndef BIND_TABLES_H
#define BIND_TABLES_H

#include <pthread.h>

#include "bind/bind.h"
#include "bind/definers.h"
#include "bind/asked.h"

/* What all handles share, read and changed under the lock but for what never changes while several threads
 * look: root, wanted, definers and indexed. */
struct tables {
	const struct root *root;
	pthread_mutex_t lock;
	pthread_cond_t bound;        /* some object's `binding` became BOUND */
	struct bind_object **object; /* by object->index; NULL: not met; `unusable` (bind.c): not readable */
	size_t object_count;
	uint64_t mapped;             /* bytes of files mapped since it was last asked what they take */
	struct wanted_table *wanted; /* what all relocations ask for; its numbers */
	struct definers *definers;   /* what the objects define that were open when bind_index() was called */
	struct bind_object **indexed; /* those, by object->index; NULL before */
};

struct bind {
	struct tables *tables;
	bool owner;                  /* of the tables: not made by bind_share() */
	struct searchlist natural;   /* bind_natural()'s, from object to object */
	struct searchlist shared[2]; /* bind_searchlist()'s */
	struct binding_list list;
};

/* What a searchlist remembers of one number, for one class: which symbol of which member. */
struct memo {
	uint32_t serial; /* the searchlist's, when this was found out */
	uint32_t member; /* 1 + index in the searchlist; in the unique table, object->index */
	uint32_t symbol; /* 0: nobody defines it */
};

/* The object with that INDEX, if bind_open() was called for it and it could be read; else NULL. */
struct bind_object *bind_opened(const struct bind *bind, size_t index);

/* Looks in SCOPE for what BINDING, of BY, refers to, and notes what ld.so would find. */
void bind_lookup(struct bind *bind, struct bind_object *by, const struct bind_scope *scope,
		 struct binding *binding);

#endif
