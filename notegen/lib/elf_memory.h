/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that a file's bytes are in, and which of them may differ from the file's.
 *
 * It is a private mapping of the file, which costs memory only for the pages that are changed, or memory of
 * its own, which is cheaper where many are.  elf_memory_touch() notes what may differ, so that copying an
 * image, keeping what was changed in it and putting that back (elf_copy.h) cost what was changed. */
#ifndef ELF_MEMORY_H
#define ELF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* Bytes of memory that elf_memory_touch() knows apart. */
#define ELF_MEMORY_PAGE 4096

struct elf_memory {
	unsigned char *start; /* NULL: the bytes are the caller's */
	size_t mapped;        /* bytes of the mapping at start, 0 where it is none */
	size_t room;          /* bytes of the buffer of scratch.h at start, 0 where it is none */
	bool borrowed;        /* another one's */
	bool shared;          /* a mapping of the file: what was not touched is the file's own */
	unsigned char
		*dirty; /* a bit for each ELF_MEMORY_PAGE bytes that may differ from the file's; owned, but
				 where borrowed.  NULL: not known, all may */
};

/* Gives MEMORY a mapping of SIZE bytes, of which nothing is kept for the next file; PATH is for
 * messages.  0, or -1 after one. */
int elf_memory_map(struct elf_memory *memory, size_t size, const char *path);

/* The same, but at most SCRATCH_MAX bytes come from scratch.h: to be given back by the same thread. */
int elf_memory_take(struct elf_memory *memory, size_t size, const char *path);

/* Gives it back, with what was noted.  Harmless on what is zeroed. */
void elf_memory_give(struct elf_memory *memory);

/* Bytes that there are. */
size_t elf_memory_size(const struct elf_memory *memory);

/* Starts to note what is touched in the first SIZE bytes: nothing yet. */
void elf_memory_watch(struct elf_memory *memory, size_t size);

/* Notes that SIZE bytes from AT on may have been changed. */
static inline void elf_memory_touch(struct elf_memory *memory, uint64_t at, uint64_t size)
{
	if (memory->dirty && size)
		for (uint64_t page = at / ELF_MEMORY_PAGE; page <= (at + size - 1) / ELF_MEMORY_PAGE; page++)
			bits_set(memory->dirty, page);
}
/* True if the byte at AT may differ from the file's. */
static inline bool elf_memory_touched(const struct elf_memory *memory, uint64_t at)
{
	return !memory->dirty || bits_get(memory->dirty, at / ELF_MEMORY_PAGE);
}

#endif
