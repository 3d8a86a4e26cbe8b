/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking plans over from the store that is there: those of programs of which nothing
 * has changed since (made.h).
 *
 *     struct carry *carry = carry_begin(root, path, table, options);
 *     for each program, in the order of contents.h:
 *             if (!carry_has(carry, program) || !carry_add(carry, store, program))
 *                     store_add(store, plan made anew), or store_add_none(store, identity)
 *             carry_note(carry, store, program);
 *     store_write(store, root, path);
 *     carry_write(carry, store);
 *     carry_end(carry);
 *
 * The store has the very bytes that it would have if every plan were made anew.  A plan's tables are copied
 * as they are; what is said by number is numbered anew.  In which of an object's blocks a plan finds its
 * words depends on the blocks that the programs before it have made: where these are not the same ones as
 * then, its plan is not taken over. */
#ifndef CARRY_H
#define CARRY_H

#include "options.h"
#include "store/contents.h"

struct carry;

/* Looks at what is at PATH inside ROOT (these and TABLE outlive it), and finds the programs of TABLE in it
 * that are as they were, for ARCH's machine.  What is damaged, somebody else's, or of another build has none;
 * so has everything where -v is to say more of a plan than is in a store. */
struct carry *carry_begin(const struct root *root, const char *path, const struct object_table *table,
			  const struct options *options, const struct arch *arch);
void carry_end(struct carry *carry);

/* True if what there is of PROGRAM is still right. */
bool carry_has(const struct carry *carry, const struct object *program);

/* Adds to STORE what there is of PROGRAM, and sets its `no_plan`.  False, with nothing added, where its
 * plan has to be made anew. */
bool carry_add(struct carry *carry, struct store *store, struct object *program);

/* PROGRAM, which has just been added to STORE, is to be taken over the next time. */
void carry_note(struct carry *carry, const struct store *store, const struct object *program);

/* Writes what the next run needs, beside STORE.  0, or -1 after a message. */
int carry_write(struct carry *carry, const struct store *store);

#endif
