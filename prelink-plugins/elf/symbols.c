/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbol, hash and version tables, checked once and then looked into; see symbols.h. */
#include "elf/symbols.h"

#include <stdlib.h>

#include "alloc.h"
#include "diag.h"

static int damaged(const struct symbols *s, const char *what)
{
	return diag_error(s->image->path, "reading the dynamic symbols: %s; the file is damaged", what);
}

_Thread_local uint64_t symbols_steps;

char *symbols_string_copy(const struct symbols *s, uint64_t index)
{
	size_t most;
	const char *text = symbols_string(s, index, &most);

	return xstrndup(text, most);
}

/* Linkers make chains of a handful of symbols.  One of thousands makes every lookup, ours and ld.so's, a
 * search through all of them. */
static int degenerate(const struct symbols *s)
{
	return diag_error(s->image->path,
			  "reading the dynamic symbols: a chain of the hash table has more "
			  "than %d symbols; link it again",
			  LIMIT_CHAIN);
}

/* The GNU hash table: every bucket is empty or names a hashed symbol, and the highest chain has an end
 * inside the table.  A walk along a chain goes upwards, and so meets that end at the latest. */
static int load_gnu_hash(struct symbols *s, GElf_Addr address)
{
	uint64_t header, size;
	uint32_t last = 0;

	if (!elf_image_offset(s->image, address, 16, &header))
		return damaged(s, "DT_GNU_HASH lies outside the segments");
	s->gnu = true;
	s->bucket_count = elf_get32(s->image, header);
	s->first = elf_get32(s->image, header + 4);
	uint32_t words = elf_get32(s->image, header + 8);
	s->bloom_mask = words - 1;
	s->bloom_shift = elf_get32(s->image, header + 12);
	if (words == 0 || (words & (words - 1)) || s->bloom_shift > 31)
		return damaged(s, "the filter of DT_GNU_HASH is malformed");
	s->bloom = header + 16;
	s->buckets = s->bloom + (uint64_t)words * elf_word_size(s->image);
	s->chains = s->buckets + 4ull * s->bucket_count;
	size = s->chains - header;
	if (!elf_image_offset(s->image, address, size, &header))
		return damaged(s, "DT_GNU_HASH runs over the end of its segment");
	for (uint32_t i = 0; i < s->bucket_count; i++) {
		uint32_t start = elf_get32(s->image, s->buckets + 4ull * i);
		if (start && (start < s->first || start >= s->count))
			return damaged(s, "a bucket of DT_GNU_HASH names no symbol");
		if (start > last)
			last = start;
	}
	if (last == 0) { /* nothing is hashed: there may be no chains at all */
		s->bucket_count = 0;
		return 0;
	}
	if (!elf_image_offset(s->image, address, size + 4ull * (last - s->first + 1), &header))
		return damaged(s, "DT_GNU_HASH runs over the end of its segment");
	while (!(elf_get32(s->image, s->chains + 4ull * (last - s->first)) & 1))
		if (++last >= s->count || !elf_image_has(s->image, s->chains + 4ull * (last - s->first), 4))
			return damaged(s, "a chain of DT_GNU_HASH has no end");
	for (uint32_t i = s->first, length = 1; i <= last; i++, length++) {
		if (length > LIMIT_CHAIN)
			return degenerate(s);
		if (elf_get32(s->image, s->chains + 4ull * (i - s->first)) & 1)
			length = 0;
	}
	s->hashed = last - s->first + 1;
	return 0;
}

/* The System V hash table: no symbol is in two chains, or twice in one, so that every walk ends. */
static int load_sysv_hash(struct symbols *s, GElf_Addr address)
{
	uint64_t header;
	int result = 0;

	if (!elf_image_offset(s->image, address, 8, &header))
		return damaged(s, "DT_HASH lies outside the segments");
	s->bucket_count = elf_get32(s->image, header);
	uint32_t chain_count = elf_get32(s->image, header + 4);
	s->buckets = header + 8;
	s->chains = s->buckets + 4ull * s->bucket_count;
	if (!elf_image_offset(s->image, address, 8 + 4ull * s->bucket_count + 4ull * chain_count, &header))
		return damaged(s, "DT_HASH runs over the end of its segment");
	if (chain_count > s->count)
		chain_count = s->count;
	s->hashed = chain_count;
	bool *seen = xcalloc(chain_count + 1ul, sizeof *seen);
	for (uint32_t i = 0; i < s->bucket_count && !result; i++) {
		uint32_t at = elf_get32(s->image, s->buckets + 4ull * i), length = 1;
		for (; at && !result; at = elf_get32(s->image, s->chains + 4ull * at), length++) {
			if (at >= chain_count || seen[at]) {
				result = damaged(s, "a chain of DT_HASH has no end");
				break;
			}
			seen[at] = true;
			if (length > LIMIT_CHAIN)
				result = degenerate(s);
		}
	}
	free(seen);
	return result;
}

