/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dynamic symbols of one object, made ready for lookups as ld.so does them.
 *
 * symbols_load() checks the hash, version and string tables once; after it every lookup ends, and reads
 * inside the file only, whatever the file holds, and whoever writes to it meanwhile.  The tables are
 * read where they lie in the image, in its own class and byte order: nothing is copied but the versions,
 * which ld.so collects as well.
 *
 * Follows glibc's elf/dl-setup_hash.c, dl-version.c and dl-lookup.c (check_match, and the part of
 * do_lookup_x that looks into one object). */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "elf/dynamic.h"
#include "limit.h"

/* A version, by its index in DT_VERSYM: glibc's struct r_found_version. */
struct symbol_version {
	const char *name; /* a copy, owned; NULL where nothing has that index */
	uint32_t hash;    /* of the name, as stored; 0 where nothing has that index */
	bool hidden;      /* a reference that the default version does not satisfy */
};

/* What ld.so looks for decides what it accepts: its ELF_RTYPE_CLASS_* values, which may be combined. */
enum symbol_class {
	SYMBOL_ANY = 0,  /* data, or the address of a function */
	SYMBOL_PLT = 1,  /* a call, or TLS: not an executable's PLT entry for an undefined function */
	SYMBOL_COPY = 2, /* the original of a COPY relocation: not in the executable itself */
};

struct symbols {
	const struct elf_image *image;  /* outlives this */
	uint64_t table;                 /* file offset of the symbol table */
	size_t count;                   /* symbols in it */
	const char *strings;            /* string table; its last byte is NUL */
	uint64_t strings_size;          /* bytes; at least 1 */
	struct symbol_version *version; /* by index; owned */
	size_t version_count;           /* 0: the object does without versions */
	size_t version_room;
	uint64_t versym; /* file offset of DT_VERSYM; meaningless without versions */
	/* Hash table: the GNU one where there is one, as in ld.so. */
	uint32_t bucket_count; /* 0: nothing is to be found here */
	bool gnu;
	uint32_t first,
		hashed; /* the chains: GNU, of symbol `first` and so many after it; else, of 0 and after it */
	uint32_t bloom_mask, bloom_shift; /* GNU: words - 1, second hash */
	uint64_t bloom, buckets, chains;  /* file offsets; the GNU chain's of symbol `first` */
};

/* Reads the tables that DYNAMIC names.  IMAGE outlives SYMBOLS.  An object without symbol or hash
 * table is fine, and defines nothing.  0, or -1 after a message that says what is wrong with the file. */
int symbols_load(struct symbols *symbols, const struct elf_image *image, const struct dynamic *dynamic);
void symbols_release(struct symbols *symbols);

/* Symbol INDEX; the first one, which is none, where there are not so many: who can write to the file changes
 * the indices in it at any time. */
static inline void symbols_get(const struct symbols *symbols, uint32_t index, GElf_Sym *sym)
{
	uint64_t at = symbols->table + (index < symbols->count ? index : 0) * elf_sym_size(symbols->image);

	if (symbols->image->is64) {
		sym->st_name = elf_get32(symbols->image, at);
		sym->st_info = symbols->image->data[at + 4];
		sym->st_other = symbols->image->data[at + 5];
		sym->st_shndx = elf_get16(symbols->image, at + 6);
		sym->st_value = elf_get64(symbols->image, at + 8);
		sym->st_size = elf_get64(symbols->image, at + 16);
	} else {
		sym->st_name = elf_get32(symbols->image, at);
		sym->st_value = elf_get32(symbols->image, at + 4);
		sym->st_size = elf_get32(symbols->image, at + 8);
		sym->st_info = symbols->image->data[at + 12];
		sym->st_other = symbols->image->data[at + 13];
		sym->st_shndx = elf_get16(symbols->image, at + 14);
	}
}

/* The string at INDEX of the string table; "" where that lies outside.  It ends before MOST bytes, unless
 * somebody has changed the file since, or it is longer than LIMIT_STRING. */
static inline const char *symbols_string(const struct symbols *symbols, uint64_t index, size_t *most)
{
	uint64_t inside = index < symbols->strings_size ? index : symbols->strings_size - 1;
	uint64_t left = symbols->strings_size - inside;

	*most = left < LIMIT_STRING ? left : LIMIT_STRING;
	return symbols->strings + inside;
}
/* A copy of it, allocated. */
char *symbols_string_copy(const struct symbols *symbols, uint64_t index);

/* The version that a relocation against symbol INDEX of this object asks for; NULL for none. */
const struct symbol_version *symbols_reference(const struct symbols *symbols, uint32_t index);

/* What is looked for. */
struct symbol_query {
	const char *name;
	uint32_t gnu_hash;                    /* symbol_gnu_hash(name) */
	const struct symbol_version *version; /* NULL for an unversioned reference */
	enum symbol_class class;
};

/* Looks for QUERY in this object alone.  Returns the index of the symbol that ld.so would take (global,
 * weak or unique, and visible), with the symbol in SYM; 0 where it would go on to the next object. */
uint32_t symbols_find(const struct symbols *symbols, const struct symbol_query *query, GElf_Sym *sym);

/* Steps that lookups of this thread have taken so far: symbols passed in chains, and bytes of names. */
extern _Thread_local uint64_t symbols_steps;

/* Hash of DT_GNU_HASH (glibc's _dl_new_hash). */
static inline uint32_t symbol_gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		hash = hash * 33 + *c;
	return hash;
}

/* True where ld.so never looks a symbol with this st_other up: hidden and internal ones. */
static inline bool symbol_binds_locally(const GElf_Sym *sym)
{
	unsigned visibility = GELF_ST_VISIBILITY(sym->st_other);

	return visibility == STV_HIDDEN || visibility == STV_INTERNAL;
}

#endif
