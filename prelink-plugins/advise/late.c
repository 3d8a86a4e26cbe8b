/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lazy binding that costs more than it can spare; see kinds.h.
 *
 * Which functions a process will call is nobody's to know from files.  What is certain: with BIND_NOW each
 * late function is a lookup at start, at most; and where the words of .got.plt lie in pages that nothing else
 * relocates, lazy binding writes these pages at each start, which RELRO's would have spared. */
#include "alloc.h"
#include "advise/kinds.h"

#include "plan/cost.h"
#include "plan/pages.h"

/* Touches the pages of the words of BY that are bound late, and of those that are relocated at once.
 * How many are bound late. */
static size_t touch(const struct bind_object *by, struct pages *late, struct pages *others)
{
	struct relr relr = dynamic_relr(&by->dynamic, &by->image);
	size_t count = 0;
	GElf_Addr address;
	GElf_Rela reloc;

	while (relr_next(&relr, &address))
		pages_touch(others, address);
	for (int table = 0; table < RELOC_TABLES; table++) {
		struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image, table);
		while (relocs_next(&relocs, &reloc)) {
			enum reloc_kind kind = by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));
			bool is_late = table == RELOCS_PLT && kind == RELOC_JUMP_SLOT;
			if (kind != RELOC_NONE)
				pages_touch(is_late ? late : others, reloc.r_offset);
			count += is_late;
		}
	}
	return count;
}

static void look(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	struct pages late, others;

	pages_init(&late, &by->image, by->object->arch->page_max);
	pages_init(&others, &by->image, by->object->arch->page_max);
	size_t count = touch(by, &late, &others), pages = pages_count_without(&late, &others);
	pages_release(&late);
	pages_release(&others);
	if (count * NS_LOOKUP >= pages * NS_PAGE)
		return;
	struct finding *finding =
		finding_add(&advice->findings, FINDING_LATE, by->object,
			    "binds %zu functions late, for which a page of its own is written", count);
	finding->price = (struct price){ .pages = pages, .programs = witness->startups + witness->plugins };
}

void advise_late(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));)
		if (!witness->by->bind_now)
			look(advice, witness);
}
