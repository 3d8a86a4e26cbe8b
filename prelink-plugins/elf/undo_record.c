/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding and reading the undo record; see undo_record.h. */
#include "elf/undo_record.h"

enum { MAGIC_SIZE = sizeof UNDO_MAGIC - 1 };

const char *undo_record_read(const struct elf_image *image, struct undo_record *r)
{
	size_t headers = elf_image_find_section(image, UNDO_SECTION);
	size_t own = elf_image_find_section(image, UNDO_OWN_SECTION);

	*r = (struct undo_record){ 0 };
	if (!headers || !own)
		return "it is not there, or only half of it";
	const GElf_Shdr *h = &image->shdr[headers], *o = &image->shdr[own];

	if (h->sh_type != SHT_PROGBITS || o->sh_type != SHT_PROGBITS || o->sh_size < REC_STREAM ||
	    memcmp(image->data + o->sh_offset, UNDO_MAGIC, MAGIC_SIZE) != 0)
		return "it does not start as one";
	r->at = o->sh_offset;
	r->size = o->sh_size;
	uint32_t flags = elf_get32(image, r->at + REC_FLAGS);

	if (elf_get32(image, r->at + REC_VERSION) != RECORD_VERSION ||
	    flags > (FLAG_FILL | FLAG_STAMPED_NULL))
		return "it was written by a newer version of this program";
	r->headers_at = h->sh_offset;
	r->headers_size = h->sh_size;
	r->crc = elf_get32(image, r->at + REC_CRC);
	r->original_size = elf_get64(image, r->at + REC_SIZE);
	r->original_crc = elf_get32(image, r->at + REC_ORIGINAL_CRC);
	r->arch = arch_find(image);
	r->fill = flags & FLAG_FILL;
	r->stamped_null = flags & FLAG_STAMPED_NULL;
	r->delta = (int64_t)elf_get64(image, r->at + REC_DELTA);
	r->front = elf_get64(image, r->at + REC_FRONT);
	r->words = elf_get64(image, r->at + REC_WORDS);
	r->stream_size = elf_get64(image, r->at + REC_STREAM_SIZE);
	/* Everything of the original lies before the record, and the headers are no more than e_phnum and
	 * e_shnum can count; deflating gains at most a factor of 1032. */
	if (!r->arch || r->original_size > r->at || r->front > r->at - r->original_size ||
	    r->front % ELF_MEMORY_PAGE || r->words > r->original_size / elf_rela_size(image) ||
	    r->headers_size > UNDO_HEADERS_MAX || !undo_stream_fits(r->stream_size, r->original_size) ||
	    r->stream_size / 2048 > o->sh_size || r->stream_size < bits_size(r->words))
		return "its numbers do not fit";
	return NULL;
}

bool undo_present(const struct elf_image *image)
{
	size_t own = elf_image_find_section(image, UNDO_OWN_SECTION);

	return own && image->shdr[own].sh_type == SHT_PROGBITS && image->shdr[own].sh_size >= MAGIC_SIZE &&
	       memcmp(image->data + image->shdr[own].sh_offset, UNDO_MAGIC, MAGIC_SIZE) == 0;
}

int64_t undo_delta(const struct elf_image *image)
{
	struct undo_record r;

	return undo_record_read(image, &r) ? 0 : r.delta;
}
