/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What -v says of a plan, and of a list. */
#ifndef SAY_PLAN_H
#define SAY_PLAN_H

#include <stdio.h>

#include "plan/liblist.h"
#include "plan/plan.h"

/* Writes to OUT what PLAN would do for its program: figures, without the end of the line. */
void plan_print(const struct plan *plan, FILE *out);

/* Writes to OUT what LIST has, without an end of line. */
void liblist_print(const struct liblist *list, FILE *out);

#endif
