/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dependencies that nothing binds to; see kinds.h. */
#include "advise/kinds.h"

static bool is_unused(const struct witness *witness, size_t index)
{
	return witness->by->object->needed[index].tag == DT_NEEDED && witness->needed[index].object &&
	       !witness->needed[index].used;
}

/* What the dependency costs the programs in which nobody uses it. */
static void add_price(const struct advice *advice, struct finding *finding, const struct needed_use *use)
{
	const struct witness *idle = use->idle ? evidence_of(advice->evidence, use->object) : NULL;

	if (!idle)
		return;
	finding->price.relocations += idle->relocations;
	finding->price.lookups += idle->lookups;
	finding->price.pages += idle->pages;
	if (use->idle > finding->price.programs)
		finding->price.programs = use->idle;
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
		finding_detail(finding, object->needed[i].name, "%s; loaded for nothing in %zu programs",
			       witness->needed[i].object->path, witness->needed[i].idle);
		add_price(advice, finding, &witness->needed[i]);
	}
}

void advise_unused(struct advice *advice)
{
	for (size_t i = 0; i < advice->evidence->count; i++) {
		const struct witness *witness = advice_about(advice, i);
		if (witness)
			look(advice, witness);
	}
}
