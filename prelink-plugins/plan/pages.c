/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pages of an object that somebody writes; see pages.h. */
#include "plan/pages.h"

#include <stdlib.h>

#include "bits.h"

void pages_init(struct pages *pages, const struct elf_image *image, uint64_t size)
{
	uint64_t end = 0;

	*pages = (struct pages){ .start = (GElf_Addr)-1, .size = size };
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *load = &image->phdr[i];
		if (load->p_type != PT_LOAD || !(load->p_flags & PF_W))
			continue;
		if (pages->start == (GElf_Addr)-1)
			pages->start = load->p_vaddr;
		if (load->p_vaddr + load->p_filesz > end)
			end = load->p_vaddr + load->p_filesz;
	}
	pages->start &= -size;
	pages->count = end > pages->start ? (end - pages->start + size - 1) / size : 0;
	/* No more of it than the file has: an address range costs nothing to claim. */
	if (pages->count > image->size / size + image->phnum + 1)
		pages->count = image->size / size + image->phnum + 1;
	pages->bit = bits_new(pages->count);
}

void pages_release(struct pages *pages)
{
	free(pages->bit);
}

void pages_touch(struct pages *pages, GElf_Addr address)
{
	uint64_t page = (address - pages->start) / pages->size;

	if (address >= pages->start && page < pages->count)
		bits_set(pages->bit, page);
}

static size_t count(const struct pages *pages, const struct pages *others)
{
	size_t count = 0;

	for (uint64_t i = 0; i <= pages->count / 8; i++)
		count += (size_t)__builtin_popcount(pages->bit[i] & ~(others ? others->bit[i] : 0u));
	return count;
}

size_t pages_count(const struct pages *pages)
{
	return count(pages, NULL);
}

size_t pages_count_without(const struct pages *pages, const struct pages *others)
{
	return count(pages, others);
}
