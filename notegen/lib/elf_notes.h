/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking ELF notes (gABI, chapter 5, "Note Section"): each has a name (who gave the type its meaning) and a
 * descriptor, padded to 4 bytes.  Where a section or segment asks for 8, as .note.gnu.property does, everything in
 * it has such a size that this comes to the same.
 *
 *     struct elf_notes notes = elf_notes_at(image, shdr->sh_offset, shdr->sh_size);
 *     struct elf_note note;
 *
 *     while (elf_notes_next(&notes, &note))
 *             ...
 *     if (notes.at != notes.end)   // a note says that it is larger than what is left
 */
#ifndef ELF_NOTES_H
#define ELF_NOTES_H

#include "elf_image.h"

struct elf_notes {
	const struct elf_image *image;
	uint64_t start, end; /* file offsets */
	uint64_t at;         /* the next note; end, when all were whole */
};

struct elf_note {
	uint32_t type;
	const char *name; /* name_size bytes: the NUL that should end it is counted, and need not be there */
	const unsigned char *desc;
	uint64_t name_size, desc_size; /* bytes */
	uint64_t desc_at;              /* file offset of desc */
};

/* The notes in SIZE bytes at file offset OFFSET, which the caller knows to be in the file: a section's or a
 * segment's. */
struct elf_notes elf_notes_at(const struct elf_image *image, uint64_t offset, uint64_t size);

/* The next note; false, and NOTE as it was, where there is none. */
bool elf_notes_next(struct elf_notes *notes, struct elf_note *note);

/* True if NOTE has that TYPE of OWNER's. */
bool elf_note_is(const struct elf_note *note, const char *owner, uint32_t type);

/* The build-id in IMAGE's note segments, and where in the file it is; NULL where there
 * is none, or an empty one. */
const unsigned char *elf_notes_build_id(const struct elf_image *image, uint64_t *offset, uint64_t *size);

/* VALUE, padded as names and descriptors are. */
static inline uint64_t elf_note_align(uint64_t value)
{
	return (value + 3) & ~(uint64_t)3;
}

#endif
