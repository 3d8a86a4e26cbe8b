/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What -v says of a plan. */
#ifndef SAY_PLAN_H
#define SAY_PLAN_H

#include <stdio.h>

#include "plan/plan.h"

/* Writes to OUT what PLAN would do for its program: figures, without the end of the line. */
void plan_print(const struct plan *plan, FILE *out);

#endif
