/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything besides the objects that the result depends on, for -q: directories that were walked,
 * that have something in them which was found or may match a note or a manifest, manifests, and files
 * that say where to look. */
#ifndef CACHE_INPUTS_H
#define CACHE_INPUTS_H

#include "cache/cache.h"
#include "gather/gather.h"

/* Reads what CACHE knows and GATHER, which has sorted its table, was not told of, so that it keeps its place;
 * LISTED: as if it had been. */
void cache_gather(const struct cache *cache, struct gather *gather, bool listed);

/* What else a run read.  Stamped before anything is rewritten: a file that somebody adds meanwhile is not
 * overlooked by the next -q, which is a whole run then. */
struct cache_inputs {
	struct path_list path;     /* inside the root */
	struct cache_stamp *stamp; /* of each path; owned */
	uint32_t *flags;           /* of each path: enum cache_input_flags; owned */
};

/* Fills in INPUTS, zeroed, with what GATHER says.  Of a run that was not
 * about all: those of OLD, as they were. */
void cache_inputs_collect(struct cache_inputs *inputs, const struct cache *old, const struct gather *gather);
/* Adds the file PATH, which this run wrote, as it is now. */
void cache_inputs_add(struct cache_inputs *inputs, const struct root *root, const char *path);
void cache_inputs_release(struct cache_inputs *inputs);

#endif
