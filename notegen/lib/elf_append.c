/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adding and removing a section at the end of an ELF file; see elf_append.h.
 *
 * Section header numbering follows the gABI, chapter 4: from SHN_LORESERVE sections on, e_shnum is 0
 * and section header 0 has the count in sh_size; e_shstrndx SHN_XINDEX puts the index in its sh_link. */
#include "elf_append.h"

#include <stdio.h>
#include <stdlib.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"

#define CONTENT_ALIGN 4
#define TABLE_ALIGN 8

/* How the file ended before a section was added: lies right before the section header table that we
 * wrote, described by no header.  32 bytes, in the byte order of the file. */
static const char record_magic[] = { 'e', 'l', 'f', 'e', 'n', 'd', 'e', 'd' };
enum {
	RECORD_MAGIC = 0,  /* 8 bytes */
	RECORD_SIZE = 8,   /* u64: the file's size */
	RECORD_SHOFF = 16, /* u64: e_shoff */
	RECORD_SHNUM = 24, /* u32: e_shnum as stored */
	RECORD_ZERO = 28,  /* u32: 0 */
	RECORD_BYTES = 32,
};

/* True if what S says of offset and size was checked, and means bytes of the file. */
static bool is_in_file(const GElf_Shdr *s)
{
	return s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL;
}

static bool has_file_bytes(const GElf_Shdr *s)
{
	return is_in_file(s) && s->sh_size != 0;
}

struct range {
	uint64_t start, end; /* file offsets */
	size_t section;      /* 0: the ELF header; shnum: the section header table */
};

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int report_overlap(const struct elf_image *image, const struct range *a, const struct range *b)
{
	char name[2][64];
	const struct range *pair[2] = { a, b };

	for (int i = 0; i < 2; i++)
		if (pair[i]->section == 0)
			strcpy(name[i], "the ELF header");
		else if (pair[i]->section == image->shnum)
			strcpy(name[i], "the section header table");
		else
			snprintf(name[i], sizeof name[i], "section %zu (%.32s)", pair[i]->section,
				 elf_image_section_name(image, pair[i]->section));
	return diag_error(image->path,
			  "changing its sections: %s and %s overlap in the file; left alone, the "
			  "file is damaged or of an unusual linker",
			  name[0], name[1]);
}

/* 0 if no two sections share bytes of the file with each other, with the ELF header or with the section
 * header table, which we are going to replace. */
static int check_overlap(const struct elf_image *image)
{
	struct range *range = xcalloc(image->shnum + 1, sizeof *range);
	size_t count = 0;
	int result = 0;

	range[count++] = (struct range){ 0, elf_ehdr_size(image), 0 };
	range[count++] = (struct range){ image->ehdr.e_shoff,
					 image->ehdr.e_shoff + image->shnum * elf_shdr_size(image),
					 image->shnum };
	for (size_t i = 1; i < image->shnum; i++) {
		const GElf_Shdr *s = &image->shdr[i];

		if (has_file_bytes(s))
			range[count++] = (struct range){ s->sh_offset, s->sh_offset + s->sh_size, i };
	}
	qsort(range, count, sizeof *range, compare_ranges);
	for (size_t i = 1; i < count && result == 0; i++)
		if (range[i].start < range[i - 1].end)
			result = report_overlap(image, &range[i - 1], &range[i]);
	free(range);
	return result;
}

/* 0 if nothing but a little padding follows what the headers describe. */
static int check_trailing(const struct elf_image *image)
{
	uint64_t extra = elf_image_trailing(image);

	if (extra)
		return diag_error(image->path,
				  "changing its sections: %lu bytes follow the end of the ELF file (an "
				  "archive or a signature?) and could be lost; left alone",
				  (unsigned long)extra);
	return 0;
}

static int check_suitable(const struct elf_image *image)
{
	if (image->shnum == 0)
		return diag_error(image->path, "adding a section: the file has no section headers (they were "
					       "stripped); left alone");
	if (image->shstrndx == 0)
		return diag_error(image->path,
				  "adding a section: the file has no section name table; left alone");
	if (image->shdr[image->shstrndx].sh_flags & SHF_ALLOC)
		return diag_error(image->path,
				  "adding a section: the section name table is part of the program's "
				  "memory and cannot grow; left alone");
	/* A name beyond the end of the table would begin to say something when the table grows. */
	for (size_t i = 0; i < image->shnum; i++)
		if (image->shdr[i].sh_name >= image->shdr[image->shstrndx].sh_size)
			return diag_error(image->path,
					  "adding a section: the name of section %zu lies outside of the "
					  "name table; left alone, the file is damaged",
					  i);
	return check_overlap(image) ? -1 : check_trailing(image);
}

