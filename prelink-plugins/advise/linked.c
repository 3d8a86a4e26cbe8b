/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What another option for the linker would spare; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

#include "advise/names.h"
#include "elf/versions.h"

enum {
	RELR_MIN = 1024,   /* bytes that are worth another option */
	ALIGN_MAX = 65536, /* the largest page size that is common */
	SURPLUS =
		1664, /* bytes of the static block for all of dlopen (glibc.rtld.optional_static_tls, and 144) */
};

/* --- relr --- */

/* Bytes that DT_RELR takes for the COUNT words at ADDRESS, ascending, of WORD bytes each. */
static uint64_t relr_size(const GElf_Addr *address, size_t count, unsigned word)
{
	uint64_t size = 0, span = (8ull * word - 1) * word;

	for (size_t i = 0; i < count;) {
		GElf_Addr base = address[i++] + word;
		size += word;
		while (i < count && address[i] - base < span && (address[i] - base) % word == 0) {
			while (i < count && address[i] - base < span && (address[i] - base) % word == 0)
				i++;
			base += span;
			size += word;
		}
	}
	return size;
}

/* glibc says by a version of its own that it knows DT_RELR. */
static bool platform_has_relr(const struct advice *advice, const struct object *object)
{
	for (size_t i = 0; i < object->scope.count; i++) {
		const struct witness *member = evidence_of(advice->evidence, object->scope.member[i]);
		if (member && versions_define(&member->by->dynamic, &member->by->image, "GLIBC_ABI_DT_RELR"))
			return true;
	}
	return false;
}

static void look_for_relr(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image,
					      by->object->arch->rela ? RELOCS_RELA : RELOCS_REL);
	size_t count = 0, step = relocs_step(&relocs);
	GElf_Rela reloc;

	if (by->dynamic.relr.size || !platform_has_relr(advice, by->object))
		return;
	GElf_Addr *address = xcalloc(relocs_count(&relocs) + 1, sizeof *address);
	while (relocs_next(&relocs, &reloc))
		if (by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info)) == RELOC_RELATIVE &&
		    reloc.r_offset % 2 == 0)
			address[count++] = reloc.r_offset;
	sort_addresses(address, count);
	uint64_t now = count * step, then = relr_size(address, count, by->image.is64 ? 8 : 4);
	free(address);
	if (now < then + RELR_MIN)
		return;
	struct finding *finding =
		finding_add(&advice->findings, FINDING_RELR, by->object,
			    "has %zu relative relocations in %llu bytes, which DT_RELR holds in %llu", count,
			    (unsigned long long)now, (unsigned long long)then);
	finding->price = (struct price){ .bytes = now - then,
					 .programs = witness->startups + witness->plugins };
}

/* --- relacount, hash, align, static-tls --- */

static void look_for_relacount(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image,
					      by->object->arch->rela ? RELOCS_RELA : RELOCS_REL);
	size_t relative = relocs_of_type(relocs, by->object->arch->r_relative), all = relocs_count(&relocs);

	if (!relative || by->dynamic.relacount)
		return;
	struct finding *finding = finding_add(&advice->findings, FINDING_RELACOUNT, by->object,
					      "does not say that %zu of its %zu relocations are relative",
					      relative, all);
	finding->price = (struct price){ .relocations = all,
					 .programs = witness->startups + witness->plugins };
}

static void look_for_hash(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;

	if (by->dynamic.gnu_hash || !by->dynamic.hash || by->symbols.count < 2)
		return;
	struct finding *finding = finding_add(&advice->findings, FINDING_HASH, by->object,
					      "has DT_HASH only, for %zu symbols", by->symbols.count);
	finding->price.programs = witness->startups + witness->plugins;
}

static void look_for_align(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	uint64_t align = 0;

	for (size_t i = 0; i < by->image.phnum; i++)
		if (by->image.phdr[i].p_type == PT_LOAD && by->image.phdr[i].p_align > align)
			align = by->image.phdr[i].p_align;
	if (align <= ALIGN_MAX)
		return;
	struct finding *finding = finding_add(&advice->findings, FINDING_ALIGN, by->object,
					      "has segments that are aligned to %llu bytes",
					      (unsigned long long)align);
	finding->price.programs = witness->startups + witness->plugins;
}

static void look_for_static_tls(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	const GElf_Phdr *tls = elf_image_find_phdr(&by->image, PT_TLS);
	bool wanted = by->dynamic.value[DT_FLAGS] & DF_STATIC_TLS;

	if (!wanted || !tls || !tls->p_memsz || !witness->plugins)
		return;
	struct finding *finding = finding_add(
		&advice->findings, FINDING_STATIC_TLS, by->object,
		"wants %llu bytes of static TLS when it is loaded later, of about %d that all such have%s",
		(unsigned long long)tls->p_memsz, SURPLUS,
		tls->p_memsz > SURPLUS ? ": it cannot be loaded" : "");
	finding->price.programs = witness->plugins;
}

void advise_linked(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		look_for_relr(advice, witness);
		look_for_relacount(advice, witness);
		look_for_hash(advice, witness);
		look_for_align(advice, witness);
		look_for_static_tls(advice, witness);
	}
}
