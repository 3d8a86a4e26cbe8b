/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dependencies that nothing binds to, or next to nothing; see kinds.h. */
#include "advise/kinds.h"

#define FEW_CALLS 3 /* functions of a library; who calls more will mostly need it */

static bool is_unused(const struct witness *witness, size_t index)
{
	return witness->by->object->needed[index].tag == DT_NEEDED && witness->needed[index].object &&
	       !witness->needed[index].used;
}

/* What the dependency costs the PROGRAMS that could go without it. */
static void add_price(const struct advice *advice, struct finding *finding, const struct needed_use *use,
		      size_t programs)
{
	const struct witness *idle = programs ? evidence_of(advice->evidence, use->object) : NULL;

	if (!idle)
		return;
	finding->price.relocations += idle->relocations;
	finding->price.lookups += idle->lookups;
	finding->price.pages += idle->pages;
	if (programs > finding->price.programs)
		finding->price.programs = programs;
}

static void look(struct advice *advice, const struct witness *witness)
{
	const struct object *object = witness->by->object;
	struct finding *finding = NULL;
	size_t count = 0;

	for (size_t i = 0; i < object->needed_count; i++)
		count += is_unused(witness, i);
	for (size_t i = 0; i < object->needed_count; i++) {
		if (!is_unused(witness, i))
			continue;
		if (!finding && count > 1)
			finding = finding_add(&advice->findings, FINDING_UNUSED, object,
					      "needs %s and %zu more, of which it uses nothing",
					      object->needed[i].name, count - 1);
		if (!finding)
			finding = finding_add(&advice->findings, FINDING_UNUSED, object,
					      "needs %s, of which it uses nothing", object->needed[i].name);
		const struct needed_use *needed = &witness->needed[i];
		if (needed->later)
			finding_detail(
				finding, object->needed[i].name,
				"%s; loaded for nothing in %zu programs, in %zu of which plugins use it",
				needed->object->path, needed->idle, needed->later);
		else
			finding_detail(finding, object->needed[i].name,
				       "%s; loaded for nothing in %zu programs", needed->object->path,
				       needed->idle);
		add_price(advice, finding, needed, needed->idle);
	}
}

/* Dependencies that some program has for the sake of a few calls of OBJECT. */
static void look_at_calls(struct advice *advice, const struct witness *witness)
{
	const struct object *object = witness->by->object;

	for (size_t i = 0; i < object->needed_count; i++) {
		const struct needed_use *needed = &witness->needed[i];
		if (object->needed[i].tag != DT_NEEDED || needed->otherwise || !needed->sole ||
		    needed->calls > FEW_CALLS)
			continue;
		struct finding *finding = finding_add(&advice->findings, FINDING_LAZY, object,
						      "needs %s for %zu calls", object->needed[i].name,
						      needed->calls);
		finding_detail(finding, object->needed[i].name, "%s; nobody else uses it in %zu programs",
			       needed->object->path, needed->sole);
		add_price(advice, finding, needed, needed->sole);
	}
}

void advise_unused(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		look(advice, witness);
		look_at_calls(advice, witness);
	}
}
