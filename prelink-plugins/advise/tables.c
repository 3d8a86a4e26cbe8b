/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of data that ld.so writes: in which tables, and in how many pages; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

#include "advise/names.h"

enum {
	TABLE_MIN = 64,    /* words of a table that is worth naming */
	TABLES_TOLD = 10,  /* how many are */
	SCATTERED_MIN = 4, /* pages that are worth a change */
};

struct words {
	GElf_Addr *address; /* of each, ascending; owned */
	size_t count, room;
};

static void add_word(struct words *words, GElf_Addr address)
{
	ALLOC_GROW(words->address, words->count + 1, words->room);
	words->address[words->count++] = address;
}

/* Data words: what the compiler put there, not the GOT's. */
static void collect(struct words *words, const struct bind_object *by)
{
	struct relr relr = dynamic_relr(&by->dynamic, &by->image);
	GElf_Addr address;
	GElf_Rela reloc;

	words->count = 0;
	while (relr_next(&relr, &address))
		add_word(words, address);
	for (int table = RELOCS_REL; table <= RELOCS_RELA; table++) {
		struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image, table);
		while (relocs_next(&relocs, &reloc)) {
			enum reloc_kind kind = by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));
			if (kind == RELOC_RELATIVE || kind == RELOC_WORD)
				add_word(words, reloc.r_offset);
		}
	}
	sort_addresses(words->address, words->count);
}

/* --- tables --- */

struct tally {
	const struct name_at *at;
	size_t words;
};

static int largest_first(const void *a, const void *b)
{
	const struct tally *left = a, *right = b;

	if (left->words != right->words)
		return left->words > right->words ? -1 : 1;
	return left->at < right->at ? -1 : left->at > right->at;
}

static void tell_tables(struct advice *advice, const struct witness *witness, const struct words *words)
{
	struct tally *tally = xcalloc(words->count + 1, sizeof *tally);
	struct names names;
	size_t count = 0;

	names_load(&names, witness->by);
	for (size_t i = 0; i < words->count; i++) {
		const struct name_at *at = names_find(&names, words->address[i]);
		if (!at)
			continue;
		if (!count || tally[count - 1].at != at)
			tally[count++] = (struct tally){ at, 0 };
		tally[count - 1].words++;
	}
	qsort(tally, count, sizeof *tally, largest_first);
	if (count && tally[0].words >= TABLE_MIN) {
		struct finding *finding = finding_add(&advice->findings, FINDING_TABLES, witness->by->object,
						      "has %zu pointers in its data, %zu of them in %s",
						      words->count, tally[0].words, tally[0].at->name);
		finding->price = (struct price){ .relocations = words->count,
						 .programs = witness->startups + witness->plugins };
		for (size_t i = 0; i < count && i < TABLES_TOLD && tally[i].words >= TABLE_MIN; i++)
			finding_detail(finding, tally[i].at->name, "%zu", tally[i].words);
	}
	names_release(&names);
	free(tally);
}

/* --- scattered --- */

/* True if ADDRESS lies where the program can go on writing after relocation. */
static bool stays_writable(const struct elf_image *image, GElf_Addr address)
{
	const GElf_Phdr *relro = elf_image_find_phdr(image, PT_GNU_RELRO);

	if (relro && address >= relro->p_vaddr && address - relro->p_vaddr < relro->p_memsz)
		return false;
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *load = &image->phdr[i];
		if (load->p_type == PT_LOAD && (load->p_flags & PF_W) && address >= load->p_vaddr &&
		    address - load->p_vaddr < load->p_filesz)
			return true;
	}
	return false;
}

static void tell_pages(struct advice *advice, const struct witness *witness, const struct words *words)
{
	const struct bind_object *by = witness->by;
	uint64_t page = by->object->arch->page_max;
	size_t count = 0, pages = 0;
	GElf_Addr last = 0;

	for (size_t i = 0; i < words->count; i++) {
		if (!stays_writable(&by->image, words->address[i]))
			continue;
		pages += !count++ || words->address[i] / page != last;
		last = words->address[i] / page;
	}
	size_t packed = (count * elf_word_size(&by->image) + page - 1) / page;
	if (pages < packed + SCATTERED_MIN)
		return;
	struct finding *finding =
		finding_add(&advice->findings, FINDING_SCATTERED, by->object,
			    "has %zu pointers in %zu pages of .data, which would fit into %zu", count, pages,
			    packed);
	finding->price = (struct price){ .pages = pages - packed,
					 .programs = witness->startups + witness->plugins };
}

void advise_tables(struct advice *advice)
{
	const struct witness *witness;
	struct words words = { 0 };

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		collect(&words, witness->by);
		if (words.count >= TABLE_MIN)
			tell_tables(advice, witness, &words);
		tell_pages(advice, witness, &words);
	}
	free(words.address);
}
