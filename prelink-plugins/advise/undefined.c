/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbols that nobody defines; see kinds.h. */
#include "advise/kinds.h"

#include <stdlib.h>

static void add_symbol(struct finding *finding, const struct incident *incident, size_t users)
{
	char *name = evidence_symbol(incident->object, incident->symbol);

	if (incident->programs)
		finding_detail(finding, name, "in %zu of %zu programs, for instance %s", incident->programs,
			       users, incident->program->path);
	else
		finding_detail(finding, name, "not in what it needs itself");
	free(name);
}

/* Of OBJECT those undefined in all programs, with ALL, or the others. */
static void add_undefined(struct advice *advice, const struct witness *witness, bool all)
{
	const struct object *object = witness->by->object;
	size_t users = witness->startups + witness->plugins, count[2], found = 0, programs = 0;
	const struct incident *run[] = {
		evidence_incidents(advice->evidence, INCIDENT_UNDEFINED, object, &count[0]),
		evidence_incidents(advice->evidence, INCIDENT_ALONE, object, &count[1]),
	};
	const struct incident *first = NULL;
	struct finding *finding = NULL;

	for (int pass = 0; pass < 2; pass++) {
		if (pass && !first)
			return;
		if (pass) {
			char *name = evidence_symbol(first->object, first->symbol);
			finding = finding_add(&advice->findings,
					      all ? FINDING_UNDEFINED : FINDING_UNDERLINKED, object,
					      all ? "needs %s%s, which nobody defines" :
						    "uses %s%s, which its own dependencies do not define",
					      name, found > 1 ? " and more" : "");
			finding->price = (struct price){ .relocations = found,
							 .lookups = found,
							 .programs = programs };
			free(name);
		}
		for (size_t which = 0, seen = 0; which < 2; which++)
			for (size_t i = 0; i < count[which]; i++) {
				const struct incident *incident = &run[which][i];
				while (which && seen < count[0] && run[0][seen].symbol < incident->symbol)
					seen++;
				/* Alone and in programs: the latter counts. */
				bool again = which && seen < count[0] &&
					     run[0][seen].symbol == incident->symbol;
				if (again || (!which && incident->programs == users) != all)
					continue;
				if (pass) {
					add_symbol(finding, incident, users);
					continue;
				}
				first = first ? first : incident;
				found++;
				programs = incident->programs > programs ? incident->programs : programs;
			}
	}
}

void advise_undefined(struct advice *advice)
{
	for (size_t i = 0; i < advice->evidence->count; i++) {
		/* Also what is in a listed program, and is not listed itself. */
		const struct witness *witness = evidence_of(advice->evidence,
							    advice->evidence->table->object[i]);
		if (!witness)
			continue;
		add_undefined(advice, witness, true);
		add_undefined(advice, witness, false);
	}
}
