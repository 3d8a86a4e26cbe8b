/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --status: does a program's next start take the fast path, and if not, why?
 *
 * Compares the plan in the program's file with what ld.so would load today, as the run-time module will. */
#ifndef STATUS_H
#define STATUS_H

#include "gather/gather.h"
#include "options.h"
#include "plan/placed.h"
#include "plan/spared.h"
#include "plan/store_file.h"

enum program_way { WAY_NEITHER, WAY_SLOTS /* its own file's */, WAY_STORE, WAY_BOTH /* its own counts */ };

/* "neither", "slots", "store", "both". */
const char *program_way_text(enum program_way way);

/* What the programs of a run are compared with. */
struct status_source {
	struct placed_table placed;
	struct gather *gather;
	const struct store_file *store; /* may be NULL */
	bool counts;                    /* what plans spare is counted, too, which takes a while */
};

/* What is said of one program.  Strings are static, the program's, or the manifests'. */
struct program_status {
	enum program_way way; /* whose plan there is */
	const char *state;    /* "fast", "partly", "slow", "no plan" */
	const char *why;      /* NULL where fast */
	const char *cause;    /* path of the file that is to blame, or NULL */
	const char
		*named_by; /* the manifest that names it, NULL where that is a note, or it is no plugin's */
	size_t objects;    /* start-up libraries that are as planned */
	struct spared spared; /* of these, where the source counts; 0 unless fast or partly so */
	size_t plugins;       /* of the program today, as notes and manifests name them */
	size_t planned;       /* of them, on the fast path with all they need */
};

void status_begin(struct status_source *source, struct gather *gather, const struct store_file *store);
void status_end(struct status_source *source);

/* The status of PROGRAM, whose scopes, plugins included, have been found, with the slots of
 * all (layout_present()). */
struct program_status program_status(struct status_source *source, struct object *program);

/* Prints a line for each program of GATHER's table that is listed, or with OPTIONS->json one array of
 * objects; of all programs, totals as well.  Scopes, plugins included, have been found.  0 where every one of
 * the programs takes the fast path with all its plugins, else 1; of all, those that were left without a plan
 * do not count, unless all are. */
int status_print(struct gather *gather, const struct store_file *store, const struct options *options);

#endif