/* Puts COUNT sections and the name table's index NAMES into EHDR and, where it carries them, FIRST. */
static void set_counts(GElf_Ehdr *ehdr, GElf_Shdr *first, size_t count, size_t names)
{
	if (count >= SHN_LORESERVE)
		ehdr->e_shnum = 0;
	else if (ehdr->e_shnum != 0)
		ehdr->e_shnum = (uint16_t)count;
	if (ehdr->e_shnum == 0)
		first->sh_size = count;
	if (ehdr->e_shstrndx == SHN_XINDEX)
		first->sh_link = (uint32_t)names;
	else
		ehdr->e_shstrndx = (uint16_t)names;
}

/* Where the parts of the tail go: file offsets. */
struct plan {
	uint64_t content, names, record, table, end;
	size_t names_size; /* bytes of the new name table */
};

static int plan_tail(const struct elf_image *image, const char *name, size_t size, struct plan *plan)
{
	const GElf_Shdr *names = &image->shdr[image->shstrndx];
	uint64_t limit = image->is64 ? INT64_MAX : UINT32_MAX;

	plan->names_size = names->sh_size + strlen(name) + 1;
	plan->content = align_up(image->size, CONTENT_ALIGN);
	plan->names = plan->content + size;
	plan->record = align_up(plan->names + plan->names_size, TABLE_ALIGN);
	plan->table = plan->record + RECORD_BYTES;
	plan->end = plan->table + (image->shnum + 1) * elf_shdr_size(image);
	if (plan->end > limit || names->sh_size > UINT32_MAX)
		return diag_error(image->path,
				  "adding a section: the file would be too large for its ELF class; "
				  "left alone");
	return 0;
}

/* Fills the new section header table, which is at TABLE in TAIL, and EHDR's fields for it. */
static void build_table(const struct elf_image *image, struct elf_image *tail, uint64_t table,
			const struct plan *plan, GElf_Ehdr *ehdr, GElf_Shdr *added)
{
	size_t entry = elf_shdr_size(image);
	GElf_Shdr names = image->shdr[image->shstrndx], first = image->shdr[0];

	memcpy(tail->data + table, image->data + image->ehdr.e_shoff, image->shnum * entry);
	set_counts(ehdr, &first, image->shnum + 1, image->shstrndx);
	ehdr->e_shoff = plan->table;
	added->sh_name = (uint32_t)names.sh_size;
	added->sh_offset = plan->content;
	names.sh_offset = plan->names;
	names.sh_size = plan->names_size;
	elf_put_shdr(tail, table, &first);
	elf_put_shdr(tail, table + image->shstrndx * entry, &names);
	elf_put_shdr(tail, table + image->shnum * entry, added);
}

int elf_append_section(const struct elf_image *image, const char *name, uint32_t type, const void *content,
		       size_t size, struct elf_append *append)
{
	struct plan plan;

	*append = (struct elf_append){ 0 };
	if (check_suitable(image) || plan_tail(image, name, size, &plan))
		return -1;

	const GElf_Shdr *names = &image->shdr[image->shstrndx];
	GElf_Shdr added = { .sh_type = type, .sh_size = size, .sh_addralign = CONTENT_ALIGN };
	GElf_Ehdr ehdr = image->ehdr;

	append->head_size = elf_ehdr_size(image);
	append->keep = image->size;
	append->tail_size = plan.end - image->size;
	append->tail = xcalloc(1, append->tail_size);

	/* Images over the new bytes, to write records of this class and byte order into them. */
	struct elf_image head = { .data = append->head,
				  .size = append->head_size,
				  .is64 = image->is64,
				  .big_endian = image->big_endian };
	struct elf_image tail = head;
	tail.data = append->tail;
	tail.size = append->tail_size;

	memcpy(tail.data + (plan.content - image->size), content, size);
	memcpy(tail.data + (plan.names - image->size), image->data + names->sh_offset, names->sh_size);
	memcpy(tail.data + (plan.names - image->size) + names->sh_size, name, strlen(name) + 1);

	uint64_t record = plan.record - image->size;
	memcpy(tail.data + record + RECORD_MAGIC, record_magic, sizeof record_magic);
	elf_put64(&tail, record + RECORD_SIZE, image->size);
	elf_put64(&tail, record + RECORD_SHOFF, ehdr.e_shoff);
	elf_put32(&tail, record + RECORD_SHNUM, ehdr.e_shnum);

	build_table(image, &tail, plan.table - image->size, &plan, &ehdr, &added);
	elf_put_ehdr(&head, &ehdr);
	return 0;
}

