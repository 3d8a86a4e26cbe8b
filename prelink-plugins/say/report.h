/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report: one HTML page, with nothing to fetch, that shows the address map and every program's scope.
 *
 * The page itself is report.html, built into the program; what it shows is JSON put in its middle:
 *
 *     { "root": path, "host": name of the system, null for another root, "when": text, "version": text,
 *       "objects": [ { "path", "machine", "kind", "slot": true | false, "start", "end": "0x..." or null,
 *                      "skip": text or null, "prelinked", "uses",
 *                      "scope": [ index ... ],
 *                      "plugins": [ { "object": index, "host": index, "feature", "exclusive",
 *                                     "adds": [ index ... ] } ... ],
 *                      "next": what the next start does, "why": text or null, with the file to blame,
 *                      "reason": the same without, "known", "planned": plugins,
 *                      "spared": relocations, "lookups", "pages": of 4 KB that stay clean, "time": ns,
 *                      estimated } ... ],
 *       "advice": { path: [ text ... ] ... } }
 *
 * What stands from "next" on is there for programs only; from "spared" on, for those with a plan that counts.
 *
 * Objects are named by their index in "objects", since a path in every scope would make the page large. */
#ifndef REPORT_H
#define REPORT_H

#include "cache/cache.h"
#include "json.h"
#include "say/status.h"

/* Writes the page about CACHE, to the file at PATH, a path outside of any root, in place of what is
 * there.  ADVICE says of objects by path what --advise does (a reference that is given up).  GATHER
 * has the programs as they are now, scopes found (see status.h); STORE may have some of their plans.
 * 0, or -1 after a message. */
int report_write(const struct cache *cache, struct gather *gather, const struct store_file *store,
		 json_t *advice, const char *path);

#endif