/* Makes VERSION that of INDEX; its name is a copy. */
static void set_version(struct symbols *s, uint32_t index, struct symbol_version version)
{
	ALLOC_REACH(s->version, index, s->version_room);
	if (index >= s->version_count)
		s->version_count = index + 1;
	free((char *)(uintptr_t)s->version[index].name);
	s->version[index] = version;
}

/* Versions are counted by the links between the records, as ld.so does, not by DT_VERNEEDNUM or vn_cnt. An
 * entry can have one record only, hence the budget: a table whose chains overlap would otherwise keep us busy
 * for hours. */
struct version_walk {
	struct symbols *symbols;
	uint64_t at, end; /* file offsets: of the current outer record, and of the end of its segment */
	uint64_t budget;  /* records that fit the file, LIMIT_VERSIONS at most */
	uint64_t bytes;   /* of names that are still copied */
};

/* A copy of the name of a version that lies at INDEX; NULL after a message. */
static char *copy_name(struct version_walk *walk, uint32_t index)
{
	char *name = symbols_string_copy(walk->symbols, index);
	size_t length = strlen(name);

	if (length <= walk->bytes) {
		walk->bytes -= length;
		return name;
	}
	free(name);
	diag_error(walk->symbols->image->path,
		   "reading the dynamic symbols: the names of its versions have more than the %lu bytes that "
		   "are looked at; left alone",
		   (unsigned long)LIMIT_NAMES);
	return NULL;
}

static bool has_record(struct version_walk *walk, uint64_t at, uint64_t size)
{
	return at <= walk->end && size <= walk->end - at && walk->budget-- > 0;
}

static int start_walk(struct version_walk *walk, GElf_Addr address)
{
	const struct elf_image *image = walk->symbols->image;

	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *load = &image->phdr[i];
		if (load->p_type != PT_LOAD || address < load->p_vaddr ||
		    address - load->p_vaddr >= load->p_filesz)
			continue;
		walk->at = load->p_offset + (address - load->p_vaddr);
		walk->end = load->p_offset + load->p_filesz;
		walk->budget = image->size / sizeof(GElf_Verdaux);
		if (walk->budget > LIMIT_VERSIONS)
			walk->budget = LIMIT_VERSIONS;
		return 0;
	}
	return damaged(walk->symbols, "a version table lies outside the segments");
}

static int load_needed_versions(struct version_walk *walk)
{
	struct symbols *s = walk->symbols;
	uint32_t next;

	do {
		if (!has_record(walk, walk->at, sizeof(GElf_Verneed)) || elf_get16(s->image, walk->at) != 1)
			return damaged(s, "DT_VERNEED is malformed");
		uint64_t aux = walk->at + elf_get32(s->image, walk->at + 8);
		do {
			if (!has_record(walk, aux, sizeof(GElf_Vernaux)))
				return damaged(s, "DT_VERNEED is malformed");
			uint16_t other = elf_get16(s->image, aux + 6);
			char *name = copy_name(walk, elf_get32(s->image, aux + 8));
			if (!name)
				return -1;
			set_version(s, other & 0x7fff,
				    (struct symbol_version){ name, elf_get32(s->image, aux),
							     other & 0x8000 });
			next = elf_get32(s->image, aux + 12);
			aux += next;
		} while (next);
		next = elf_get32(s->image, walk->at + 12);
		walk->at += next;
	} while (next);
	return 0;
}

