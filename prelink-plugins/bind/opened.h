/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects whose symbols are looked at: each is opened once, its tables mapped and checked, and stays
 * until the end, but for files that somebody makes shorter: those cannot be opened from then on
 * (mapfault.h).  And what is known of all of them together: what they ask for, by number (asked.h), and
 * who defines it (definers.h).
 *
 * Any thread may call any of these at any time, but for opened_free() and opened_index(). */
#ifndef OPENED_H
#define OPENED_H

#include <pthread.h>

#include "bind/asked.h"
#include "bind/definers.h"
#include "elf/dynamic.h"
#include "elf/symbols.h"
#include "object.h"

/* A word of a library's file that is right in its natural scope and that ld.so never reads; see fill.h. */
struct bound_word {
	GElf_Addr address; /* of the word, in the object at its slot */
	GElf_Addr value;
};

/* Copies of C++ tables in an object that nobody may look at; see shadowed.h. */
struct shadows {
	struct shadow {
		GElf_Addr start, end; /* addresses, as in the file */
		uint32_t symbol;      /* index in the object's symbol table */
	} * item;                     /* by ascending, disjoint addresses; owned */
	size_t count;
	bool known;
};

/* An object as bind sees it. */
struct bind_object {
	struct object *object;
	struct elf_image image; /* of object->path, as it is now */
	struct dynamic dynamic;
	struct symbols symbols;
	uint64_t options;          /* by arch->options_tag */
	bool own_libc;             /* its code is that of the C library which this process runs on */
	bool symbolic;             /* DT_SYMBOLIC or DF_SYMBOLIC */
	bool used;                 /* since its pages were last given back; opened.c's */
	bool bind_now;             /* DT_BIND_NOW, DF_BIND_NOW or DF_1_NOW: its JUMP_SLOTs are never lazy */
	uint32_t *name;            /* number of what a reference to symbol i asks for; 0: not known yet */
	struct asked_table *asked; /* the numbers are its */
	int64_t name_bytes;        /* of the names that it may still ask for; see bind_within_limits() */
	bool beyond;               /* the limits, which was said.  Atomic */
	/* Whether fill.c has set what follows. */
	enum { NATURAL_NONE = 0, NATURAL_BUSY, NATURAL_DONE } natural;
	struct bound_word *bound; /* by ascending place of their relocations; owned */
	size_t bound_count;
	struct shadows shadows; /* shadowed.c's; freed with the object */
};

/* Read and changed under the lock but for what never changes while several threads look: root,
 * asked, definers and indexed. */
struct opened {
	const struct root *root;
	pthread_mutex_t lock;
	pthread_cond_t bound; /* some object's `natural` became NATURAL_DONE */
	struct bind_object *
		*object; /* by object->index; NULL: not met; `unusable` (opened.c): not readable */
	size_t object_count;
	uint64_t mapped;           /* bytes of files mapped since it was last asked what they take */
	struct asked_table *asked; /* what all relocations ask for; its numbers */
	struct definers *definers; /* what the objects define that were open when opened_index() was called */
	struct bind_object **indexed; /* those, by object->index; NULL before */
};

/* ROOT outlives it. */
struct opened *opened_new(const struct root *root);
void opened_free(struct opened *opened);

/* OBJECT's tables, mapped on the first call and owned by OPENED.  NULL after a message where they cannot be
 * read, or are not what gather saw (object->st, where that is set); said once for each object. */
struct bind_object *opened_open(struct opened *opened, struct object *object);

/* The object with that INDEX, if opened_open() was called for it and it could be read; else NULL. */
struct bind_object *opened_find(struct opened *opened, size_t index);

/* Lets go of the memory that the tables take, which are read again when they are needed: of ALL objects, or
 * of those that opened_open() was called for since the last time. */
void opened_rest(struct opened *opened, bool all);

/* Makes lookups quicker from now on, in what is open now.  While no other thread looks anything up;
 * only the first call counts. */
void opened_index(struct opened *opened);

#endif
