/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking relocations; see relocs.h. */
#include "elf/relocs.h"

size_t relocs_of_type(struct relocs relocs, uint32_t type)
{
	size_t count = 0;
	GElf_Rela reloc;

	while (relocs_next(&relocs, &reloc))
		count += GELF_R_TYPE(reloc.r_info) == type;
	return count;
}

/* The next word of the bitmap that is being read; false where there is none. */
static bool next_bit(struct relr *relr, GElf_Addr *address)
{
	unsigned int bit;

	if (!relr->bits)
		return false;
	bit = (unsigned int)__builtin_ctzll(relr->bits);
	relr->bits &= relr->bits - 1;
	/* `base` is already behind what the bitmap speaks of. */
	*address = relr->base - (8 * elf_word_size(relr->image) - 1 - bit) * elf_word_size(relr->image);
	return true;
}

bool relr_next(struct relr *relr, GElf_Addr *address)
{
	size_t word = elf_word_size(relr->image);

	while (!next_bit(relr, address)) {
		if (relr->end - relr->next < word)
			return false;
		relr->at = relr->next;
		relr->next += word;
		uint64_t entry = elf_get_word(relr->image, relr->at);

		relr->plain = (entry & 1) == 0;
		if (relr->plain) {
			*address = entry;
			relr->base = entry + word;
			return true;
		}
		if (relr->base == 0) {
			relr->malformed = true;
			relr->next = relr->end;
			return false;
		}
		relr->bits = entry >> 1;
		relr->base += (8 * word - 1) * word;
	}
	return true;
}
