/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pages of an object that somebody writes. */
#ifndef PAGES_H
#define PAGES_H

#include "elf/dynamic.h"

/* From the first writable segment on; addresses outside of it are passed over. */
struct pages {
	unsigned char *bit;
	GElf_Addr start;
	uint64_t size, count; /* bytes of a page; pages */
};

/* None of those of IMAGE, each of SIZE bytes, a power of two.  Frees with pages_release(). */
void pages_init(struct pages *pages, const struct elf_image *image, uint64_t size);
void pages_release(struct pages *pages);
/* The page of ADDRESS is written. */
void pages_touch(struct pages *pages, GElf_Addr address);
/* How many are; and how many that are not in OTHERS, of the same image and size. */
size_t pages_count(const struct pages *pages);
size_t pages_count_without(const struct pages *pages, const struct pages *others);

#endif
