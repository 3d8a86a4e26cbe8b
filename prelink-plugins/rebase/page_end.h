/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sparing ld.so the page in which a library's data ends and its .bss begins.
 *
 * A writable segment whose file part ends inside a page has something else of the file behind it in that
 * page, and ld.so clears that (glibc, elf/dl-map-segments.h): a page copied for every library of every
 * process, often the only one that a prelinked library costs.  Here the file part goes on to the end of the
 * page, or of the segment where that comes first, and holds zeros there; then nothing is left to clear.
 * Behind that, the file holds zeros for as long as the .bss is: eu-elflint looks for them where that
 * section's sh_offset points, and moving that would mislead debuggers.
 *
 * What was there in the file (.comment and the like: nothing that is loaded) moves to its end.  The section
 * header table need not: the undo record's writer makes a new one.  A file with too much to move, or a large
 * .bss, stays as it is. */
#ifndef PAGE_END_H
#define PAGE_END_H

#include "elf_image.h"

struct page_end {
	size_t segment; /* index of the program header */
	uint64_t start; /* file offset at which its file part ended */
	uint64_t size;  /* bytes by which that grows; 0: nothing to do */
	uint64_t zeros; /* bytes of zeros from `start` on; at least `size` */
	uint64_t room;  /* bytes that the file needs behind its present end */
};

/* Finds in ORIGINAL what there is to do. */
void page_end_find(const struct elf_image *original, struct page_end *end);

/* Does it in IMAGE: ORIGINAL, moved or not, with end->room bytes of zeros behind it. */
void page_end_fill(struct elf_image *image, const struct page_end *end);

#endif
