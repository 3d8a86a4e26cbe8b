/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan in the making: what plan.c decides, and encode.c brings into a file.  Theirs alone; see
 * plan.h. */
#ifndef DRAFT_H
#define DRAFT_H

#include "plan/plan.h"
#include "rtld/plan_format.h"

/* Records of one kind, growing. */
struct records {
	void *item;
	size_t count, room;
};

/* One object in the making. */
struct draft {
	struct object *object;
	const struct bind_object *by;
	struct placed *placed;
	int64_t moved; /* bytes: from decide.h's addresses of it to those in the plan */
	enum plan_way way;
	unsigned flags;         /* enum plan_flag */
	bool static_tls;        /* its thread variables have to be in static TLS */
	struct records closure; /* uint32_t */
	struct records value, fixup,
		residual;              /* as in plan_format.h; addresses of a PIE as in the original */
	struct records ungrown;        /* the residual records that come last there */
	struct records guessed, ifunc; /* struct plan_ifunc: with the right guess in the file, and without */
};

struct plan {
	struct draft *draft; /* by index in the plan */
	size_t count, startup, unplaced;
	uint32_t scope;
	uint32_t *index; /* by object->index: index in the plan, or NO_INDEX */
	size_t index_count;
	struct records name;      /* uint32_t */
	struct records resolver;  /* struct plan_resolver */
	const struct draft *libc; /* whose resolvers can be asked; NULL where there is none */
	struct plan_estimate estimate;
};

/* OBJECT's file as it is now; NULL, after a message, where it cannot be read.  From any thread. */
struct placed *plan_look_at(struct planner *planner, struct object *object);

#endif
