/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan, and the name of the run-time module, into a program's file. */
#ifndef ATTACH_PLAN_H
#define ATTACH_PLAN_H

#include "plan/plan.h"
#include "rewrite/exec_room.h"

/* Puts the plan into IMAGE, a copy of the program's original, with DT_AUDIT naming MODULE (an absolute path)
 * and DT_PRELINK_PLAN the plan, and what GUEST has (or NULL); notes in UNDO what that takes.  SKIP_NOT, or
 * why not; WHY (static) says more, and is NULL where the plan is in. */
enum object_skip plan_attach(const struct plan *plan, const char *module, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why);

/* The same with the plan and the module's name that PROGRAM's file carries now: for verifying it. */
enum object_skip plan_replay(struct planner *planner, struct object *program, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why);

#endif
