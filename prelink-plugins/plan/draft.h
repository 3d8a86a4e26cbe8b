/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan in the making: what plan.c decides, cost.c counts, and encode.c brings into a file.
 * Theirs alone; see plan.h. */
#ifndef DRAFT_H
#define DRAFT_H

#include "elf/static_tls.h"
#include "plan/decide.h"
#include "plan/placed.h"
#include "plan/record.h"

/* What a plan saves and costs, at start-up and by one load of each plugin. */
struct plan_estimate {
	size_t objects, plugin_objects;  /* of the start-up scope; beyond it */
	size_t relative;                 /* RELATIVE relocations that ld.so need not apply */
	size_t lookups;                  /* symbols that it need not look up */
	size_t pages;                    /* that are not written */
	size_t values, fixups, residual; /* left to do: words written by the module, and by ld.so */
	size_t left_out;                 /* plugins that cannot be in the plan, with what comes with them */
	int64_t saved, cost;             /* nanoseconds at start-up, by the constants of cost.c */
	int64_t plugins_saved;           /* nanoseconds, by loading each plugin once */
};

#define NO_INDEX UINT32_MAX /* of no object */

/* Records of one kind, growing. */
struct records {
	void *item;
	size_t count, room;
};

/* One object in the making.  Addresses of a position-independent program are as in its original, others as in
 * the plan. */
struct draft {
	struct object *object;
	const struct bind_object *by;
	struct placed *placed;
	int64_t moved; /* bytes: from decide.h's addresses of it to those in the plan */
	enum plan_way way;
	unsigned flags;          /* enum plan_flag */
	bool fixed;              /* its load bias is known: it is at its slot, or linked to its address */
	bool static_tls;         /* its thread variables have to be in static TLS */
	struct records closure;  /* uint32_t */
	struct records word;     /* struct planned_word, whose `base` may be NO_INDEX: nobody's */
	size_t fixups;           /* how many of these are draft_is_fixup() */
	struct records residual; /* GElf_Rela */
	struct records ungrown;  /* likewise: those that come last there */
	struct records guessed,
		ifunc; /* struct planned_ifunc: with the right guess in the file, and without */
};

struct plan {
	struct draft *draft; /* by index in the plan */
	size_t count, startup, unplaced;
	bool anywhere; /* see struct planner */
	uint32_t scope;
	uint32_t *index; /* by object->index: index in the plan, or NO_INDEX */
	size_t index_count;
	struct records name;      /* uint32_t */
	struct records resolver;  /* struct planned_resolver */
	const struct draft *libc; /* whose resolvers can be asked; NULL where there is none */
	struct static_tls_need static_tls;
	struct plan_estimate estimate;
};

/* Adds room for one of SIZE bytes to RECORDS, whose others have that size too, and returns it. */
void *records_add(struct records *records, size_t size);

/* OBJECT's index in the plan; NO_INDEX where it is not in it. */
uint32_t plan_index(const struct plan *plan, const struct object *object);
/* Adds OBJECT, unless it is there. */
void plan_add_object(struct plan *plan, struct object *object);

/* Harmless for NULL. */
void plan_free(struct plan *plan);

/* True if the load bias that WORD takes is only known in the process; else its value is an
 * address, or a plain number. */
static inline bool draft_is_fixup(const struct plan *plan, const struct planned_word *word)
{
	return word->base != NO_INDEX && !plan->draft[word->base].fixed;
}

#endif
