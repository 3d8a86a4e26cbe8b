/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adding a section that is not allocated, at the end of an ELF file, and taking it out again.
 *
 * Nothing that was in the file moves.  What is appended:
 *
 *     padding to 4, the section's contents, just as given
 *     a copy of the section name table with one more name
 *     padding to 8, struct of how the file ended before (see elf_append.c)
 *     a copy of the section header table with one more entry
 *
 * and the ELF header is pointed at it.  Taking the section out again truncates the file and restores
 * the ELF header, if adding the same contents to what that gives makes the very file that we have:
 * so it is bit for bit what it was.  A tool that rearranged the file since (strip, objcopy) has
 * dropped what no section header describes; then the section is cut out of the file as it is now.
 *
 * Sections added later have to be taken out first to get the original back.  An image is taken as it is
 * in memory: what was changed in its data (with elf_put_*()) is part of what is kept. */
#ifndef ELF_APPEND_H
#define ELF_APPEND_H

#include "elf_image.h"

/* A new file as a list of what to write, so that 100 MB need not be copied to add 200 bytes.
 * Its size is keep + tail_size. */
struct elf_append {
	unsigned char head[64]; /* the new ELF header; replaces as many bytes at offset 0 */
	size_t head_size;       /* bytes used of it */
	uint64_t keep;          /* bytes of the image, from its start, that stay; 0: all is in the tail,
				     the ELF header too */
	unsigned char *tail;    /* what follows them; owned */
	size_t tail_size;       /* bytes */
};

/* Builds in APPEND the file IMAGE with a section NAME of TYPE and 4-byte alignment that holds the SIZE
 * bytes at CONTENT, which are in the image's own byte order.  Where IMAGE has such a section already,
 * the caller has removed it.  Refuses, after a message, files without section headers or name table,
 * with data after the end of what ELF accounts for, or whose sections overlap.  0 or -1. */
int elf_append_section(const struct elf_image *image, const char *name, uint32_t type, const void *content,
		       size_t size, struct elf_append *append);

/* Builds in APPEND the file IMAGE without its section INDEX: bit for bit the file as it was before
 * elf_append_section() where that can still be seen, and otherwise (after strip, objcopy ...) with
 * just the section's header and contents taken out.  IMAGE is the same afterwards as before.  0 or -1
 * after a message. */
int elf_remove_section(struct elf_image *image, size_t index, struct elf_append *append);

/* Opens in RESULT what elf_remove_section(IMAGE) built, to add another section to it.  RESULT borrows
 * the bytes of IMAGE (whose ELF header in memory becomes the new one) or of APPEND and has to be
 * released before them.  0 or -1 after a message. */
int elf_append_open(struct elf_image *image, struct elf_append *append, struct elf_image *result);

void elf_append_release(struct elf_append *append);

#endif
