/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoding the dynamic section; see dynamic.h. */
#include "elf/dynamic.h"

#include "arch/arch.h"
#include "diag.h"
#include "limit.h"

void dynamic_entry(const struct dynamic *dynamic, const struct elf_image *image, size_t index,
		   GElf_Dyn *entry)
{
	elf_get_dyn(image, dynamic->offset + index * elf_dyn_size(image), entry);
}

char *dynamic_string(const struct dynamic *dynamic, const struct elf_image *image, uint64_t index)
{
	return elf_image_string(image, dynamic->strtab.offset, dynamic->strtab.size, index);
}

char *dynamic_name(const struct dynamic *dynamic, const struct elf_image *image, int64_t tag)
{
	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;
		dynamic_entry(dynamic, image, i, &entry);
		if (entry.d_tag == tag)
			return dynamic_string(dynamic, image, entry.d_un.d_val);
	}
	return NULL;
}

uint64_t dynamic_value(const struct dynamic *dynamic, const struct elf_image *image, int64_t tag)
{
	for (size_t i = dynamic->count; i-- > 0;) {
		GElf_Dyn entry;
		dynamic_entry(dynamic, image, i, &entry);
		if (entry.d_tag == tag)
			return entry.d_un.d_val;
	}
	return 0;
}

bool dynamic_has_textrel(const struct dynamic *dynamic)
{
	return dynamic->has[DT_TEXTREL] || dynamic->value[DT_FLAGS] & DF_TEXTREL;
}

static bool tag_in(const int64_t *tags, int64_t tag)
{
	while (*tags && *tags != tag)
		tags++;
	return *tags != 0;
}

/* gABI, chapter 5, "Dynamic Section", and the GNU extensions in <elf.h>. */
enum tag_kind dynamic_tag_kind(const struct arch *arch, int64_t tag)
{
	switch (tag) {
	case DT_PLTGOT:
	case DT_HASH:
	case DT_STRTAB:
	case DT_SYMTAB:
	case DT_RELA:
	case DT_INIT:
	case DT_FINI:
	case DT_REL:
	case DT_JMPREL:
	case DT_INIT_ARRAY:
	case DT_FINI_ARRAY:
	case DT_PREINIT_ARRAY:
	case DT_SYMTAB_SHNDX:
	case DT_RELR:
	case DT_VERSYM:
	case DT_VERDEF:
	case DT_VERNEED:
	case DT_SYMBOLIC: /* nobody reads the value, but eu-elflint takes it for an address */
		return TAG_ADDRESS;
	case DT_NULL:
	case DT_NEEDED:
	case DT_PLTRELSZ:
	case DT_RELASZ:
	case DT_RELAENT:
	case DT_STRSZ:
	case DT_SYMENT:
	case DT_SONAME:
	case DT_RPATH:
	case DT_RELSZ:
	case DT_RELENT:
	case DT_PLTREL:
	case DT_TEXTREL:
	case DT_BIND_NOW:
	case DT_INIT_ARRAYSZ:
	case DT_FINI_ARRAYSZ:
	case DT_RUNPATH:
	case DT_FLAGS:
	case DT_PREINIT_ARRAYSZ:
	case DT_RELRSZ:
	case DT_RELRENT:
	case DT_RELACOUNT:
	case DT_RELCOUNT:
	case DT_FLAGS_1:
	case DT_VERDEFNUM:
	case DT_VERNEEDNUM:
	case DT_AUXILIARY:
	case DT_FILTER:
	case DT_AUDIT: /* strings, whatever the range of their tags */
	case DT_DEPAUDIT:
	case 0x7ffffffe: /* DT_USED */
	case DT_DEBUG: /* an address, but ld.so's own: 0 in the file */ return TAG_VALUE;
	}
	if (tag >= DT_ADDRRNGLO && tag <= DT_ADDRRNGHI)
		return TAG_ADDRESS;
	if (tag >= DT_VALRNGLO && tag <= DT_VALRNGHI)
		return TAG_VALUE;
	if (tag_in(arch->address_tags, tag))
		return TAG_ADDRESS;
	return tag_in(arch->value_tags, tag) ? TAG_VALUE : TAG_UNKNOWN;
}

