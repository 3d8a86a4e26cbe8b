/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan spares ld.so; see spared.h. */
#include "plan/spared.h"

#include "plan/pages.h"

enum { PAGE = 4096 };

/* What ld.so does to a library without a plan: all of it, and, of TABLE's words, what it looks up. */
struct work {
	const struct arch *arch;
	struct pages written;
	size_t relocations, lookups, relative;
};

static void add_table(struct work *work, struct relocs relocs, bool lazy)
{
	uint64_t symbol = 0;
	GElf_Rela reloc;

	while (relocs_next(&relocs, &reloc)) {
		enum reloc_kind kind = work->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));

		if (kind == RELOC_NONE)
			continue;
		pages_touch(&work->written, reloc.r_offset);
		if (lazy) /* biased only, and looked up when it is called */
			continue;
		work->relocations++;
		work->relative += kind == RELOC_RELATIVE;
		work->lookups += GELF_R_SYM(reloc.r_info) && GELF_R_SYM(reloc.r_info) != symbol;
		symbol = GELF_R_SYM(reloc.r_info);
	}
}

static void add_relr(struct work *work, struct relr relr)
{
	GElf_Addr address;

	for (; relr_next(&relr, &address); work->relocations++, work->relative++)
		pages_touch(&work->written, address);
}

/* ld.so moves the addresses in the dynamic section, with a plan or without. */
static void touch_dynamic(struct pages *pages, const struct placed *file)
{
	uint64_t size = file->dynamic.count * elf_dyn_size(&file->image);

	for (uint64_t at = 0; at < size; at += 8)
		pages_touch(pages, file->dynamic.address + at);
}

/* The words that are written all the same. */
static void touch_rest(struct pages *pages, const struct stored *stored, const struct planned *planned)
{
	const struct record_io *io = &stored->io;
	struct planned_word word;
	struct planned_ifunc ifunc;
	GElf_Rela residual;

	for (size_t i = 0; i < planned->value.count; i++) {
		record_get(io, planned->value, RECORD_VALUE, i, &word);
		pages_touch(pages, word.address);
	}
	for (size_t i = 0; i < planned->fixup.count; i++) {
		record_get(io, planned->fixup, RECORD_FIXUP, i, &word);
		pages_touch(pages, word.address);
	}
	for (size_t i = 0; i < planned->ifunc.count; i++) {
		record_get(io, planned->ifunc, RECORD_IFUNC, i, &ifunc);
		pages_touch(pages, ifunc.address);
	}
	for (size_t i = 0; i < planned->certain && i < planned->residual.count; i++) {
		record_get(io, planned->residual, RECORD_RESIDUAL, i, &residual);
		pages_touch(pages, residual.r_offset);
	}
}

static bool tables_fit(const struct stored *stored, const struct planned *planned)
{
	return record_table_fits(&stored->io, planned->value, RECORD_VALUE) &&
	       record_table_fits(&stored->io, planned->fixup, RECORD_FIXUP) &&
	       record_table_fits(&stored->io, planned->ifunc, RECORD_IFUNC) &&
	       record_table_fits(&stored->io, planned->residual, RECORD_RESIDUAL);
}

void spared_add(struct spared *spared, const struct stored *stored, const struct planned *planned,
		const struct placed *file, const struct arch *arch)
{
	size_t left = planned->value.count + planned->fixup.count + planned->certain;
	bool lazy = planned->flags & PLAN_LAZY;
	struct work work = { .arch = arch };
	struct pages rest;

	if (planned->way == PLAN_LEAVE || !tables_fit(stored, planned))
		return;
	if (planned->way == PLAN_JMPREL)
		left += file->dynamic.relacount;
	pages_init(&work.written, &file->image, PAGE);
	pages_init(&rest, &file->image, PAGE);
	add_relr(&work, dynamic_relr(&file->dynamic, &file->image));
	for (int table = 0; table < RELOC_TABLES; table++)
		add_table(&work, dynamic_relocs(&file->dynamic, &file->image, table),
			  table == RELOCS_PLT && lazy);
	touch_dynamic(&work.written, file);
	touch_dynamic(&rest, file);
	touch_rest(&rest, stored, planned);
	if (planned->flags & PLAN_KEEP_PLT) {
		struct work kept = { .arch = arch, .written = rest };

		add_table(&kept, dynamic_relocs(&file->dynamic, &file->image, RELOCS_PLT), true);
	}
	size_t before = pages_count(&work.written), after = pages_count(&rest);

	spared->relocations += work.relocations > left ? work.relocations - left : 0;
	spared->lookups += work.lookups > planned->certain ? work.lookups - planned->certain : 0;
	if (!(planned->flags & PLAN_UNPLACED)) {
		spared->relative += work.relative;
		spared->pages += before > after ? before - after : 0;
	}
	pages_release(&work.written);
	pages_release(&rest);
}
