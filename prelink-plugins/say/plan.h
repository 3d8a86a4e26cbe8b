/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What -v says of a plan, and of a list. */
#ifndef SAY_PLAN_H
#define SAY_PLAN_H

#include <stdio.h>

#include "plan/liblist.h"
#include "plan/plan.h"

/* Says, in one line on standard output, what PLAN does for PROGRAM, or NO_PLAN, why it has none; PLAN may be
 * NULL then, and NO_PLAN is where it has one. */
void plan_say(const struct object *program, const char *no_plan, const struct plan *plan);

/* Writes to OUT what LIST has, without an end of line. */
void liblist_print(const struct liblist *list, FILE *out);

#endif
