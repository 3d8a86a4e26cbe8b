/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking ELF notes; see elf_notes.h. */
#include "elf_notes.h"

#include "limit.h"

struct elf_notes elf_notes_at(const struct elf_image *image, uint64_t offset, uint64_t size)
{
	return (struct elf_notes){ .image = image, .start = offset, .end = offset + size, .at = offset };
}

bool elf_notes_next(struct elf_notes *notes, struct elf_note *note)
{
	const struct elf_image *image = notes->image;
	uint64_t header = sizeof(Elf32_Nhdr); /* of either class */

	if (notes->end - notes->at < header)
		return false;
	uint64_t name_size = elf_get32(image, notes->at), desc_size = elf_get32(image, notes->at + 4);
	/* Padding counts from the start of the notes, wherever in the file that is. */
	uint64_t name = notes->at + header;
	uint64_t desc = notes->start + elf_note_align(name + name_size - notes->start);

	if (desc > notes->end || desc_size > notes->end - desc)
		return false;
	*note = (struct elf_note){
		.type = elf_get32(image, notes->at + 8),
		.name = (const char *)image->data + name,
		.name_size = name_size,
		.desc = image->data + desc,
		.desc_size = desc_size,
		.desc_at = desc,
	};
	uint64_t next = notes->start + elf_note_align(desc + desc_size - notes->start);

	notes->at = next < notes->end ? next : notes->end;
	return true;
}

bool elf_note_is(const struct elf_note *note, const char *owner, uint32_t type)
{
	return note->type == type && note->name_size == strlen(owner) + 1 &&
	       memcmp(note->name, owner, note->name_size) == 0;
}

const unsigned char *elf_notes_build_id(const struct elf_image *image, uint64_t *offset, uint64_t *size)
{
	struct elf_note note;

	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *phdr = &image->phdr[i];
		if (phdr->p_type != PT_NOTE || phdr->p_filesz > LIMIT_NOTES)
			continue;
		struct elf_notes notes = elf_notes_at(image, phdr->p_offset, phdr->p_filesz);
		while (elf_notes_next(&notes, &note))
			if (elf_note_is(&note, ELF_NOTE_GNU, NT_GNU_BUILD_ID) && note.desc_size) {
				*offset = note.desc_at;
				*size = note.desc_size;
				return note.desc;
			}
	}
	return NULL;
}
