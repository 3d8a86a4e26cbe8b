/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a cache is still true: an entry counts while its file is the one that was recorded. */
#ifndef CACHE_COMPARE_H
#define CACHE_COMPARE_H

#include "cache/cache.h"
#include "gather/conf.h"
#include "gather/known.h"

/* -q: true if every object and every input is as the cache says and the run was made with the same
 * options and of CONF, so that there is nothing to do.  Opens nothing, stats only.  Where it is not, KNOWN, which
 * was empty, has what gather need not read (its paths are the cache's). */
bool cache_is_current(const struct cache *cache, const struct root *root, const struct options *options,
		      const struct conf *conf, struct known *known);

/* Sets `skip` of objects that the rewriter refused last time for what is in them, and that are still the same
 * file: so they get no slot that nobody moves to.  Before layout; not with OPTIONS->force. */
void cache_recall_refusals(const struct cache *cache, const struct object_table *table,
			   const struct options *options);

/* Marks, as OUTCOME_UNCHANGED, each object of the table that is the file that the last run left, and
 * would be given what it has: the same slot, the same scope, and so on for every object of its scope and
 * of its plugins' scopes; of programs, only where the run-time module in ROOT that their plans are for
 * is still the same, or still not there.  Programs get `no_plan` again.  Bind, plan and rewrite pass
 * over these.  After layout. */
void cache_mark_unchanged(const struct cache *cache, const struct object_table *table,
			  const struct root *root, const struct options *options);

/* For --status and --report: marks, as OUTCOME_UNCHANGED, each object that is the file that the last run
 * left; sets its `no_plan`. */
void cache_mark_left(const struct cache *cache, const struct object_table *table);

#endif
