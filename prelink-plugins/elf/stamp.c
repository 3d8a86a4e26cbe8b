/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stamp of a rewritten library; see stamp.h. */
#include "elf/stamp.h"

struct dynamic_stamp dynamic_stamp(const struct dynamic *d)
{
	if (d->gnu_prelinked && d->checksum)
		return (struct dynamic_stamp){ (uint32_t)d->checksum, (uint32_t)d->gnu_prelinked };
	return (struct dynamic_stamp){ (uint32_t)d->null, (uint32_t)(d->null >> 32) };
}

struct checksum checksum_find(const struct elf_image *image, bool stamped_null)
{
	const GElf_Phdr *p = elf_image_find_phdr(image, PT_DYNAMIC);
	size_t step = elf_dyn_size(image), word = elf_word_size(image);

	for (uint64_t at = 0; p && at + step <= p->p_filesz; at += step) {
		GElf_Dyn entry;
		uint64_t value = p->p_offset + at + word;

		elf_get_dyn(image, p->p_offset + at, &entry);
		if (entry.d_tag == DT_NULL && stamped_null && image->is64)
			return (struct checksum){ value + (image->big_endian ? 4 : 0), 4 };
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_CHECKSUM && !stamped_null)
			return (struct checksum){ value, word };
	}
	return (struct checksum){ 0 };
}

void checksum_put(struct elf_image *image, struct checksum checksum, uint32_t value)
{
	if (checksum.size == 8)
		elf_put64(image, checksum.at, value);
	else if (checksum.size == 4)
		elf_put32(image, checksum.at, value);
}
