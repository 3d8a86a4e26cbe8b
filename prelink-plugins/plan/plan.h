/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of a program: what decide.h decided, brought into the form of rtld/plan_format.h.
 *
 *     plan_init() and plan_look() of planner.h
 *     for each program: plan = plan_make(...); room for plan_size(plan) bytes; plan_encode(plan, ...);
 *
 * plan_make() and plan_free() may be called by several threads at once. */
#ifndef PLAN_H
#define PLAN_H

#include <stdio.h>

#include "plan/planner.h"
#include "rewrite/exec_room.h"
#include "rewrite/undo.h"

struct plan; /* of one program */

/* Why a program has no plan. */
struct plan_refusal {
	const char *why;            /* static; NULL: it has one */
	const struct object *about; /* whose fault it is, where it is another object's */
};

/* Makes the plan of PROGRAM.  NULL where it cannot have one: REFUSAL then says why, and a message was printed
 * only if something failed. */
struct plan *plan_make(struct planner *planner, struct object *program, struct plan_refusal *refusal);
void plan_free(struct plan *plan);

/* Bytes of the plan as it goes into the file. */
uint64_t plan_size(const struct plan *plan);
/* Writes these bytes at OUT.  FRONT is how far (bytes) everything that was there before in a
 * position-independent program has moved away from its original address; 0 for others. */
void plan_encode(const struct plan *plan, uint64_t front, void *out);

/* Whether the program is better off with the plan and the module than without. */
bool plan_pays(const struct plan *plan);

/* Puts the plan into IMAGE, a copy of the program's original, with DT_AUDIT naming MODULE (an absolute path)
 * and DT_PRELINK_PLAN the plan, and what GUEST has (or NULL); notes in UNDO what that takes.  SKIP_NOT, or
 * why not; WHY (static) says more, and is NULL where the plan is in. */
enum object_skip plan_attach(const struct plan *plan, const char *module, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why);

/* The same with the plan and the module's name that PROGRAM's file carries now: for verifying it. */
enum object_skip plan_replay(struct planner *planner, struct object *program, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why);

/* Writes to OUT what PLAN would do for its program: figures, without the end of the line. */
void plan_print(const struct plan *plan, FILE *out);

#endif