static int load_defined_versions(struct version_walk *walk)
{
	struct symbols *s = walk->symbols;
	uint32_t next;

	do {
		if (!has_record(walk, walk->at, sizeof(GElf_Verdef)))
			return damaged(s, "DT_VERDEF is malformed");
		uint64_t aux = walk->at + elf_get32(s->image, walk->at + 12);
		uint32_t index = elf_get16(s->image, walk->at + 4) & 0x7fff;
		struct symbol_version version = { 0 };
		/* The base version is the object's own name: no reference matches it. */
		if (!(elf_get16(s->image, walk->at + 2) & VER_FLG_BASE)) {
			if (!has_record(walk, aux, sizeof(GElf_Verdaux)))
				return damaged(s, "DT_VERDEF is malformed");
			version.hash = elf_get32(s->image, walk->at + 8);
			if (!(version.name = copy_name(walk, elf_get32(s->image, aux))))
				return -1;
		}
		set_version(s, index, version);
		next = elf_get32(s->image, walk->at + 16);
		walk->at += next;
	} while (next);
	return 0;
}

static int load_versions(struct symbols *s, const struct dynamic *dynamic)
{
	struct version_walk walk = { .symbols = s, .bytes = LIMIT_NAMES };

	if (!dynamic->verneed && !dynamic->verdef)
		return 0;
	if (dynamic->verneed && (start_walk(&walk, dynamic->verneed) || load_needed_versions(&walk)))
		return -1;
	if (dynamic->verdef && (start_walk(&walk, dynamic->verdef) || load_defined_versions(&walk)))
		return -1;
	if (s->version_count <= 1) { /* as in ld.so: index 0 alone makes no table */
		s->version_count = 0;
		return 0;
	}
	if (!dynamic->versym ||
	    !elf_image_offset(s->image, dynamic->versym, 2 * (uint64_t)s->count, &s->versym))
		return damaged(s, "DT_VERSYM does not have an entry for each symbol");
	return 0;
}

int symbols_load(struct symbols *s, const struct elf_image *image, const struct dynamic *dynamic)
{
	int result = 0;

	*s = (struct symbols){ .image = image, .strings = "", .strings_size = 1 };
	if (dynamic->symbol_count == 0)
		return 0;
	s->table = dynamic->symtab.offset;
	s->count = dynamic->symbol_count;
	if (dynamic->strtab.size > 0) {
		s->strings = (const char *)image->data + dynamic->strtab.offset;
		s->strings_size = dynamic->strtab.size;
		if (s->strings[s->strings_size - 1])
			return damaged(s, "the string table has no end");
	}
	if (dynamic->gnu_hash)
		result = load_gnu_hash(s, dynamic->gnu_hash);
	else if (dynamic->hash)
		result = load_sysv_hash(s, dynamic->hash);
	if (!result)
		result = load_versions(s, dynamic);
	if (result)
		symbols_release(s);
	return result;
}

void symbols_release(struct symbols *s)
{
	for (size_t i = 0; i < s->version_room; i++)
		free((char *)(uintptr_t)s->version[i].name);
	free(s->version);
	*s = (struct symbols){ .strings = "", .strings_size = 1 };
}

static const struct symbol_version no_version = { NULL, 0, false };

static const struct symbol_version *version_at(const struct symbols *s, uint32_t index)
{
	return index < s->version_count ? &s->version[index] : &no_version;
}

const struct symbol_version *symbols_reference(const struct symbols *s, uint32_t index)
{
	if (s->version_count == 0 || index >= s->count)
		return NULL;
	const struct symbol_version *version = version_at(s, elf_get16(s->image, s->versym + 2ull * index) &
								     0x7fff);
	return version->hash ? version : NULL;
}

/* Whether the version of symbol INDEX satisfies QUERY.  DEFAULTED counts the versions that an unversioned
 * reference could take if there is only one of them, and keeps the first. */
