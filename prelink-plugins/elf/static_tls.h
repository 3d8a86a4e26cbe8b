/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The static block of thread variables, as glibc lays it out below the thread pointer (x86, "variant II" of
 * the ELF TLS specification; elf/dl-tls.c, elf/dl-reloc.c), and what an audit module leaves of it.
 *
 * Without an audit module all objects of the start-up scope are placed exactly.  With one, only the
 * program's block is; the libraries', and those of what is preloaded, have to fit into what is left over: a
 * surplus of 1,952 bytes (glibc 2.35 and later, one module), and what rounding up to the largest alignment
 * of the program's block adds. */
#ifndef STATIC_TLS_H
#define STATIC_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "elf_image.h"

/* What start-up libraries want of the static block. */
struct static_tls_need {
	uint64_t fixed; /* bytes, of those that cannot be loaded without */
	uint64_t all;   /* bytes, of all that have thread variables */
	uint64_t align; /* the largest alignment among them; 0 where there is none */
};

/* False where the sizes of TLS are nonsense. */
bool static_tls_sound(const GElf_Phdr *tls);

/* PT_TLS of IMAGE, if its block is not empty, or NULL. */
const GElf_Phdr *static_tls_find(const struct elf_image *image);

/* The static block in the making, where no audit module is present; zeroed at first.  Offsets below the
 * thread pointer, in bytes. */
struct static_tls_block {
	uint64_t used, gap_start, gap_end; /* a gap is what alignment left before an earlier one */
};

/* Places TLS, which is sound, as the next one; in the gap, if it fits there.  Offset of it
 * below the thread pointer. */
uint64_t static_tls_place(struct static_tls_block *block, const GElf_Phdr *tls);

/* Offset below the thread pointer, in bytes, of the program's block TLS, which is sound: the
 * first one that is placed. */
uint64_t static_tls_offset(const GElf_Phdr *tls);

/* Counts the block TLS of a library, wherever the one before it ends. */
void static_tls_count(struct static_tls_need *need, const GElf_Phdr *tls, bool fixed);

/* The alignment that the block OWN of a program (NULL: it has none) must have for NEED to fit beside what is
 * usually preloaded, or 0 where none does that threads can afford. */
uint64_t static_tls_align(const GElf_Phdr *own, const struct static_tls_need *need);

/* For a program that has no thread variables: the smallest block that brings the alignment ALIGN, for
 * an address behind START. */
GElf_Phdr static_tls_smallest(GElf_Addr start, uint64_t align);

#endif
