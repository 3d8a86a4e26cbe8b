/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The passes that change files, over all objects of the table that they concern: bind, rewrite, plan, and
 * their undoing.  What one object goes through is in the headers named below; here is who goes through it.
 *
 *     apply_init(&apply, &root, &table, &options);
 *     apply_bind(&apply);         // values of libraries (bind.h)
 *     apply_libraries(&apply);    // moved, filled in, replaced (rebase.h, rewrite.h)
 *     apply_programs(&apply);     // plans made and attached (decide.h, plan.h, rewrite.h)
 *     apply_release(&apply);
 *
 * Objects with `skip` set, or an `outcome` already, are passed over; each function sets the `outcome` of
 * those that it does. */
#ifndef APPLY_H
#define APPLY_H

#include "bind/bind.h"
#include "options.h"
#include "plan/plan.h"
#include "progress.h"

/* Where programs find the run-time module, inside the root. */
#define RUNTIME_MODULE PKGLIBDIR "/prelink-rtld.so"

struct apply {
	const struct root *root;
	struct object_table *table;
	const struct options *options;
	struct bind *bind;      /* NULL before apply_bind() */
	struct planner planner; /* set up with it */
	bool module;            /* programs would find the run-time module.  Set by apply_programs() */
	struct progress progress;
};

/* All three outlive it.  The table may still grow until the next call. */
void apply_init(struct apply *apply, const struct root *root, struct object_table *table,
		const struct options *options);
void apply_release(struct apply *apply);

/* Finds what the symbols of each library resolve to in its own scope. */
void apply_bind(struct apply *apply);

/* Moves each library that has a slot there, with the values that were found. */
void apply_libraries(struct apply *apply);

/* Gives each program a plan, where it is better off with one.  After the libraries: a plan names them by
 * checksum. */
void apply_programs(struct apply *apply);

/* -r: moves the listed libraries to options->reloc_address, and fills nothing in. */
void apply_move(struct apply *apply);

/* Puts the originals of listed objects in their place.  0, or -1 after a message if some could not be. */
int apply_undo(struct apply *apply);

/* -o: writes the original of the first listed object to options->undo_output. */
void apply_undo_elsewhere(struct apply *apply);

/* Verifies each listed object, and prints its original or the digest of it. */
void apply_verify(struct apply *apply);

#endif
