/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of findings: each function looks at the evidence for those that are named with it, and adds them.
 * They may be called in any order. */
#ifndef ADVISE_KINDS_H
#define ADVISE_KINDS_H

#include "advise/evidence.h"
#include "advise/finding.h"

struct advice {
	const struct root *root;
	struct search *search;
	const struct evidence *evidence;
	bool whole;  /* every user of a library that the system has was looked at */
	bool *about; /* by object->index: what was asked about; owned */
	bool few;    /* that is not all that is listed, but FILEs of it */
	struct findings findings;
};

void advise_copies(struct advice *advice);     /* copy-size, copies */
void advise_undefined(struct advice *advice);  /* undefined, underlinked */
void advise_versions(struct advice *advice);   /* version, two-versions */
void advise_interposed(struct advice *advice); /* interposed, clash */
void advise_direct(struct advice *advice);     /* interposed */
void advise_places(struct advice *advice);     /* missing, filter, rpath, writable */
void advise_textrel(struct advice *advice);    /* textrel */
void advise_unused(struct advice *advice);     /* unused, lazy */
void advise_exports(struct advice *advice);    /* exports, self-references */
void advise_linked(struct advice *advice);     /* relr, relacount, hash, align, static-tls */
void advise_tables(struct advice *advice);     /* tables, scattered */
void advise_late(struct advice *advice);       /* late */
void advise_startup(struct advice *advice);    /* unplanned, startup */

/* The witness of object INDEX, if that is one that was asked about, and could be read; else NULL. */
static inline const struct witness *advice_about(const struct advice *advice, size_t index)
{
	return advice->about[index] ? evidence_of(advice->evidence, advice->evidence->table->object[index]) :
				      NULL;
}

/* The next witness of those, from object *INDEX on, which goes past it; NULL: that was the last. */
static inline const struct witness *advice_next(const struct advice *advice, size_t *index)
{
	const struct witness *witness = NULL;

	while (!witness && *index < advice->evidence->count)
		witness = advice_about(advice, (*index)++);
	return witness;
}

/* As advice_about(), also for what is only in a process of one that was asked about. */
static inline const struct witness *advice_near(const struct advice *advice, size_t index)
{
	return advice->few ? advice_about(advice, index) :
			     evidence_of(advice->evidence, advice->evidence->table->object[index]);
}

#endif
