/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens in the processes of a system, as far as findings are made of it.
 *
 * Each listed program is looked at as the planner does (plan/decide.h): its start, and every plugin that its
 * notes name.  Each listed library is looked at alone as well, as a process would have it in which nothing
 * else is loaded (its natural scope).
 *
 *     evidence_init(&evidence, root, &table, &search);
 *     evidence_collect(&evidence, jobs);
 *     evidence.witness[object->index] ...       // what was seen of an object; `by` NULL: it was in no process
 *     evidence.incident[i] ...                  // sorted by kind, object and symbol
 *     evidence_release(&evidence);
 *
 * Nothing changes after evidence_collect(). */
#ifndef ADVISE_EVIDENCE_H
#define ADVISE_EVIDENCE_H

#include "plan/decide.h"
#include "search/libsearch.h"

/* What is bound to a symbol that an object defines, in any process. */
enum symbol_use {
	USED_OUTSIDE = 1,   /* by another object */
	USED_NATURALLY = 2, /* by another object in that one's natural scope, or by a program */
	USED_INSIDE = 4,    /* by its own object, after a lookup */
	OVERRIDDEN = 8,     /* its own object's lookup gave somebody else's */
	COPIED = 16,        /* by a COPY relocation */
};

/* One entry of object->needed. */
struct needed_use {
	struct object *object; /* what it is in the natural scope of its object; NULL: not found */
	bool used;             /* the object itself binds to it, somewhere */
	bool otherwise;        /* not only by calling it */
	size_t calls;          /* functions of it that the object calls */
	size_t idle;           /* programs that have both at start, where nobody binds to it then */
	size_t later;          /* of these, where a plugin does */
	size_t sole; /* programs that have both at start, where nobody else needs it or binds to it */
};

/* What was seen of one object. */
struct witness {
	const struct bind_object *by;
	unsigned char *symbol;     /* enum symbol_use, by index in its symbol table; owned */
	struct needed_use *needed; /* by index in object->needed; owned */
	size_t startups, plugins;  /* programs that have it at start, and that may load it later */
	size_t relocations;        /* of it, RELATIVE and RELR included */
	size_t lookups;            /* of them with a symbol that is looked up */
	size_t pages;              /* that they write */
	struct {
		size_t most, programs; /* relocations of it in a program, and programs where there are any */
	} reason[REASONS];             /* why the planner leaves them */
};

/* Something that is not so in every process, and is worth telling. */
enum incident_kind {
	INCIDENT_UNDEFINED,  /* nobody defines the symbol */
	INCIDENT_ALONE,      /* nobody in the object's natural scope does */
	INCIDENT_COPY,       /* the program `object` copies a variable of `other` */
	INCIDENT_INTERPOSED, /* `object` uses its own definition, the process that of `other` */
	INCIDENT_CLASH,      /* a variable of `object` gives way to one of `other` of another size */
	INCIDENT_ORDER, /* plugins bring a function of `object` and one of `other`: the first loaded is called */
};

struct incident {
	enum incident_kind kind;
	const struct bind_object *object, *other; /* `other` is NULL where nobody else is concerned */
	uint32_t symbol, other_symbol;            /* index in the symbol table of each */
	size_t programs;                          /* where it is so; 0: in natural scopes only */
	const struct object *program;             /* the first of them; or the library that was alone */
};

struct evidence {
	struct bind *bind;
	struct object_table *table;
	struct witness *witness; /* by object->index; owned */
	size_t count;            /* how many */
	struct incident *incident;
	size_t incident_count, incident_room;
	size_t programs; /* that are listed */
	/* The rest is evidence.c's own. */
	struct object_list todo;
	size_t next;
	pthread_mutex_t lock;
};

/* Scopes are known, and TABLE does not grow any more after this.  ROOT, TABLE and SEARCH outlive it. */
void evidence_init(struct evidence *evidence, const struct root *root, struct object_table *table,
		   struct search *search);
void evidence_collect(struct evidence *evidence, unsigned jobs);
void evidence_release(struct evidence *evidence);

/* What was seen of OBJECT; NULL where it could not be read, or was nowhere. */
static inline const struct witness *evidence_of(const struct evidence *evidence, const struct object *object)
{
	const struct witness *witness = &evidence->witness[object->index];

	return witness->by ? witness : NULL;
}

/* The incidents of KIND that are OBJECT's: COUNT of them. */
const struct incident *evidence_incidents(const struct evidence *evidence, enum incident_kind kind,
					  const struct object *object, size_t *count);

/* Name of symbol INDEX of BY, with "@VERSION" where it has one: allocated. */
char *evidence_symbol(const struct bind_object *by, uint32_t index);

/* The last part of the path of OBJECT, or its soname. */
const char *evidence_short(const struct object *object);

#endif