/* True if IMAGE's ELF header and everything after ADDED->keep are what ADDED says. */
static bool same_file(const struct elf_image *image, const struct elf_append *added,
		      const unsigned char *head)
{
	return added->keep <= image->size && added->tail_size == image->size - added->keep &&
	       memcmp(head, added->head, added->head_size) == 0 &&
	       memcmp(image->data + added->keep, added->tail, added->tail_size) == 0;
}

/* What the record says the file was, in SIZE and EHDR; false where there is none, or it cannot be true. */
static bool read_record(const struct elf_image *image, size_t index, uint64_t *size, GElf_Ehdr *ehdr)
{
	uint64_t table = image->ehdr.e_shoff, record = table - RECORD_BYTES;

	if (index != image->shnum - 1 || table < RECORD_BYTES ||
	    memcmp(image->data + record, record_magic, sizeof record_magic) != 0)
		return false;
	*size = elf_get64(image, record + RECORD_SIZE);
	*ehdr = image->ehdr;
	ehdr->e_shoff = elf_get64(image, record + RECORD_SHOFF);
	ehdr->e_shnum = (uint16_t)elf_get32(image, record + RECORD_SHNUM);
	return *size >= elf_ehdr_size(image) && *size <= image->shdr[index].sh_offset && ehdr->e_shoff != 0 &&
	       ehdr->e_shoff < *size && image->shnum - 1 <= (*size - ehdr->e_shoff) / elf_shdr_size(image);
}

/* Builds the original in APPEND if adding section INDEX to it gives IMAGE exactly.  1 if so, 0 if not,
 * -1 after a message. */
static int restore(struct elf_image *image, size_t index, struct elf_append *append)
{
	const GElf_Shdr *s = &image->shdr[index];
	GElf_Ehdr now = image->ehdr, ehdr;
	unsigned char head[sizeof append->head];
	struct elf_append again = { 0 };
	struct elf_image old;
	uint64_t size;
	int result = 0;

	if (!is_in_file(s) || !read_record(image, index, &size, &ehdr))
		return 0;
	memcpy(head, image->data, elf_ehdr_size(image));
	elf_put_ehdr(image, &ehdr);
	append->head_size = elf_ehdr_size(image);
	append->keep = size;
	memcpy(append->head, image->data, append->head_size);

	if (elf_image_init(&old, image->data, size, image->path) != ELF_IMAGE_OK)
		result = -1;
	else if (elf_append_section(&old, elf_image_section_name(image, index), s->sh_type,
				    image->data + s->sh_offset, s->sh_size, &again))
		result = -1;
	else
		result = same_file(image, &again, head);
	elf_append_release(&again);
	elf_image_release(&old);
	elf_put_ehdr(image, &now);
	return result;
}

/* A section index after section GONE went. */
static uint32_t renumber(uint32_t index, size_t gone)
{
	return index > gone ? index - 1 : index == gone ? 0 : index;
}

/* Renumbers what the symbols, extended indices and groups in section S say. */
static void renumber_contents(struct elf_image *image, const GElf_Shdr *s, size_t gone)
{
	bool symbols = s->sh_type == SHT_SYMTAB || s->sh_type == SHT_DYNSYM;
	size_t entry = symbols ? elf_sym_size(image) : sizeof(Elf32_Word);
	size_t first = s->sh_type == SHT_GROUP; /* word 0 of a group is its flags */

	if (!symbols && s->sh_type != SHT_GROUP && s->sh_type != SHT_SYMTAB_SHNDX)
		return;
	for (size_t i = first; i < s->sh_size / entry; i++) {
		uint64_t offset = s->sh_offset + i * entry;
		GElf_Sym symbol;

		if (!symbols) {
			elf_put32(image, offset, renumber(elf_get32(image, offset), gone));
			continue;
		}
		elf_get_sym(image, offset, &symbol);
		if (symbol.st_shndx >= SHN_LORESERVE || symbol.st_shndx < gone)
			continue;
		/* A symbol of the section that goes keeps its value: that of nothing. */
		symbol.st_shndx = symbol.st_shndx == gone ? SHN_ABS : symbol.st_shndx - 1;
		elf_put_sym(image, offset, &symbol);
	}
}

/* Bytes that what follows section S in the file can move down by without losing its alignment; 0 where
 * something follows that must not move. */
