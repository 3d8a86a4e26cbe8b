/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relocations that change code; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

#include "advise/names.h"

/* The segment that nobody may write in which ADDRESS lies; NULL where it lies in none. */
static const GElf_Phdr *read_only(const struct elf_image *image, GElf_Addr address)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *load = &image->phdr[i];
		if (load->p_type == PT_LOAD && !(load->p_flags & PF_W) && address >= load->p_vaddr &&
		    address - load->p_vaddr < load->p_memsz)
			return load;
	}
	return NULL;
}

struct textrel {
	struct advice *advice;
	const struct bind_object *by;
	struct names names;
	struct finding *finding;
	size_t count;
	GElf_Addr page; /* of the last one, and 1 */
};

/* SYMBOL is the one that the relocation at ADDRESS asks for, or 0. */
static void add(struct textrel *t, GElf_Addr address, uint32_t symbol)
{
	const struct name_at *at;

	if (!read_only(&t->by->image, address))
		return;
	if (!t->finding) {
		names_load(&t->names, t->by);
		t->finding = finding_add(&t->advice->findings, FINDING_TEXTREL, t->by->object,
					 "has relocations in its code%s",
					 dynamic_has_textrel(&t->by->dynamic) ?
						 "" :
						 ", without DT_TEXTREL: it dies of them");
	}
	at = names_find(&t->names, address);
	char *where = xasprintf("0x%llx", (unsigned long long)address);
	char *what = symbol ? evidence_symbol(t->by, symbol) : xstrdup("its own address");
	finding_detail(t->finding, where, "%s, in %s%s%s", what, at ? at->name : "no known function",
		       at && at->file ? " of " : "", at && at->file ? at->file : "");
	free(where);
	free(what);
	t->count++;
	t->finding->price.pages += (address / t->by->object->arch->page_max | 1ull << 63) != t->page;
	t->page = address / t->by->object->arch->page_max | 1ull << 63;
}

static void look(struct advice *advice, const struct witness *witness)
{
	struct textrel t = { .advice = advice, .by = witness->by };
	struct relr relr = dynamic_relr(&t.by->dynamic, &t.by->image);
	const struct arch *arch = t.by->object->arch;
	GElf_Addr address;
	GElf_Rela reloc;

	while (relr_next(&relr, &address))
		add(&t, address, 0);
	for (int table = 0; table < RELOC_TABLES; table++) {
		struct relocs relocs = dynamic_relocs(&t.by->dynamic, &t.by->image, table);
		while (relocs_next(&relocs, &reloc))
			if (arch->reloc_kind(GELF_R_TYPE(reloc.r_info)) != RELOC_NONE)
				add(&t, reloc.r_offset, GELF_R_SYM(reloc.r_info));
	}
	names_release(&t.names);
	if (!t.finding)
		return;
	t.finding->price.relocations = t.count;
	t.finding->price.programs = witness->startups + witness->plugins;
}

void advise_textrel(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));)
		look(advice, witness);
}
