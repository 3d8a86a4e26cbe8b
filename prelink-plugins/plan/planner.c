/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plans and lists of all programs are made with; see planner.h. */
#include "plan/planner.h"

#include <stdlib.h>

#include "alloc.h"
#include "resident.h"

/* Files that are looked at before it is asked how much of them is in memory. */
enum { ASK_AFTER = 16 };

void plan_init(struct planner *planner, const struct root *root, struct bind *bind)
{
	*planner = (struct planner){ .bind = bind, .placed = { .root = root } };
	pthread_mutex_init(&planner->lock, NULL);
}

struct workbench *workbench_take(struct planner *planner)
{
	pthread_mutex_lock(&planner->lock);
	struct workbench *bench = planner->idle;
	if (bench)
		planner->idle = bench->next;
	pthread_mutex_unlock(&planner->lock);
	if (!bench) {
		bench = xcalloc(1, sizeof *bench);
		bench->bind = bind_share(planner->bind);
	}
	return bench;
}

/* Lets go of the memory that files take. */
static void rest(struct planner *planner)
{
	bind_rest(planner->bind, false);
	pthread_mutex_lock(&planner->lock);
	placed_rest(&planner->placed);
	pthread_mutex_unlock(&planner->lock);
}

void workbench_used(struct planner *planner, struct workbench *bench, struct object *object)
{
	bind_open(bench->bind, object);
	plan_look_at(planner, object);
}

void workbench_leave(struct planner *planner, struct workbench *bench)
{
	pthread_mutex_lock(&planner->lock);
	bench->next = planner->idle;
	planner->idle = bench;
	pthread_mutex_unlock(&planner->lock);
	if (resident_is_much())
		rest(planner);
}

void plan_release(struct planner *planner)
{
	while (planner->idle) {
		struct workbench *bench = planner->idle;
		planner->idle = bench->next;
		decision_list_release(&bench->decisions);
		bind_free(bench->bind);
		free(bench);
	}
	placed_release(&planner->placed);
	pthread_mutex_destroy(&planner->lock);
	*planner = (struct planner){ 0 };
}

struct placed *plan_look_at(struct planner *planner, struct object *object)
{
	pthread_mutex_lock(&planner->lock);
	struct placed *placed = placed_open(&planner->placed, object);
	pthread_mutex_unlock(&planner->lock);
	return placed;
}

static void look_at_library(struct planner *planner, struct object *object)
{
	const struct placed *placed = plan_look_at(planner, object);

	if (placed)
		object->missed = object->has_slot && !placed->slot;
	bind_open(planner->bind, object);
	if (planner->placed.opened >= planner->asked + ASK_AFTER) {
		planner->asked = planner->placed.opened;
		if (resident_is_much())
			rest(planner);
	}
}

void plan_look(struct planner *planner, struct object *const *programs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct object *program = programs[i];
		if (program->loader)
			look_at_library(planner, program->loader);
		for (size_t j = 1; j < program->scope.count; j++)
			look_at_library(planner, program->scope.member[j]);
		for (size_t j = 0; j < program->plugin_count; j++)
			for (size_t k = 0; k < program->plugin[j].scope.count; k++)
				look_at_library(planner, program->plugin[j].scope.member[k]);
	}
	bind_index(planner->bind);
}
