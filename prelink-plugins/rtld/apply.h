/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing what the plan says to an object that ld.so has mapped and not relocated yet, and taking from ld.so
 * the work that is done then, by the l_info pointers of its link map.  Nothing is decided here but what
 * concerns the object alone. */
#ifndef RTLD_APPLY_H
#define RTLD_APPLY_H

#include "environment.h"
#include "ldso.h"
#include "loaded.h"

/* LEVEL_RELATIVE for OBJECT, at its slot: takes away what is relative to its own address.  RELATIVE records
 * come first in DT_RELA, and DT_RELACOUNT says how many; RELR has nothing else. */
void apply_relative(struct object *object, const struct tags *tags);

/* LEVEL_FULL for OBJECT, whose scope is there as planned: writes its words but those of IFUNCs, and leaves
 * ld.so the residual list; more of that where the start-up scope has GROWN (dlopen with RTLD_GLOBAL).  Its
 * level stays what it was, and its reason says why, where the plan asks ld.so for what it cannot do. */
void apply_plan(struct object *object, const struct environment *environment, bool grown);

/* Asks the plan's IFUNC resolvers (struct plan_resolver), once the words of all
 * start-up objects are written. */
void apply_resolvers(const struct environment *environment);
/* Writes what they chose to OBJECT, if that is LEVEL_FULL. */
void apply_ifuncs(const struct object *object);

#endif
