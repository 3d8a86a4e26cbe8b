/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --status: does a program's next start take the fast path, and if not, why?
 *
 * Compares the plan in the program's file with what ld.so would load today, as the run-time module will. */
#ifndef STATUS_H
#define STATUS_H

#include "plan/placed.h"
#include "plan/store_file.h"

enum program_way { WAY_NEITHER, WAY_SLOTS /* its own file's */, WAY_STORE, WAY_BOTH /* its own counts */ };

/* "neither", "slots", "store", "both". */
const char *program_way_text(enum program_way way);

/* What is said of one program.  Strings are static. */
struct program_status {
	enum program_way way;       /* whose plan there is */
	const char *state;          /* "fast", "partly", "slow", "no plan" */
	const char *why;            /* NULL where fast */
	const struct object *cause; /* the file that is to blame, or NULL */
	size_t objects;             /* start-up libraries that are as planned */
	size_t spared;              /* relocations of these that nobody need process at start-up */
	size_t plugins;             /* of the program today */
	size_t planned;             /* of them, on the fast path with all they need */
};

/* The status of PROGRAM, whose scopes, plugins included, have been found, with the slots of all (layout_present()).  PLACED is shared by all programs
 * of a run.  STORE may be NULL. */
struct program_status program_status(struct placed_table *placed, const struct store_file *store,
				     struct object *program);

/* Prints a line for each program of TABLE that is listed, or with JSON one array of objects.  Scopes, plugins included, have been found.  0 where every one of
 * the programs takes the fast path with all its plugins, else 1; with ALL, those that were left without a
 * plan do not count. */
int status_print(struct object_table *table, const struct root *root, const struct store_file *store,
		 bool all, bool json);

#endif
