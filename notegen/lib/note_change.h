/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file with another plugin note, or with none.
 *
 *     struct note_change change = { 0 };
 *     if (note_change_find(&image, &index) == 0 && note_change_make(&image, index, content, size, &change) == 0)
 *             note_change_each(&change, &image, context, each);
 *     note_change_release(&change);
 *
 * What it was made of, IMAGE, outlives it. */
#ifndef NOTE_CHANGE_H
#define NOTE_CHANGE_H

#include "elf_append.h"

struct note_change {
	struct elf_append removed, added;
	struct elf_image base; /* the file without its note; borrows from the image or from `removed` */
	bool has_base;
};

/* Index of IMAGE's note section in INDEX, 0 where there is none.  0, or -1 after a message. */
int note_change_find(const struct elf_image *image, size_t *index);

/* Makes in CHANGE, which is zeroed, the file IMAGE with the SIZE bytes at CONTENT in place of section INDEX
 * (0: there is none); CONTENT NULL: without it.  0, or -1 after a message. */
int note_change_make(struct elf_image *image, size_t index, const unsigned char *content, size_t size,
		     struct note_change *change);

/* What the new file starts with: its ELF header, and the bytes behind that which are those at *DATA; and what
 * it ends with.  Either's `keep` or `tail_size` may be 0. */
const struct elf_append *note_change_parts(const struct note_change *change, const struct elf_image *image,
					   const unsigned char **data);

/* Calls `each` for the bytes of the new file, from begin to end; ends with the first result that is
 * not 0, which is returned. */
int note_change_each(const struct note_change *change, const struct elf_image *image, void *context,
		     int (*each)(void *context, const unsigned char *data, size_t size));

/* Harmless on what is zeroed. */
void note_change_release(struct note_change *change);

#endif