static void decode_entry(struct dynamic *d, const GElf_Dyn *entry)
{
	if (entry->d_tag > DT_NULL && entry->d_tag < DYNAMIC_TAGS) {
		d->value[entry->d_tag] = entry->d_un.d_val;
		d->has[entry->d_tag] = true;
		return;
	}
	switch (entry->d_tag) {
	case DT_FLAGS_1: d->flags_1 = entry->d_un.d_val; break;
	case DT_RELACOUNT:
	case DT_RELCOUNT: d->relacount = entry->d_un.d_val; break;
	case DT_GNU_PRELINKED: d->gnu_prelinked = entry->d_un.d_val; break;
	case DT_CHECKSUM: d->checksum = entry->d_un.d_val; break;
	case DT_GNU_HASH: d->gnu_hash = entry->d_un.d_ptr; break;
	case DT_VERSYM: d->versym = entry->d_un.d_ptr; break;
	case DT_VERDEF: d->verdef = entry->d_un.d_ptr; break;
	case DT_VERNEED: d->verneed = entry->d_un.d_ptr; break;
	}
}

/* Bytes of TABLE without those of DT_JMPREL: some linkers let DT_RELASZ cover that as well, and ld.so does
 * not apply it twice either. */
static uint64_t without_jmprel(const struct dynamic *d, const struct table *table)
{
	if (d->jmprel.size == 0 || table->size < d->jmprel.size ||
	    table->offset + table->size != d->jmprel.offset + d->jmprel.size)
		return table->size;
	return table->size - d->jmprel.size;
}

struct relocs dynamic_relocs(const struct dynamic *d, const struct elf_image *image, enum reloc_table table)
{
	switch (table) {
	case RELOCS_REL: return relocs_at(image, d->rel.offset, without_jmprel(d, &d->rel), false);
	case RELOCS_RELA: return relocs_at(image, d->rela.offset, without_jmprel(d, &d->rela), true);
	default: return relocs_at(image, d->jmprel.offset, d->jmprel.size, d->jmprel_is_rela);
	}
}

/* Fills TABLE from the tags that give its address and size.  Absent tables are fine. */
static int find_table(const struct dynamic *d, const struct elf_image *image, const char *what, int64_t tag,
		      int64_t size_tag, struct table *table)
{
	if (!d->has[tag] || !d->has[size_tag] || d->value[size_tag] == 0)
		return 0;
	table->address = d->value[tag];
	table->size = d->value[size_tag];
	if (!elf_image_offset(image, table->address, table->size, &table->offset))
		return diag_error(image->path,
				  "reading the dynamic section: %s lies outside the segments; "
				  "the file is damaged",
				  what);
	return 0;
}

static int too_many(const struct elf_image *image, const char *what, int limit)
{
	return diag_error(
		image->path,
		"reading the dynamic section: it has more than the %d %s that are looked at; left alone",
		limit, what);
}

static int check_entry_size(const struct dynamic *d, const struct elf_image *image, int64_t tag, size_t size)
{
	if (d->has[tag] && d->value[tag] != size)
		return diag_error(image->path,
				  "reading the dynamic section: tag %ld is %lu, not %zu; the file "
				  "is damaged",
				  (long)tag, (unsigned long)d->value[tag], size);
	return 0;
}

