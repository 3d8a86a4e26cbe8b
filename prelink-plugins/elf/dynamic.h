/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dynamic section of an image, decoded once.
 *
 * Invariants after dynamic_init(): every table named here lies inside the file-backed part of one PT_LOAD
 * segment, has the class's entry size, and its file offset is known; a table that is absent has size 0; none
 * has more entries than limit.h says.  What the tables hold (indices, names, addresses) is hostile until
 * checked.  Follows the gABI, chapter 5, and glibc's elf/get-dynamic-info.h. */
#ifndef DYNAMIC_H
#define DYNAMIC_H

#include "arch/arch.h"
#include "elf/relocs.h"

/* A table inside the image. */
struct table {
	GElf_Addr address; /* 0 where absent */
	uint64_t offset;   /* file offset */
	uint64_t size;     /* bytes; 0 where absent */
};

/* Tags of the generic ABI; DT_NUM of an old <elf.h> ends before DT_RELR. */
#define DYNAMIC_TAGS (DT_RELRENT + 1)

/* Nobody fills in more of them. */
enum { SPARE_MAX = 64 };

/* The standard tags whose value or address we look at directly are indexed by tag, as in glibc's
 * l_info; the others have a field each. */
struct dynamic {
	uint64_t offset;   /* of the dynamic section in the file */
	GElf_Addr address; /* its address */
	size_t count;      /* entries before the first DT_NULL */
	bool unended; /* that one is not in PT_DYNAMIC, but the first that ld.so meets in what follows it */
	size_t spare; /* DT_NULL entries after the terminating one, inside PT_DYNAMIC; at most SPARE_MAX */
	uint64_t value[DYNAMIC_TAGS];     /* d_un of the last entry with that tag */
	bool has[DYNAMIC_TAGS];           /* the tag is there */
	uint64_t flags_1;                 /* DT_FLAGS_1 */
	uint64_t relacount;               /* DT_RELACOUNT or DT_RELCOUNT */
	uint64_t gnu_prelinked, checksum; /* DT_GNU_PRELINKED, DT_CHECKSUM; 0 where absent */
	uint64_t null; /* d_un of the first DT_NULL, which means nothing but what rewrite.c says it does */
	struct table strtab, rel, rela, jmprel, relr, init_array, fini_array, preinit_array;
	bool jmprel_is_rela; /* DT_PLTREL */
	struct table symtab; /* size from the hash table: what symbol_count() found */
	size_t symbol_count; /* entries of symtab that any hash table or relocation can name */
	GElf_Addr hash, gnu_hash, pltgot, versym, verdef, verneed; /* addresses, 0 where absent */
};

/* Decodes the PT_DYNAMIC segment of IMAGE.  1 where there is none (a static program), 0, or -1 after a
 * message. */
int dynamic_init(struct dynamic *dynamic, const struct elf_image *image);

/* A copy, allocated, of the string at INDEX in DT_STRTAB, NULL (nothing printed) where there is none
 * (elf_image_string()). */
char *dynamic_string(const struct dynamic *dynamic, const struct elf_image *image, uint64_t index);

/* The same of the first entry with TAG; NULL where there is none. */
char *dynamic_name(const struct dynamic *dynamic, const struct elf_image *image, int64_t tag);

/* True if relocations write to read-only segments. */
bool dynamic_has_textrel(const struct dynamic *dynamic);

/* What the last entry with TAG, which need not be a standard one, says; 0 where there is none. */
uint64_t dynamic_value(const struct dynamic *dynamic, const struct elf_image *image, int64_t tag);

/* The tables of relocations.  The first two are without what DT_JMPREL covers as well. */
enum reloc_table { RELOCS_REL, RELOCS_RELA, RELOCS_PLT, RELOC_TABLES };
struct relocs dynamic_relocs(const struct dynamic *dynamic, const struct elf_image *image,
			     enum reloc_table table);
static inline struct relr dynamic_relr(const struct dynamic *dynamic, const struct elf_image *image)
{
	return relr_at(image, dynamic->relr.offset, dynamic->relr.size);
}

/* What the value of a dynamic tag is. */
enum tag_kind { TAG_UNKNOWN = 0, TAG_VALUE, TAG_ADDRESS };
enum tag_kind dynamic_tag_kind(const struct arch *arch, int64_t tag);

/* Decodes entry INDEX (below count) of the dynamic section. */
void dynamic_entry(const struct dynamic *dynamic, const struct elf_image *image, size_t index,
		   GElf_Dyn *entry);

#endif
