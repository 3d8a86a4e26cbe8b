/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What -v says of a plan; see say/plan.h. */
#include "say/plan.h"

#include "diag.h"
#include "plan/draft.h"
#include "plan/encode.h"

/* What PLAN would do for its program. */
static void put_figures(const struct plan *plan, FILE *out)
{
	const struct plan_estimate *estimate = &plan->estimate;

	fprintf(out,
		"%lld us saved at start, %lld us spent, %lld us saved if all its plugins are loaded "
		"(%zu objects at start, %zu for plugins; spares %zu relative relocations, %zu lookups, "
		"%zu pages; leaves %zu values, %zu fixups, %zu relocations; %llu bytes",
		(long long)estimate->saved / 1000, (long long)estimate->cost / 1000,
		(long long)estimate->plugins_saved / 1000, estimate->objects, estimate->plugin_objects,
		estimate->relative, estimate->lookups, estimate->pages, estimate->values, estimate->fixups,
		estimate->residual, (unsigned long long)plan_size(plan));
	if (estimate->left_out)
		fprintf(out,
			"; leaves out %zu plugins, which have no slot and no build-id, or need what has none",
			estimate->left_out);
	putc(')', out);
}

void plan_say(const struct object *program, const char *no_plan, const struct plan *plan)
{
	flockfile(stdout); /* other threads have something to say, too */
	diag_put(stdout, program->path);
	printf(": %s", no_plan ? "no plan: " : "plan");
	if (no_plan)
		diag_put(stdout, no_plan);
	if (plan) {
		printf(": ");
		put_figures(plan, stdout);
	}
	putchar('\n');
	funlockfile(stdout);
}

void liblist_print(const struct liblist *list, FILE *out)
{
	fprintf(out, "%zu libraries, %zu conflicts", list->lib_count,
		list->words.count + list->resolvers.count);
}