/* Highest symbol index + 1 that the GNU hash table reaches, as glibc would walk it.  0 if malformed. */
static size_t gnu_hash_symbols(const struct dynamic *d, const struct elf_image *image)
{
	uint64_t at;

	if (!elf_image_offset(image, d->gnu_hash, 16, &at))
		return 0;
	uint64_t buckets = elf_get32(image, at), base = elf_get32(image, at + 4);
	uint64_t bloom = elf_get32(image, at + 8);
	uint64_t bucket_at, last = 0;
	GElf_Addr bucket_address = d->gnu_hash + 16 + bloom * elf_word_size(image);

	if (!elf_image_offset(image, bucket_address, buckets * 4, &bucket_at))
		return 0;
	for (uint64_t i = 0; i < buckets; i++)
		if (elf_get32(image, bucket_at + 4 * i) > last)
			last = elf_get32(image, bucket_at + 4 * i);
	if (last < base)
		return base; /* nothing is defined: the symbols below base are undefined ones */
	for (;; last++) {
		uint64_t chain;
		if (!elf_image_offset(image, bucket_address + 4 * buckets + 4 * (last - base), 4, &chain))
			return 0;
		if (elf_get32(image, chain) & 1)
			return last + 1;
	}
}

static int check_counts(const struct dynamic *d, const struct elf_image *image)
{
	size_t count = 0;

	for (int table = 0; table < RELOC_TABLES; table++) {
		struct relocs relocs = dynamic_relocs(d, image, table);
		count += relocs_count(&relocs);
	}
	if (count > LIMIT_RELOCS)
		return too_many(image, "relocations", LIMIT_RELOCS);
	if (d->relr.size / elf_word_size(image) > LIMIT_RELR)
		return too_many(image, "entries of DT_RELR", LIMIT_RELR);
	return 0;
}

static size_t count_symbols(const struct dynamic *d, const struct elf_image *image)
{
	unsigned word = arch_hash_word(image);
	uint64_t at;
	size_t count = 0;

	if (d->hash && elf_image_offset(image, d->hash, 2 * word, &at)) /* nbucket, nchain */
		count = word == 8 ? elf_get64(image, at + word) : elf_get32(image, at + word);
	if (d->gnu_hash) {
		size_t hashed = gnu_hash_symbols(d, image);
		if (hashed > count)
			count = hashed;
	}
	return count;
}

/* A relocation may name an undefined symbol that no hash table covers. */
static size_t symbols_in_relocs(struct relocs relocs, size_t count)
{
	GElf_Rela reloc;

	while (relocs_next(&relocs, &reloc))
		if (GELF_R_SYM(reloc.r_info) >= count)
			count = GELF_R_SYM(reloc.r_info) + 1;
	return count;
}

static int find_symbols(struct dynamic *d, const struct elf_image *image)
{
	if (!d->has[DT_SYMTAB])
		return 0;
	size_t count = count_symbols(d, image);
	for (int table = 0; table < RELOC_TABLES; table++)
		count = symbols_in_relocs(dynamic_relocs(d, image, table), count);
	if (count == 0)
		return 0;
	if (count > LIMIT_SYMBOLS)
		return too_many(image, "symbols", LIMIT_SYMBOLS);
	d->symtab.address = d->value[DT_SYMTAB];
	if (count > image->size / elf_sym_size(image) ||
	    !elf_image_offset(image, d->symtab.address, count * elf_sym_size(image), &d->symtab.offset))
		return diag_error(image->path,
				  "reading the dynamic section: %zu dynamic symbols do not fit "
				  "their segment; the file is damaged",
				  count);
	d->symtab.size = count * elf_sym_size(image);
	d->symbol_count = count;
	return 0;
}

/* True where memory at ADDRESS holds SIZE zeroes that are not in the file, but belong to a segment. */
static bool is_cleared(const struct elf_image *image, GElf_Addr address, uint64_t size)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr >= p->p_filesz &&
		    address - p->p_vaddr <= p->p_memsz && size <= p->p_memsz - (address - p->p_vaddr))
			return true;
	}
	return false;
}

/* Entry INDEX as ld.so finds it, who stops at DT_NULL only, also where PT_DYNAMIC ends before one: then the
 * next bytes of memory are read, a GOT most often.  False where that is nothing that the file decides. */