static bool version_matches(const struct symbols *s, const struct symbol_query *query, uint32_t index,
			    uint32_t *defaulted, unsigned *defaults)
{
	if (s->version_count == 0)
		return true;
	uint16_t versym = elf_get16(s->image, s->versym + 2ull * index);
	const struct symbol_version *version = version_at(s, versym & 0x7fff);

	if (query->version) {
		if (version->hash == query->version->hash && version->name &&
		    strcmp(version->name, query->version->name) == 0)
			return true;
		/* An object whose symbol has no version of its own (local, global, base) will do for all
		 * references but strict ones. */
		return !query->version->hidden && version->hash == 0 && !(versym & 0x8000);
	}
	if ((versym & 0x7fff) < 3) /* local, global or the first version: what an old program means */
		return true;
	if (!(versym & 0x8000) && (*defaults)++ == 0)
		*defaulted = index;
	return false;
}

/* What comparing a name counts for. */
enum { SYMBOL_STEPS = 32 };

/* glibc's check_match. */
static bool symbol_matches(const struct symbols *s, const struct symbol_query *query, uint32_t index,
			   uint32_t *defaulted, unsigned *defaults)
{
	const unsigned types = 1 << STT_NOTYPE | 1 << STT_OBJECT | 1 << STT_FUNC | 1 << STT_COMMON |
			       1 << STT_TLS | 1 << STT_GNU_IFUNC;
	GElf_Sym sym;

	symbols_get(s, index, &sym);
	unsigned type = GELF_ST_TYPE(sym.st_info);
	if ((sym.st_value == 0 && sym.st_shndx != SHN_ABS && type != STT_TLS) ||
	    ((query->class & SYMBOL_PLT) && sym.st_shndx == SHN_UNDEF) || !(types >> type & 1))
		return false;
	size_t most;
	const char *name = symbols_string(s, sym.st_name, &most);

	symbols_steps += SYMBOL_STEPS;
	return strncmp(name, query->name, most) == 0 && version_matches(s, query, index, defaulted, defaults);
}

static bool bloom_admits(const struct symbols *s, uint32_t hash)
{
	unsigned bits = s->image->is64 ? 64 : 32;
	uint64_t index = hash / bits & s->bloom_mask;
	uint64_t word = elf_get_word(s->image, s->bloom + index * (bits / 8));

	return word >> (hash & (bits - 1)) & word >> (hash >> s->bloom_shift & (bits - 1)) & 1;
}

/* Hash of DT_HASH, from the gABI. */
static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		hash = (hash << 4) + *c;
		hash ^= hash >> 24 & 0xf0;
	}
	return hash & 0x0fffffff;
}

/* The symbol that matches QUERY, whatever its binding; 0 for none. */
static uint32_t find_match(const struct symbols *s, const struct symbol_query *query)
{
	uint32_t defaulted = 0, at;
	unsigned defaults = 0;

	if (s->gnu) {
		if (!bloom_admits(s, query->gnu_hash))
			return 0;
		at = elf_get32(s->image, s->buckets + 4ull * (query->gnu_hash % s->bucket_count));
		/* Of a chain that somebody has changed since, as much as there was. */
		for (; at && at >= s->first && at - s->first < s->hashed; at++, symbols_steps++) {
			uint32_t hash = elf_get32(s->image, s->chains + 4ull * (at - s->first));
			if ((hash ^ query->gnu_hash) >> 1 == 0 &&
			    symbol_matches(s, query, at, &defaulted, &defaults))
				return at;
			if (hash & 1)
				break;
		}
	} else {
		at = elf_get32(s->image, s->buckets + 4ull * (sysv_hash(query->name) % s->bucket_count));
		for (int left = LIMIT_CHAIN; at && at < s->hashed && left > 0; left--) {
			if (symbol_matches(s, query, at, &defaulted, &defaults))
				return at;
			at = elf_get32(s->image, s->chains + 4ull * at);
		}
	}
	/* One version only, and that is not hidden: there is no ambiguity, any reference may have it. */
	return defaults == 1 ? defaulted : 0;
}

uint32_t symbols_find(const struct symbols *s, const struct symbol_query *query, GElf_Sym *sym)
{
	if (s->bucket_count == 0)
		return 0;
	uint32_t found = find_match(s, query);
	if (found == 0)
		return 0;
	symbols_get(s, found, sym);
	unsigned binding = GELF_ST_BIND(sym->st_info);
	if (symbol_binds_locally(sym) ||
	    (binding != STB_GLOBAL && binding != STB_WEAK && binding != STB_GNU_UNIQUE))
		return 0;
	return found;
}
