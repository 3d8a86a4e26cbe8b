/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plans (plan.h) and lists (liblist.h) of all programs are made with: the files as they are after
 * rewriting, and for each thread a workbench.
 *
 *     plan_init(&planner, root, bind);
 *     rewrite_libraries()                                     // a plan names the very files, by checksum
 *     plan_look(&planner, programs, count);                   // beyond this point nothing loses its slot
 *     for each program, in any thread:
 *             struct workbench *bench = workbench_take(&planner);
 *             ...
 *             for each object that was looked at: workbench_used(&planner, bench, object);
 *             workbench_leave(&planner, bench);
 *     plan_release(&planner); */
#ifndef PLANNER_H
#define PLANNER_H

#include "plan/decide.h"
#include "plan/placed.h"

/* What one program at a time is worked on with, and the next one again.  Its thread's until it is left. */
struct workbench {
	struct workbench *next; /* of those that are idle */
	struct bind *bind;
	struct decision_list decisions;
};

/* Set by plan_init(); released by plan_release().  ROOT and BIND outlive it. */
struct planner {
	struct bind *bind;
	pthread_mutex_t lock;
	struct placed_table placed; /* under lock; what is in it stays as it is */
	struct workbench *idle;     /* likewise: what nobody works with now */
	bool anywhere; /* plans are for objects wherever they lie (PLAN_ANYWHERE); set after plan_init() */
	size_t asked;  /* placed.opened when it was last asked what the files take */
};

void plan_init(struct planner *planner, const struct root *root, struct bind *bind);
void plan_release(struct planner *planner);

/* Looks at every file that the plans of the COUNT programs are about, as it is now.  What could not be
 * rewritten has lost its slot.  While no other thread has a workbench. */
void plan_look(struct planner *planner, struct object *const *programs, size_t count);

/* OBJECT's file as it is now; NULL, after a message, where it cannot be read.  From any thread. */
struct placed *plan_look_at(struct planner *planner, struct object *object);

struct workbench *workbench_take(struct planner *planner);
/* OBJECT was looked at; other threads may have given back meanwhile what was in memory until then. */
void workbench_used(struct planner *planner, struct workbench *bench, struct object *object);
void workbench_leave(struct planner *planner, struct workbench *bench);

#endif