static uint64_t movable(const struct elf_image *image, const GElf_Shdr *s)
{
	uint64_t align = TABLE_ALIGN;

	for (size_t i = 0; i < image->phnum; i++)
		if (image->phdr[i].p_type != PT_NULL && image->phdr[i].p_filesz &&
		    image->phdr[i].p_offset + image->phdr[i].p_filesz > s->sh_offset)
			return 0;
	if (image->phnum && image->ehdr.e_phoff > s->sh_offset)
		return 0;
	for (size_t i = 1; i < image->shnum; i++) {
		const GElf_Shdr *other = &image->shdr[i];

		if (other->sh_offset <= s->sh_offset || !has_file_bytes(other))
			continue;
		if (other->sh_flags & SHF_ALLOC || other->sh_addralign & (other->sh_addralign - 1))
			return 0;
		if (align < other->sh_addralign)
			align = other->sh_addralign;
	}
	return s->sh_size & ~(align - 1);
}

/* Writes the section header table without entry GONE, everything behind CUT having moved down by DELTA.
 * Returns the file offset of its end. */
static uint64_t rewrite_table(struct elf_image *image, size_t gone, uint64_t cut, uint64_t delta)
{
	size_t entry = elf_shdr_size(image), names = renumber((uint32_t)image->shstrndx, gone);
	GElf_Ehdr ehdr = image->ehdr;

	if (ehdr.e_shoff > cut)
		ehdr.e_shoff -= delta;
	set_counts(&ehdr, &image->shdr[0], image->shnum - 1, names);
	for (size_t i = 0; i < image->shnum; i++) {
		GElf_Shdr s = image->shdr[i];

		if (i == gone)
			continue;
		if (i && s.sh_offset > cut && !(s.sh_flags & SHF_ALLOC))
			s.sh_offset -= delta;
		if (i)
			s.sh_link = renumber(s.sh_link, gone);
		if (s.sh_flags & SHF_INFO_LINK || s.sh_type == SHT_REL || s.sh_type == SHT_RELA)
			s.sh_info = renumber(s.sh_info, gone);
		elf_put_shdr(image, ehdr.e_shoff + renumber((uint32_t)i, gone) * entry, &s);
	}
	uint64_t end = ehdr.e_shoff + (image->shnum - 1) * entry;
	memset(image->data + end, 0, entry);
	elf_put_ehdr(image, &ehdr);
	return end;
}

/* Takes section INDEX out of a copy of the whole file, as the file is now. */
static int cut_out(const struct elf_image *image, size_t index, struct elf_append *append)
{
	struct elf_image copy;
	GElf_Shdr s = image->shdr[index];

	if (check_overlap(image) || check_trailing(image))
		return -1;
	if (s.sh_flags & SHF_ALLOC || index == image->shstrndx || !is_in_file(&s))
		return diag_error(image->path,
				  "removing section %zu (%s): it is not one that was added; left alone",
				  index, elf_image_section_name(image, index));

	*append = (struct elf_append){ .tail = xmalloc(image->size), .tail_size = image->size };
	memcpy(append->tail, image->data, image->size);
	if (elf_image_init(&copy, append->tail, image->size, image->path) != ELF_IMAGE_OK)
		return -1;

	uint64_t delta = movable(&copy, &s), end = s.sh_offset + s.sh_size;
	for (size_t i = 1; i < copy.shnum; i++)
		renumber_contents(&copy, &copy.shdr[i], index);
	memset(copy.data + s.sh_offset, 0, s.sh_size);
	memmove(copy.data + end - delta, copy.data + end, copy.size - end);
	append->tail_size -= delta;
	if (rewrite_table(&copy, index, s.sh_offset, delta) + elf_shdr_size(&copy) == append->tail_size)
		append->tail_size -= elf_shdr_size(&copy); /* the table was last, and is shorter now */
	elf_image_release(&copy);
	return 0;
}

int elf_remove_section(struct elf_image *image, size_t index, struct elf_append *append)
{
	*append = (struct elf_append){ 0 };

	int restored = restore(image, index, append);
	if (restored > 0)
		return 0;
	if (restored == 0 && cut_out(image, index, append) == 0)
		return 0;
	elf_append_release(append);
	return -1;
}

int elf_append_open(struct elf_image *image, struct elf_append *append, struct elf_image *result)
{
	enum elf_image_status status;

	if (append->keep) {
		memcpy(image->data, append->head, append->head_size);
		status = elf_image_init(result, image->data, append->keep, image->path);
	} else {
		status = elf_image_init(result, append->tail, append->tail_size, image->path);
	}
	if (status == ELF_IMAGE_NOT_ELF)
		diag_error(image->path, "removing a section: what remains is not an ELF file; left alone");
	return status == ELF_IMAGE_OK ? 0 : -1;
}

void elf_append_release(struct elf_append *append)
{
	free(append->tail);
	*append = (struct elf_append){ 0 };
}
