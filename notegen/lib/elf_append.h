/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adding a section that is not allocated, at the end of an ELF file, and taking it out again.
 *
 * Nothing that was in the file moves: the section, a copy of the section name table with one more
 * name, and a copy of the section header table with one more entry are appended, and the ELF header
 * is pointed at them.  The section's own last bytes say what the file was, so that taking it out of
 * a file that nobody rearranged since gives back the original bit for bit: truncate, and restore the
 * ELF header (and section header 0 where it carries the counts). */
#ifndef ELF_APPEND_H
#define ELF_APPEND_H

#include "elf_image.h"

/* A new file as a list of what to write, so that 100 MB need not be copied to add 200 bytes. */
struct elf_append {
	unsigned char head[64];   /* the new ELF header; replaces as many bytes at offset 0 */
	size_t head_size;         /* bytes used of it */
	uint64_t keep;            /* bytes of the old file, from its start, that stay */
	unsigned char *tail;      /* what follows them; owned */
	size_t tail_size;         /* bytes */
};

/* Builds in APPEND the file IMAGE with a section NAME of TYPE and 4-byte alignment (8 for 8-byte
 * notes is never needed here) that holds the SIZE bytes at CONTENT, in the image's own byte order.
 * Where IMAGE has such a section already, the caller has removed it.  Refuses, after a message, files
 * without section headers or name table, with data after the end of what ELF accounts for, or whose
 * sections overlap.  0 or -1. */
int elf_append_section(const struct elf_image *image, const char *name, uint32_t type,
		       const void *content, size_t size, struct elf_append *append);

/* Builds in APPEND the file IMAGE without its section INDEX: bit for bit the file as it was before
 * elf_append_section() where that can still be seen, and otherwise (after strip, objcopy ...) with
 * just the section's header and contents taken out.  0 or -1 after a message. */
int elf_remove_section(const struct elf_image *image, size_t index, struct elf_append *append);

void elf_append_release(struct elf_append *append);

#endif
