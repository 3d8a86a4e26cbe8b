/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An object's file as it is now, after rewriting: what a program will map, and by what the run-time module
 * knows it (rtld/plan_format.h). */
#ifndef PLACED_H
#define PLACED_H

#include "object.h"
#include "plan/identity.h"

struct placed {
	struct elf_image image;
	struct dynamic dynamic;
	GElf_Addr start; /* p_vaddr of the first PT_LOAD */
	bool slot;       /* rewritten, and at object->slot */
	bool stamped; /* it is known by its stamp: it is at its slot, or an ld.so that was moved (liblist.h) */
	uint32_t stamp[2]; /* where it is: see struct plan_object */
	bool has_identity; /* `identity` is set: else its contents cannot be told from others' at run time */
	struct identity identity;
	bool used; /* since its pages were last given back */
};

/* Files that have been looked at.  Set `root`, zero the rest. */
struct placed_table {
	const struct root *root;
	bool identified; /* also what is known by its stamp has its identity: a store's plans know it by that */
	bool foretold;   /* nothing is written: what would have been counts as if it had, but for its bytes */
	struct placed **placed; /* by object->index; NULL where not looked at */
	size_t count;
	size_t opened; /* how many of them have been looked at */
};

/* OBJECT's file, owned by TABLE; NULL after a message, which is said once. */
struct placed *placed_open(struct placed_table *table, struct object *object);
/* Lets go of the memory that the files take, which are read again when they are needed. */
void placed_rest(struct placed_table *table);
void placed_release(struct placed_table *table);

/* True if PROGRAM, which is PLACED, asks for audit modules of its own, as it is or was: others than ours. */
bool placed_is_audited(const struct placed *placed, const struct object *program);

#endif