static bool entry_in_memory(const struct dynamic *d, const struct elf_image *image, size_t index,
			    GElf_Dyn *entry)
{
	size_t step = elf_dyn_size(image);
	uint64_t offset;

	if (elf_image_offset(image, d->address + index * step, step, &offset) &&
	    offset == d->offset + index * step) {
		dynamic_entry(d, image, index, entry);
		return true;
	}
	*entry = (GElf_Dyn){ .d_tag = DT_NULL };
	return is_cleared(image, d->address + index * step, step);
}

int dynamic_init(struct dynamic *d, const struct elf_image *image)
{
	const GElf_Phdr *segment = elf_image_find_phdr(image, PT_DYNAMIC);
	size_t entries, i;

	*d = (struct dynamic){ 0 };
	if (!segment || segment->p_filesz == 0)
		return 1;
	d->address = segment->p_vaddr;
	/* ld.so reads memory, not the file: where the two differ, the file is damaged. */
	if (!elf_image_offset(image, segment->p_vaddr, segment->p_filesz, &d->offset) ||
	    d->offset != segment->p_offset)
		return diag_error(image->path,
				  "reading the dynamic section: it lies outside the loaded "
				  "segments; the file is damaged, or only has debugging information");
	entries = segment->p_filesz / elf_dyn_size(image);
	for (i = 0;; i++) {
		GElf_Dyn entry;

		if (i == LIMIT_DYNAMIC)
			return too_many(image, "entries", LIMIT_DYNAMIC);
		if (!entry_in_memory(d, image, i, &entry))
			return diag_error(image->path,
					  "reading the dynamic section: neither it nor what follows it "
					  "has an end (DT_NULL); the file is damaged");
		d->null = entry.d_un.d_val;
		if (entry.d_tag == DT_NULL)
			break;
		decode_entry(d, &entry);
	}
	d->unended = i >= entries;
	d->count = i;
	for (i++; i < entries && d->spare < SPARE_MAX; i++) {
		GElf_Dyn entry;
		dynamic_entry(d, image, i, &entry);
		if (entry.d_tag != DT_NULL)
			break;
		d->spare++;
	}
	d->pltgot = d->value[DT_PLTGOT];
	if (d->has[DT_HASH])
		d->hash = d->value[DT_HASH];
	d->jmprel_is_rela = d->value[DT_PLTREL] == DT_RELA;
	if (check_entry_size(d, image, DT_SYMENT, elf_sym_size(image)) ||
	    check_entry_size(d, image, DT_RELENT, elf_rel_size(image)) ||
	    check_entry_size(d, image, DT_RELAENT, elf_rela_size(image)) ||
	    check_entry_size(d, image, DT_RELRENT, elf_word_size(image)) ||
	    find_table(d, image, "DT_STRTAB", DT_STRTAB, DT_STRSZ, &d->strtab) ||
	    find_table(d, image, "DT_REL", DT_REL, DT_RELSZ, &d->rel) ||
	    find_table(d, image, "DT_RELA", DT_RELA, DT_RELASZ, &d->rela) ||
	    find_table(d, image, "DT_JMPREL", DT_JMPREL, DT_PLTRELSZ, &d->jmprel) ||
	    find_table(d, image, "DT_RELR", DT_RELR, DT_RELRSZ, &d->relr) ||
	    find_table(d, image, "DT_INIT_ARRAY", DT_INIT_ARRAY, DT_INIT_ARRAYSZ, &d->init_array) ||
	    find_table(d, image, "DT_FINI_ARRAY", DT_FINI_ARRAY, DT_FINI_ARRAYSZ, &d->fini_array) ||
	    find_table(d, image, "DT_PREINIT_ARRAY", DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, &d->preinit_array))
		return -1;
	return check_counts(d, image) ? -1 : find_symbols(d, image);
}
