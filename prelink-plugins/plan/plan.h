/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of a program: what decide.h decided, brought into the form of rtld/plan_format.h.
 *
 *     plan_init() and plan_look() of planner.h
 *     for each program: plan = plan_make(...); plan_attach(plan, ...) of attach_plan.h; plan_free(plan) of draft.h
 *
 * plan_make() and plan_free() may be called by several threads at once. */
#ifndef PLAN_H
#define PLAN_H

#include "plan/planner.h"

struct plan; /* of one program */

/* Why a program has no plan. */
struct plan_refusal {
	const char *why;            /* static; NULL: it has one */
	const struct object *about; /* whose fault it is, where it is another object's */
};

/* What REFUSAL says, allocated; NULL where there is nothing to say. */
char *plan_refusal_text(const struct plan_refusal *refusal);

/* Makes the plan of PROGRAM.  NULL where it cannot have one: REFUSAL then says why, and a message was printed
 * only if something failed. */
struct plan *plan_make(struct planner *planner, struct object *program, struct plan_refusal *refusal);

#endif
