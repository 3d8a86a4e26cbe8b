/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs pay, to which libraries, and what the planner cannot spare them; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>
#include <string.h>

/* --- unplanned --- */

/* What to do about REASON; NULL where nothing is to be advised. */
static const char *remedy(enum decision_reason reason)
{
	switch (reason) {
	case REASON_UNIQUE: return "-fno-gnu-unique, or hide it";
	case REASON_ORDER: return "several objects define it: hide it, or keep it in one library";
	case REASON_REACH: return "link with the library that has it (-Wl,-z,defs)";
	case REASON_UNDEFINED: return "link with what defines it";
	case REASON_COPIED: return "build the program as PIE";
	case REASON_TYPE: return "compile with -fPIC";
	default: return NULL;
	}
}

static void look_at_reasons(struct advice *advice, const struct witness *witness)
{
	struct finding *finding = NULL;
	size_t most = 0, programs = 0;

	for (int reason = 0; reason < REASONS; reason++) {
		if (!remedy(reason) || !witness->reason[reason].most)
			continue;
		most += witness->reason[reason].most;
		if (witness->reason[reason].programs > programs)
			programs = witness->reason[reason].programs;
	}
	if (!most)
		return;
	finding = finding_add(&advice->findings, FINDING_UNPLANNED, witness->by->object,
			      "leaves up to %zu relocations to ld.so whatever is prelinked", most);
	finding->price = (struct price){ .relocations = most, .lookups = most, .programs = programs };
	for (int reason = 0; reason < REASONS; reason++)
		if (remedy(reason) && witness->reason[reason].most)
			finding_detail(finding, decision_reason_text(reason), "%zu, in %zu programs: %s",
				       witness->reason[reason].most, witness->reason[reason].programs,
				       remedy(reason));
}

/* --- startup --- */

enum { TOLD = 6 }; /* libraries that are named */

static int most_first(const void *a, const void *b)
{
	const struct witness *left = *(const struct witness *const *)a,
			     *right = *(const struct witness *const *)b;

	if (left->lookups != right->lookups)
		return left->lookups > right->lookups ? -1 : 1;
	return strcmp(left->by->object->path, right->by->object->path);
}

static struct price add_up(const struct witness **member, size_t count)
{
	struct price sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		sum.relocations += member[i]->relocations;
		sum.lookups += member[i]->lookups;
		sum.pages += member[i]->pages;
	}
	return sum;
}

/* Lookups of all that the plugins of PROGRAM bring. */
static size_t plugin_lookups(const struct advice *advice, const struct object *program)
{
	bool *seen = xcalloc(advice->evidence->count + 1, sizeof *seen);
	size_t sum = 0;

	for (size_t i = 0; i < program->scope.count; i++)
		seen[program->scope.member[i]->index] = true;
	for (size_t i = 0; i < program->plugin_count; i++)
		for (size_t k = 0; k < program->plugin[i].scope.count; k++) {
			const struct object *object = program->plugin[i].scope.member[k];
			const struct witness *witness = seen[object->index] ?
								NULL :
								evidence_of(advice->evidence, object);
			seen[object->index] = true;
			sum += witness ? witness->lookups : 0;
		}
	free(seen);
	return sum;
}

static void look_at_program(struct advice *advice, const struct object *program)
{
	const struct witness **member = xcalloc(program->scope.count + 1, sizeof *member);
	size_t count = 0;

	for (size_t i = 0; i < program->scope.count; i++) {
		member[count] = evidence_of(advice->evidence, program->scope.member[i]);
		count += member[count] && program->scope.member[i]->kind != OBJECT_LOADER;
	}
	qsort(member, count, sizeof *member, most_first);
	struct price all = add_up(member, count), most = add_up(member, count < TOLD ? count : TOLD);
	size_t later = plugin_lookups(advice, program);
	char *plugins = later ? xasprintf("; %zu more with all its plugins", later) : xstrdup("");
	struct finding *finding =
		count > TOLD ? finding_add(&advice->findings, FINDING_STARTUP, program,
					   "of %zu lookups at start %zu are for %d of its %zu objects%s",
					   all.lookups, most.lookups, TOLD, count, plugins) :
			       finding_add(&advice->findings, FINDING_STARTUP, program,
					   "has %zu lookups at start, for %zu objects%s", all.lookups, count,
					   plugins);
	finding->price = all;
	finding->price.programs = 1;
	for (size_t i = 0; i < count; i++)
		finding_detail(finding, member[i]->by->object->path,
			       "%zu lookups, %zu relocations, %zu pages", member[i]->lookups,
			       member[i]->relocations, member[i]->pages);
	free(plugins);
	free(member);
}

void advise_startup(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		look_at_reasons(advice, witness);
		if (object_is_program(witness->by->object))
			look_at_program(advice, witness->by->object);
	}
}
