/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* COPY relocations: those that copy too little, and all of them; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

/* Both sizes of one COPY. */
static void sizes(const struct incident *copy, uint64_t *here, uint64_t *there)
{
	GElf_Sym sym;

	symbols_get(&copy->object->symbols, copy->symbol, &sym);
	*here = sym.st_size;
	symbols_get(&copy->other->symbols, copy->other_symbol, &sym);
	*there = sym.st_size;
}

/* As in elf_machine_rela() of glibc's sysdeps/MACHINE/dl-machine.h: what ld.so warns of. */
static void add_sizes(struct advice *advice, const struct object *program, const struct incident *copy,
		      size_t count)
{
	struct finding *finding = NULL;
	uint64_t here, there;
	size_t wrong = 0, first = count;

	for (size_t i = 0; i < count; i++) {
		sizes(&copy[i], &here, &there);
		if (here == there)
			continue;
		wrong++;
		first = first == count ? i : first;
	}
	if (!wrong)
		return;
	sizes(&copy[first], &here, &there);
	char *name = evidence_symbol(copy[first].object, copy[first].symbol),
	     *more = xasprintf(" (and %zu more)", wrong - 1);
	finding = finding_add(&advice->findings, FINDING_COPY_SIZE, program,
			      "copies %s, which has %llu bytes here and %llu in %s: %s%s", name,
			      (unsigned long long)here, (unsigned long long)there,
			      evidence_short(copy[first].other->object),
			      here < there ? "its end is cut off" : "the end of the copy is not filled",
			      wrong > 1 ? more : "");
	finding->price.programs = 1;
	free(name);
	free(more);
	for (size_t i = first; i < count; i++) {
		sizes(&copy[i], &here, &there);
		if (here == there)
			continue;
		name = evidence_symbol(copy[i].object, copy[i].symbol);
		finding_detail(finding, name,
			       "%llu bytes here, %llu in %s: %s; everybody in the process uses the copy",
			       (unsigned long long)here, (unsigned long long)there,
			       copy[i].other->object->path,
			       here < there ? "data cut off" : "insufficient data copied");
		free(name);
	}
}

static void add_all(struct advice *advice, const struct object *program, const struct incident *copy,
		    size_t count)
{
	struct finding *finding = finding_add(&advice->findings, FINDING_COPIES, program,
					      "copies %zu variable%s of libraries", count,
					      count == 1 ? "" : "s");

	finding->price = (struct price){ .relocations = count, .lookups = count, .programs = 1 };
	for (size_t i = 0; i < count; i++) {
		uint64_t here, there;
		char *name = evidence_symbol(copy[i].object, copy[i].symbol);
		sizes(&copy[i], &here, &there);
		finding_detail(finding, name, "%llu bytes, of %s", (unsigned long long)here,
			       copy[i].other->object->path);
		free(name);
	}
}

void advise_copies(struct advice *advice)
{
	for (size_t i = 0; i < advice->evidence->count; i++) {
		const struct witness *witness = advice_about(advice, i);
		size_t count = 0;
		const struct incident *copy = witness ? evidence_incidents(advice->evidence, INCIDENT_COPY,
									   witness->by->object, &count) :
							NULL;
		if (!count)
			continue;
		add_sizes(advice, witness->by->object, copy, count);
		add_all(advice, witness->by->object, copy, count);
	}
}
