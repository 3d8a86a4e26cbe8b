/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise: what makes an object costly to load, and what in it is wrong.
 *
 * A line for each finding, what is wrong first:
 *
 *     PATH: wrong | costly: NAME: what was found; what it costs; what to do
 *
 * and with -v its details, indented.  With --json, one document:
 *
 *     { "findings": [ { "object": path, "level": "wrong" | "costly", "finding": name, "what": text,
 *                       "relocations", "lookups", "pages", "bytes", "programs": numbers, "advice": text,
 *                       "details": [ { "subject": text, "text": text } ... ] } ... ],
 *       "programs": how many were looked at, "wrong": how many findings, "costly": how many } */
#ifndef ADVISE_H
#define ADVISE_H

#include "json.h"
#include "options.h"
#include "root.h"
#include "search/libsearch.h"

/* Looks at the listed objects of TABLE, whose scopes are known, and prints what OPTIONS asks for: of all of
 * them, or with -a and FILEs, of these.  1 where something is wrong, or where a finding was asked for by name
 * and there is one; else 0. */
int advise(const struct root *root, struct object_table *table, struct search *search,
	   const struct options *options);

/* The same as { PATH: [ "LEVEL: NAME: WHAT; ADVICE" ... ] ... }, for all findings.  A new reference. */
json_t *advise_texts(const struct root *root, struct object_table *table, struct search *search,
		     const struct options *options);

/* True where NAMES (or NULL) names findings only; else false, after a message. */
bool advise_knows(const char *names);

#endif
