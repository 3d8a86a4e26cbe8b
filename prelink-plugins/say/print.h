/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What prelink says on standard output.
 *
 * Tables are made of a struct cache only: of the file for -p, of the one that the run makes for -n and -v.
 * With --json standard output is one JSON document and nothing else. */
#ifndef PRINT_H
#define PRINT_H

#include "cache/cache.h"
#include "object.h"
#include "options.h"
#include "plan/store_file.h"

/* The tables: slots in order of address, programs, and what has no slot and why; scopes and plugins with
 * -v (-vv while prelinking), and always in JSON:
 *
 *     { "objects": [ { "path", "machine", "kind": "library" | "pie" | "exec" | "loader",
 *                      "slot": "0x..." or null, "start", "end": "0x..." or null, "size": bytes,
 *                      "skip": text or null, "prelinked": true | false, "uses": programs,
 *                      "scope": [ path ... ],
 *                      "plugins": [ { "path", "host", "feature", "exclusive",
 *                                     "adds": [ path ... ] } ... ] } ... ],
 *       "store": { "path", "programs", "plans", "bytes" } with -p, where there is one,
 *       "seed": "0x..." with -R,
 *       "summary": { "prelinked", "unchanged", "undone", "failed", "without_plan",
 *                    "skipped": { reason: count ... } } }
 *
 * `scope` is the start-up scope in ld.so's order, `adds` what a plugin's scope has beyond it.  `seed` and
 * `summary` are there for a run (TABLE not NULL), not for -p; STORE may be NULL.  0, or -1 after a message if
 * it could not be written. */
int print_tables(const struct cache *cache, const struct object_table *table, const struct store_file *store,
		 const struct options *options);

/* The closing words of a run: how many were prelinked, were as they should be, failed, are programs that are
 * better off without a plan; and how many were left alone, by reason.  Not with --json, where print_tables()
 * says it. */
void print_summary(const struct object_table *table, const struct options *options);

/* What -a walked: DIRECTORIES, sorted, by those that all others lie in, and how many programs and other
 * objects of TABLE were found there. */
void print_walk(const struct path_list *directories, const struct object_table *table);

/* print_summary() of a run with -q that found nothing to do; and print_tables() where they were asked for. */
int print_current(const struct cache *cache, const struct options *options);

#endif
