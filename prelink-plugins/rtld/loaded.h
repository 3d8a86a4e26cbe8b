/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects that are loaded now, as far as the module has to do with them, and where they are kept. */
#ifndef RTLD_LOADED_H
#define RTLD_LOADED_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "plan_format.h"

enum level { LEVEL_NONE, LEVEL_RELATIVE, LEVEL_FULL };

/* An object that is loaded now.  Its audit cookie points here. */
struct object {
	struct link_map *map;
	struct object *next;   /* in the batch, then in the free list */
	ElfW(Dyn) table, size; /* what l_info points at in place of the object's own entries */
	uint32_t index;        /* in the plan, or NO_INDEX */
	enum level level;
	bool known;         /* its l_info is as link_map_known() wants it */
	const char *reason; /* why no better; for PRELINK_RTLD=verbose */
};

/* What is only needed where there is a plan, or an object that may be one of ours.
 * Mapped by loaded_have_room(). */
struct room {
	struct object pool[PLAN_OBJECTS_MAX];
	struct object *loaded[PLAN_OBJECTS_MAX]; /* by index in the plan, what of it is there now */
	ElfW(Addr) chosen
		[PLAN_RESOLVERS_MAX]; /* what the plan's resolvers chose in this process; set at start-up */
};
/* Hidden, as in planned.h. */
#pragma GCC visibility push(hidden)
extern struct room *room;
extern struct object **loaded; /* of the room */
#pragma GCC visibility pop

/* Has the room there.  False where there is no memory for it: nothing can be done then. */
bool loaded_have_room(void);

/* A new object for MAP, of no level, to be given back with loaded_free(); NULL where
 * there is no room for it. */
struct object *loaded_new(struct link_map *map);
void loaded_free(struct object *object);

/* The object that COOKIE stands for; NULL where it is not one of ours.  ld.so hands us cookies that
 * it never let us set, whose value is its own link map (glibc, _dl_new_object()): those of the maps
 * that stand for itself in a namespace that dlmopen made, and of what a failing dlopen takes back
 * before la_objopen() came. */
struct object *loaded_of(uintptr_t cookie);

#endif
