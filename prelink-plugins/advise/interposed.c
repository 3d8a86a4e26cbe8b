/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two definitions of one symbol in one process, both in use; see kinds.h. */
#include "advise/kinds.h"

#include <stdlib.h>

static struct finding *start(struct advice *advice, const struct incident *first)
{
	const char *other = evidence_short(first->other->object);
	char *name = evidence_symbol(first->object, first->symbol);
	GElf_Sym own, found;
	struct finding *finding;

	symbols_get(&first->object->symbols, first->symbol, &own);
	symbols_get(&first->other->symbols, first->other_symbol, &found);
	if (first->kind == INCIDENT_ORDER)
		finding = finding_add(&advice->findings, FINDING_CLASH, first->object->object,
				      "defines %s, as %s does: the one that is loaded first is called", name,
				      other);
	else if (first->kind == INCIDENT_CLASH)
		finding = finding_add(&advice->findings, FINDING_CLASH, first->object->object,
				      "%s%s has %llu bytes here and %llu in %s, which is taken",
				      GELF_ST_BIND(found.st_info) == STB_GNU_UNIQUE ? "the unique symbol " :
										      "",
				      name, (unsigned long long)own.st_size,
				      (unsigned long long)found.st_size, other);
	else
		finding = finding_add(&advice->findings, FINDING_INTERPOSED, first->object->object,
				      "uses its own %s (%s) where others get that of %s", name,
				      first->object->symbolic ? "DT_SYMBOLIC" : "protected", other);
	finding->price.programs = first->programs;
	free(name);
	return finding;
}

/* That an object prefers its own is no fault where nobody shares it. */
static bool matters(const struct advice *advice, const struct incident *incident)
{
	const struct witness *witness = evidence_of(advice->evidence, incident->object->object);
	const struct witness *other = evidence_of(advice->evidence, incident->other->object);

	if (incident->kind != INCIDENT_INTERPOSED)
		return true;
	return (witness && witness->symbol[incident->symbol] & (COPIED | USED_NATURALLY)) ||
	       (other && other->by->object->kind != OBJECT_LIBRARY &&
		other->symbol[incident->other_symbol] & USED_OUTSIDE);
}

void advise_interposed(struct advice *advice)
{
	const struct evidence *evidence = advice->evidence;
	struct finding *finding = NULL;
	const struct incident *first = NULL;

	for (size_t i = 0; i < evidence->incident_count; i++) {
		const struct incident *incident = &evidence->incident[i];
		if ((incident->kind != INCIDENT_INTERPOSED && incident->kind != INCIDENT_CLASH &&
		     incident->kind != INCIDENT_ORDER) ||
		    !advice_near(advice, incident->object->object->index) || !matters(advice, incident))
			continue;
		if (!first || first->kind != incident->kind || first->object != incident->object) {
			first = incident;
			finding = start(advice, first);
		}
		char *name = evidence_symbol(incident->object, incident->symbol);
		finding_detail(finding, name,
			       incident->kind == INCIDENT_ORDER ?
				       "%s has it too, in %zu programs, for instance %s" :
				       "%s is used by others, in %zu programs, for instance %s",
			       incident->other->object->path, incident->programs, incident->program->path);
		free(name);
		if (incident->programs > finding->price.programs)
			finding->price.programs = incident->programs;
	}
}
