/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings: what is said about an object, as a line and its details; and the table of what can be found.
 *
 *     struct findings findings = { 0 };
 *     if (findings_choose(&findings, "unused,textrel")) ...         // NULL: all
 *     struct finding *finding = finding_add(&findings, FINDING_UNUSED, object, "needs %s ...", name);
 *     finding->price.lookups = 12;
 *     finding_detail(finding, "libm.so.6", "nothing of it is used");
 *     findings_sort(&findings);
 *
 * Strings are copied.  One thread's. */
#ifndef ADVISE_FINDING_H
#define ADVISE_FINDING_H

#include "object.h"

/* In the order in which they are told. */
enum finding_id {
	/* Wrong: it may misbehave. */
	FINDING_COPY_SIZE,
	FINDING_MISSING,
	FINDING_UNDEFINED,
	FINDING_VERSION,
	FINDING_INTERPOSED,
	FINDING_CLASH,
	FINDING_TWO_VERSIONS,
	FINDING_FILTER,
	FINDING_RPATH,
	FINDING_WRITABLE,
	FINDING_TEXTREL,
	FINDINGS_WRONG, /* how many */
	/* Costly: it works, and could be had for less. */
	FINDING_UNDERLINKED = FINDINGS_WRONG,
	FINDING_UNUSED,
	FINDING_LAZY,
	FINDING_EXPORTS,
	FINDING_SELF,
	FINDING_COPIES,
	FINDING_RELR,
	FINDING_RELACOUNT,
	FINDING_HASH,
	FINDING_ALIGN,
	FINDING_STATIC_TLS,
	FINDING_TABLES,
	FINDING_SCATTERED,
	FINDING_LATE,
	FINDING_UNPLANNED,
	FINDING_STARTUP,
	FINDINGS,
};

/* What is known of a finding before any file is looked at. */
struct finding_kind {
	const char *name;   /* "unused" */
	const char *advice; /* what to do about it, in one line: flag, attribute or change */
	const char *more;   /* -v: why it matters, and what else there is to know */
};
const struct finding_kind *finding_kind(enum finding_id id);

static inline bool finding_is_wrong(enum finding_id id)
{
	return id < FINDINGS_WRONG;
}

/* What it costs; 0 where it does not cost that. */
struct price {
	size_t relocations, lookups, pages; /* at each start of a program that pays */
	uint64_t bytes;                     /* of the file */
	size_t programs;                    /* that pay, of those that were looked at */
};

struct detail {
	char *subject; /* a symbol, a library, an address, a directory */
	char *text;
};

struct finding {
	enum finding_id id;
	const struct object *object;
	char *what;
	struct price price;
	struct detail *detail; /* in the order in which they were added */
	size_t detail_count;
};

struct findings {
	struct finding **item;
	size_t count;
	bool chosen[FINDINGS];
	bool some; /* chosen are not all, but some by name */
};

/* Chooses what NAMES names, separated by commas; all with NULL.  False where there is no such name: the first
 * one that is none is put into UNKNOWN, allocated. */
bool findings_choose(struct findings *findings, const char *names, char **unknown);

/* A new finding of OBJECT. */
struct finding *finding_add(struct findings *findings, enum finding_id id, const struct object *object,
			    const char *format, ...) __attribute__((format(printf, 4, 5)));
void finding_detail(struct finding *finding, const char *subject, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What is wrong first, then by object, then as in enum finding_id. */
void findings_sort(struct findings *findings);
void findings_release(struct findings *findings);

#endif
