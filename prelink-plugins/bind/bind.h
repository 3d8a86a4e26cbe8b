/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every dynamic relocation resolves to in a given scope, by ld.so's rules, without running anything.
 *
 *     struct bind *bind = bind_new(root);
 *     struct searchlist main = { 0 };
 *     searchlist_set(&main, bind->opened, &program->scope, program);
 *     struct bind_scope scope = { .global = &main, .unique = &table };
 *     for (i = program->scope.count; i-- > 0; )      // ld.so starts with the last one, too
 *             bind_in(bind, program->scope.member[i], &scope, &out);
 *
 * An object's tables are mapped and checked once, when it is first met, and stay until bind_free(): binding
 * it in a second program's scope costs no reading.  Every (name, version) that a relocation asks for has a
 * number, common to all objects; a searchlist remembers the answer by that number, so that the hundredth
 * object that asks for `free` costs one look into an array.
 *
 * Addresses are as in the files that were mapped, before any load bias.  A struct bind is one thread's;
 * others take part with one that bind_share() gives them. */
#ifndef BIND_H
#define BIND_H

#include "bind/lookup.h"

struct bind {
	struct opened *opened;       /* what all threads share */
	bool owner;                  /* of it: not made by bind_share() */
	struct searchlist natural;   /* fill.c's, from object to object */
	struct searchlist shared[2]; /* bind_searchlist()'s */
	struct binding_list list;    /* fill.c's */
};

/* ROOT outlives it. */
struct bind *bind_new(const struct root *root);
void bind_free(struct bind *bind);

/* Another one for another thread, which has searchlists of its own and shares all that BIND and it learn
 * about objects and names.  Freed before BIND is. */
struct bind *bind_share(struct bind *bind);

/* opened_open(), opened_rest() and opened_index() of what BIND has opened. */
static inline struct bind_object *bind_open(struct bind *bind, struct object *object)
{
	return opened_open(bind->opened, object);
}
static inline void bind_rest(struct bind *bind, bool all)
{
	opened_rest(bind->opened, all);
}
static inline void bind_index(struct bind *bind)
{
	opened_index(bind->opened);
}

/* Searchlist WHICH (0 or 1) of those that live as long as BIND: what they need for a whole system's symbols
 * is not taken and given back for each program. */
struct searchlist *bind_searchlist(struct bind *bind, unsigned which);

/* Reads the relocations of OBJECT into LIST as bind_relocs() does, and looks up in SCOPE what is open (lazy
 * references as well, as with LD_BIND_NOW).  0, or -1 after a message. */
int bind_in(struct bind *bind, struct object *object, const struct bind_scope *scope,
	    struct binding_list *list);

#endif
