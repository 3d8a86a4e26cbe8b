/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking the relocations of an image: tables with and without addends, of either class and byte order, and
 * DT_RELR.  This is the only place that knows how they are laid out (gABI, chapter 4, "Relocation", and chapter
 * 5, "Relative Relocation Table").
 *
 *     struct relocs relocs = dynamic_relocs(dynamic, image, table);   // or relocs_at()
 *     GElf_Rela reloc;
 *
 *     while (relocs_next(&relocs, &reloc))
 *             ...
 */
#ifndef ELF_RELOCS_H
#define ELF_RELOCS_H

#include "elf_image.h"

struct relocs {
	const struct elf_image *image;
	uint64_t next, end; /* file offsets; a record that end cuts short is none */
	uint64_t at;        /* file offset of the record that was given last, for elf_put_rel() */
	bool rela;          /* they carry addends */
};

/* The relocations in SIZE bytes at file offset OFFSET, which the caller knows to be in the file. */
static inline struct relocs relocs_at(const struct elf_image *image, uint64_t offset, uint64_t size,
				      bool rela)
{
	return (struct relocs){ .image = image, .next = offset, .end = offset + size, .rela = rela };
}

/* Bytes of a record. */
static inline size_t relocs_step(const struct relocs *relocs)
{
	return relocs->rela ? elf_rela_size(relocs->image) : elf_rel_size(relocs->image);
}

/* How many there are, given or not. */
static inline size_t relocs_count(const struct relocs *relocs)
{
	return (relocs->end - relocs->next) / relocs_step(relocs);
}

/* The next one, r_addend 0 where there is none; false at the end. */
static inline bool relocs_next(struct relocs *relocs, GElf_Rela *reloc)
{
	if (relocs->end - relocs->next < relocs_step(relocs))
		return false;
	relocs->at = relocs->next;
	relocs->next += relocs_step(relocs);
	elf_get_rel(relocs->image, relocs->at, relocs->rela, reloc);
	return true;
}

/* How many of RELOCS are of TYPE. */
size_t relocs_of_type(struct relocs relocs, uint32_t type);

/* The words that DT_RELR names.  An even entry is the address of one, an odd one a bitmap of those after the
 * last that was spoken of. */
struct relr {
	const struct elf_image *image;
	uint64_t next, end; /* entries: file offsets */
	uint64_t at;        /* file offset of the entry that was read last */
	bool plain;         /* that is an address, of the word that was given last */
	bool malformed;     /* it is a bitmap, and nothing was spoken of: that ends it */
	uint64_t bits;      /* of it, what is still to be given, as of `base` */
	GElf_Addr base;     /* the first word that the next bitmap, or `bits`, speaks of */
};

/* The entries in SIZE bytes at file offset OFFSET, which the caller knows to be in the file. */
static inline struct relr relr_at(const struct elf_image *image, uint64_t offset, uint64_t size)
{
	return (struct relr){ .image = image, .next = offset, .end = offset + size };
}

/* The address of the next word; false at the end. */
bool relr_next(struct relr *relr, GElf_Addr *address);

#endif
