/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects that are searched for a symbol one after the other.  What is asked for has a number
 * (binding_number()), and a searchlist remembers the answer by that number. */
#ifndef SEARCHLIST_H
#define SEARCHLIST_H

#include "bind/relocs.h"

/* What a searchlist remembers of one number, for one class: which symbol of which member. */
struct memo {
	uint32_t serial; /* the searchlist's, when this was found out */
	uint32_t member; /* 1 + index in the searchlist; in the unique table, object->index */
	uint32_t symbol; /* 0: nobody defines it */
};

/* glibc's struct r_scope_elem, with a memory.  Zeroed before the first searchlist_set(). */
struct searchlist {
	struct bind_object **member; /* in the order of the object_list */
	size_t count;
	const struct object *executable; /* the program, whose own copies COPY relocations skip; or NULL */
	struct memo *memo;               /* what was found, by number and class */
	size_t memo_size;                /* numbers that it has room for */
	uint32_t serial;                 /* of the last searchlist_set(); marks what is older */
	struct member_place *place;      /* by object->index, where in the list it is; searchlist.c's */
	size_t place_count;
	uint32_t *unindexed; /* members that opened_index() does not cover, ascending */
	size_t unindexed_count;
};

/* Makes LIST the objects of OBJECTS, and forgets all answers.  EXECUTABLE is the program that is being
 * started, NULL for a list that is not a program's start-up scope.  -1 after a message if a member cannot be
 * read (it is left out, as ld.so leaves out what it cannot find when tracing). */
int searchlist_set(struct searchlist *list, struct opened *opened, const struct object_list *objects,
		   const struct object *executable);
void searchlist_release(struct searchlist *list);

/* The next object of LIST that defines NUMBER; start with a zeroed DEFINITION.  False after the last.  The
 * first one is remembered, as in lookups. */
bool searchlist_next(const struct opened *opened, struct searchlist *list, uint32_t number,
		     enum symbol_class class, struct definition *definition);

/* The definition of NUMBER in OBJECT itself; false where it has none. */
bool definition_in(const struct opened *opened, struct bind_object *object, uint32_t number,
		   enum symbol_class class, struct definition *definition);

#endif
