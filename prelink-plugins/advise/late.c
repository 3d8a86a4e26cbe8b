/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lazy binding that costs more than it can spare; see kinds.h.
 *
 * Which functions a process will call is nobody's to know from files.  What is certain: with BIND_NOW each late
 * function is a lookup at start, at most; and where the words of .got.plt lie in pages that nothing else relocates,
 * lazy binding writes these pages at each start, which RELRO's would have spared. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

#include "advise/names.h"
#include "plan/cost.h"

struct addresses {
	GElf_Addr *item; /* owned */
	size_t count, room;
};

static void add(struct addresses *list, GElf_Addr address)
{
	ALLOC_GROW(list->item, list->count + 1, list->room);
	list->item[list->count++] = address;
}

/* The words of BY that are bound late, and those that are relocated at once. */
static void collect(const struct bind_object *by, struct addresses *late, struct addresses *others)
{
	struct relr relr = dynamic_relr(&by->dynamic, &by->image);
	GElf_Addr address;
	GElf_Rela reloc;

	late->count = others->count = 0;
	while (relr_next(&relr, &address))
		add(others, address);
	for (int table = 0; table < RELOC_TABLES; table++) {
		struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image, table);
		while (relocs_next(&relocs, &reloc)) {
			enum reloc_kind kind = by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));
			if (kind != RELOC_NONE)
				add(table == RELOCS_PLT && kind == RELOC_JUMP_SLOT ? late : others,
				    reloc.r_offset);
		}
	}
	sort_addresses(late->item, late->count);
	sort_addresses(others->item, others->count);
}

/* Pages of SIZE bytes that LATE has words in, and OTHERS none. */
static size_t count_pages(const struct addresses *late, const struct addresses *others, uint64_t size)
{
	size_t pages = 0;

	for (size_t i = 0, k = 0; i < late->count; i++) {
		GElf_Addr page = late->item[i] / size;
		if (i && late->item[i - 1] / size == page)
			continue;
		while (k < others->count && others->item[k] / size < page)
			k++;
		pages += k == others->count || others->item[k] / size != page;
	}
	return pages;
}

void advise_late(struct advice *advice)
{
	const struct witness *witness;
	struct addresses late = { 0 }, others = { 0 };

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		const struct bind_object *by = witness->by;
		if (by->bind_now)
			continue;
		collect(by, &late, &others);
		size_t pages = count_pages(&late, &others, by->object->arch->page_max);
		if (late.count * NS_LOOKUP >= pages * NS_PAGE)
			continue;
		struct finding *finding =
			finding_add(&advice->findings, FINDING_LATE, by->object,
				    "binds %zu functions late, for which a page of its own is written",
				    late.count);
		finding->price = (struct price){ .pages = pages,
						 .programs = witness->startups + witness->plugins };
	}
	free(late.item);
	free(others.item);
}
