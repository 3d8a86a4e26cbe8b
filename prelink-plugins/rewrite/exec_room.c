/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making room in executables; see exec_room.h. */
#include "rewrite/exec_room.h"

#include <stdlib.h>

#include "align.h"
#include "alloc.h"
#include "elf/static_tls.h"
#include "elf_copy.h"

enum {
	PAGE_LIMIT = 65536, /* alignments above this are not kept */
	LOWEST = 65536,     /* where the kernel lets nobody map anything (vm.mmap_min_addr) */
	NOTES_LIMIT = 1024, /* bytes of notes that are moved to the front */
	MORE_SEGMENTS = 3,  /* a PT_LOAD for the room, PT_TLS, and a PT_LOAD for a moved dynamic section */
};

static enum object_skip refuse(const char **why, enum object_skip skip, const char *reason)
{
	*why = reason;
	return skip;
}

/* ---- Symbols ---- */

/* Adds BY[i] to the values of the symbols that lie in section i, of the table in section INDEX. */
static void move_table(struct elf_image *image, size_t index, const uint64_t *by)
{
	const GElf_Shdr *s = &image->shdr[index];
	size_t step = elf_sym_size(image);

	for (uint64_t at = 0; at + step <= s->sh_size; at += step) {
		GElf_Sym symbol;

		elf_get_sym(image, s->sh_offset + at, &symbol);
		if (symbol.st_shndx >= image->shnum || !by[symbol.st_shndx])
			continue;
		symbol.st_value += by[symbol.st_shndx];
		elf_put_sym(image, s->sh_offset + at, &symbol);
	}
}

/* The same of all tables: a file has one of each kind (gABI).  Frees BY. */
static void move_symbols(struct elf_image *image, uint64_t *by)
{
	bool symtab = false, dynsym = false;

	for (size_t i = 1; i < image->shnum; i++) {
		uint32_t type = image->shdr[i].sh_type;

		if ((type == SHT_SYMTAB && !symtab) || (type == SHT_DYNSYM && !dynsym))
			move_table(image, i, by);
		symtab |= type == SHT_SYMTAB;
		dynsym |= type == SHT_DYNSYM;
	}
	free(by);
}

/* ---- Static TLS ---- */

/* True if a relocation writes to [start, end). */
static bool relocs_touch(const struct elf_image *image, const struct dynamic *dynamic, GElf_Addr start,
			 GElf_Addr end)
{
	struct relr relr = dynamic_relr(dynamic, image);
	size_t word = elf_word_size(image);
	GElf_Addr address;
	GElf_Rela reloc;

	for (int table = 0; table < RELOC_TABLES; table++)
		for (struct relocs relocs = dynamic_relocs(dynamic, image, table);
		     relocs_next(&relocs, &reloc);)
			if (reloc.r_offset + word > start && reloc.r_offset < end)
				return true;
	while (relr_next(&relr, &address))
		if (address + word > start && address < end)
			return true;
	return false;
}

/* Why the alignment of PT_TLS cannot be raised; NULL where it can.  Before anything has moved. */
static const char *tls_refusal(const struct elf_image *image, const struct arch *arch,
			       const struct dynamic *dynamic)
{
	const GElf_Phdr *tls = elf_image_find_phdr(image, PT_TLS);

	if (!arch->tls_below)
		return "this machine keeps thread variables above the thread pointer";
	if (!tls)
		return NULL;
	GElf_Addr end = tls->p_vaddr + tls->p_filesz;

	if (tls->p_align & (tls->p_align - 1) || tls->p_filesz > tls->p_memsz)
		return "PT_TLS is malformed";
	if (tls->p_filesz && relocs_touch(image, dynamic, tls->p_vaddr, end))
		return "its thread variables are initialised with addresses";
	return NULL;
}

/* Raises the alignment of PT_TLS to ALIGN.  Its template, and its sections, move into the room, to an address
 * that keeps each variable at its offset from the thread pointer. */
static void raise_tls(struct exec_room *room, uint64_t align)
{
	struct elf_image *image = room->image;
	GElf_Phdr *tls = NULL;

	for (size_t i = 0; i < image->phnum; i++)
		if (image->phdr[i].p_type == PT_TLS)
			tls = &image->phdr[i];
	if (!tls) {
		tls = &image->phdr[image->phnum++];
		*tls = static_tls_smallest(room->base, align);
		tls->p_paddr = tls->p_vaddr;
		tls->p_offset = tls->p_vaddr - room->base;
		return;
	}
	if (tls->p_align >= align)
		return;
	uint64_t offset = static_tls_offset(tls);
	uint64_t at = room->next + ((-offset - room->base - room->next) & (align - 1));
	GElf_Addr to = room->base + at;

	memcpy(image->data + at, image->data + tls->p_offset, tls->p_filesz);
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (!(s->sh_flags & SHF_TLS))
			continue;
		s->sh_offset = at + (s->sh_addr - tls->p_vaddr);
		s->sh_addr = to + (s->sh_addr - tls->p_vaddr);
	}
	tls->p_vaddr = to;
	if (tls->p_paddr)
		tls->p_paddr = to;
	tls->p_offset = at;
	tls->p_align = align;
	room->next = at + tls->p_filesz;
}

/* ---- Notes ---- */

/* Moves the note segment NOTES, with its sections, into the room. */
static void move_note_segment(struct exec_room *room, GElf_Phdr *notes)
{
	struct elf_image *image = room->image;
	uint64_t start = notes->p_offset, end = start + notes->p_filesz;
	uint64_t at = align_up(room->next, notes->p_align > 4 ? notes->p_align : 4);
	uint64_t by = at - start, by_address = room->base + at - notes->p_vaddr;
	uint64_t *moved = xcalloc(image->shnum + 1, sizeof *moved);

	memcpy(image->data + at, image->data + start, notes->p_filesz);
	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p != notes &&
		    (p->p_type != PT_GNU_PROPERTY || p->p_offset < start || p->p_offset + p->p_filesz > end))
			continue;
		p->p_offset += by;
		p->p_vaddr += by_address;
		p->p_paddr = p->p_vaddr;
	}
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (s->sh_type != SHT_NOTE || !(s->sh_flags & SHF_ALLOC) || s->sh_offset < start ||
		    s->sh_offset + s->sh_size > end)
			continue;
		s->sh_offset += by;
		s->sh_addr += by_address;
		moved[i] = by_address;
	}
	move_symbols(image, moved);
	room->next = at + (end - start);
}

/* A core file has the first page of a program, and debuggers look for the build-id in it: so the notes stay
 * near the front.  Their old bytes, too, stay where they were. */
static void move_notes(struct exec_room *room)
{
	uint64_t left = NOTES_LIMIT;

	for (size_t i = 0; i < room->image->phnum; i++) {
		GElf_Phdr *p = &room->image->phdr[i];

		if (p->p_type != PT_NOTE || p->p_filesz > left || p->p_align > 8 ||
		    (p->p_align & (p->p_align - 1)))
			continue;
		left -= p->p_filesz;
		move_note_segment(room, p);
	}
}

/* ---- The front ---- */

/* First PT_LOAD, which has to hold the headers; NULL where it does not. */
static GElf_Phdr *first_load(const struct elf_image *image)
{
	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD)
			return p->p_offset == 0 && p->p_filesz >= elf_ehdr_size(image) ? p : NULL;
	}
	return NULL;
}

/* What a position-independent program's contents have to be aligned to: the strictest of its sections, as the
 * linker put them at such addresses.  Without section headers nobody knows better than the segments. */
static uint64_t content_alignment(const struct elf_image *image)
{
	uint64_t largest = image->shnum ? 1 : UINT64_MAX;

	for (size_t i = 1; i < image->shnum; i++)
		if (image->shdr[i].sh_flags & SHF_ALLOC && image->shdr[i].sh_addralign > largest)
			largest = image->shdr[i].sh_addralign;
	return largest;
}

/* Settles the segments' alignments and gives what the front has to be a multiple of; 0, and why
 * (static), where that cannot be. */
static uint64_t settle_alignment(struct elf_image *image, uint64_t page, const char **why)
{
	uint64_t largest = page, content = image->ehdr.e_type == ET_DYN ? content_alignment(image) : 1;

	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_align & (p->p_align - 1) || (p->p_vaddr - p->p_offset) % page) {
			*why = "its segments are aligned oddly";
			return 0;
		}
		if (p->p_align > PAGE_LIMIT && p->p_align > page) {
			if (content > PAGE_LIMIT) {
				*why = "its contents are aligned to more than 64 KB";
				return 0;
			}
			p->p_align = content > page ? content : page;
			elf_put_phdr(image, image->ehdr.e_phoff + i * elf_phdr_size(image), p);
		}
		if (p->p_align > largest)
			largest = p->p_align;
	}
	return largest;
}

/* Bytes that the room has to have. */
static uint64_t room_size(const struct elf_image *image, const struct dynamic *dynamic,
			  const struct exec_want *want, uint64_t tls_align)
{
	const GElf_Phdr *own = elf_image_find_phdr(image, PT_TLS);
	uint64_t size = elf_ehdr_size(image) + (image->phnum + MORE_SEGMENTS) * elf_phdr_size(image);

	if (tls_align && own)
		size += tls_align + own->p_filesz;
	if (want->strings)
		size += dynamic->strtab.size + want->strings;
	/* WANT counts the alignment of its sections; ours and the notes need less than this. */
	return size + want->bytes + 2 * NOTES_LIMIT;
}

/* Shifts what the headers say of the file. */
static void shift_headers(struct exec_room *room)
{
	struct elf_image *image = room->image;

	image->ehdr.e_phoff = elf_ehdr_size(image);
	image->ehdr.e_shoff += room->front;
	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_PHDR) {
			p->p_offset = image->ehdr.e_phoff;
			p->p_vaddr = p->p_paddr = room->base + p->p_offset;
		} else if (p->p_type != PT_NULL && (p->p_offset || p->p_filesz)) {
			p->p_offset += room->front;
		}
	}
	for (size_t i = 1; i < image->shnum; i++)
		if (image->shdr[i].sh_type != SHT_NULL)
			image->shdr[i].sh_offset += room->front;
}

/* Puts the room's segment before FIRST, which was the first one, in the program headers too: they are in
 * ascending order of addresses (gABI). */
static void add_segment(struct exec_room *room, GElf_Phdr *first)
{
	struct elf_image *image = room->image;
	GElf_Phdr segment = { .p_type = PT_LOAD,
			      .p_flags = PF_R,
			      .p_vaddr = room->base,
			      .p_paddr = first->p_paddr - (first->p_vaddr - room->base),
			      .p_filesz = room->front,
			      .p_memsz = room->front,
			      .p_align = first->p_align };

	memmove(first + 1, first, (size_t)(image->phdr + image->phnum - first) * sizeof *first);
	*first = segment;
	image->phnum++;
}

/* ---- The dynamic section ---- */

/* Sets the value of the entries with TAG. */
static void set_tag(struct exec_room *room, int64_t tag, uint64_t value)
{
	size_t step = elf_dyn_size(room->image);

	for (size_t i = 0; i < room->dynamic_count; i++) {
		GElf_Dyn entry;

		elf_get_dyn(room->image, room->dynamic_at + i * step, &entry);
		if (entry.d_tag == tag) {
			entry.d_un.d_val = value;
			elf_put_dyn(room->image, room->dynamic_at + i * step, &entry);
		}
	}
}

/* Points the headers of the dynamic section, whose address was OLD, at its new place. */
static void point_at_dynamic(struct exec_room *room, GElf_Addr old, GElf_Addr address, uint64_t size)
{
	struct elf_image *image = room->image;
	uint64_t *moved = xcalloc(image->shnum + 1, sizeof *moved);

	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_DYNAMIC)
			continue;
		p->p_vaddr = p->p_paddr = address;
		p->p_offset = room->dynamic_at;
		p->p_filesz = p->p_memsz = size;
	}
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (s->sh_type != SHT_DYNAMIC || s->sh_addr != old)
			continue;
		moved[i] = address - old; /* _DYNAMIC */
		s->sh_addr = address;
		s->sh_offset = room->dynamic_at;
		s->sh_size = size;
	}
	move_symbols(image, moved);
}

/* Moves the dynamic section to a writable segment of its own, behind all others in the file (which has
 * room for it there) and in memory. */
static void move_dynamic(struct exec_room *room, const struct dynamic *dynamic, uint64_t page)
{
	struct elf_image *image = room->image;
	size_t step = elf_dyn_size(image), last = 0;
	uint64_t size = room->dynamic_room * step, at = align_up(image->size, 16);

	for (size_t i = 0; i < image->phnum; i++)
		if (image->phdr[i].p_type == PT_LOAD)
			last = i;
	GElf_Addr end = image->phdr[last].p_vaddr + image->phdr[last].p_memsz;
	GElf_Addr address = align_up(end, page) + (at & (page - 1));
	GElf_Phdr segment = { .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_W,
			      .p_offset = at,
			      .p_vaddr = address,
			      .p_paddr = address,
			      .p_filesz = size,
			      .p_memsz = size,
			      .p_align = page };

	memcpy(image->data + at, image->data + room->dynamic_at, dynamic->count * step);
	image->size = at + size;
	room->dynamic_at = at;
	memmove(&image->phdr[last + 2], &image->phdr[last + 1], (image->phnum - last - 1) * sizeof segment);
	image->phdr[last + 1] = segment;
	image->phnum++;
	point_at_dynamic(room, dynamic->address + room->shift, address, size);
}

/* Copies .dynstr, of which OLD is the original's, into the room. */
static void move_dynstr(struct exec_room *room, const struct table *old, size_t more)
{
	struct elf_image *image = room->image;

	room->dynstr =
		(struct table){ .address = room->base + room->next, .offset = room->next, .size = old->size };
	room->dynstr_room = old->size + more;
	memcpy(image->data + room->next, image->data + room->front + old->offset, old->size);
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (s->sh_type != SHT_STRTAB || s->sh_addr != old->address + room->shift ||
		    !(s->sh_flags & SHF_ALLOC))
			continue;
		s->sh_addr = room->dynstr.address;
		s->sh_offset = room->dynstr.offset;
		s->sh_size = room->dynstr_room;
	}
	room->next += room->dynstr_room;
	set_tag(room, DT_STRTAB, room->dynstr.address);
	set_tag(room, DT_STRSZ, room->dynstr_room);
}

/* ---- In order ---- */

/* Moves a PIE up by room->front.  On the way the dead copy of its headers is kept as it was. */
static enum object_skip move_pie(struct exec_room *room, const char **why)
{
	struct elf_image *image = room->image;
	struct rebase rebase = { .delta = (int64_t)room->front };
	struct rebase_words none;
	size_t phsize = image->phnum * elf_phdr_size(image);
	unsigned char ehdr[sizeof(GElf_Ehdr)], *phdrs = xmalloc(phsize);

	memcpy(ehdr, image->data, elf_ehdr_size(image));
	memcpy(phdrs, image->data + image->ehdr.e_phoff, phsize);
	uint64_t phoff = image->ehdr.e_phoff;
	enum object_skip skip = rebase_image(image, room->undo->arch, &rebase, &none);

	*why = rebase.why;
	if (!skip) {
		memcpy(image->data, ehdr, elf_ehdr_size(image));
		memcpy(image->data + phoff, phdrs, phsize);
		elf_touch(image, 0, elf_ehdr_size(image));
		elf_touch(image, phoff, phsize);
		room->undo->delta = rebase.delta;
		room->shift = room->front;
	}
	rebase_words_release(&none);
	free(phdrs);
	return skip;
}

/* Fills the room that elf_image_grow() made with what is known already. */
static void fill_room(struct exec_room *room, const struct dynamic *dynamic, const struct exec_want *want,
		      uint64_t page)
{
	struct elf_image *image = room->image;
	size_t segments = image->phnum + MORE_SEGMENTS;

	image->phdr = xreallocarray(image->phdr, segments, sizeof *image->phdr);
	GElf_Phdr *first = first_load(image);

	shift_headers(room);
	add_segment(room, first);
	room->next = align_up(elf_ehdr_size(image) + segments * elf_phdr_size(image), 16);
	room->dynamic_at = dynamic->offset + room->front;
	room->dynamic_count = dynamic->count;
	room->dynamic_room = dynamic->count + 1 + dynamic->spare;
	if (dynamic->spare < want->tags) {
		room->dynamic_room = dynamic->count + 1 + want->tags;
		move_dynamic(room, dynamic, page);
	}
	move_notes(room);
	if (room->tls_raised)
		raise_tls(room, want->tls_align);
	if (want->strings)
		move_dynstr(room, &dynamic->strtab, want->strings);
}

enum object_skip exec_room_make(struct exec_room *room, struct elf_image *image, struct undo *undo,
				const struct exec_want *want, const char **why)
{
	const struct arch *arch = undo->arch;
	const GElf_Phdr *first = first_load(image);
	bool pie = image->ehdr.e_type == ET_DYN;
	struct dynamic dynamic;

	*room = (struct exec_room){ .image = image, .undo = undo };
	if (dynamic_init(&dynamic, image))
		return refuse(why, SKIP_MALFORMED, "no dynamic section that can be read");
	if (!first || image->ehdr.e_phnum != image->phnum || image->phnum + MORE_SEGMENTS >= PN_XNUM)
		return refuse(why, SKIP_NO_ROOM, "its first segment does not start with its headers");
	uint64_t page = settle_alignment(image, arch->page_max, why);

	if (!page)
		return SKIP_NO_ROOM;
	room->base = first->p_vaddr;
	room->tls_why = want->tls_align ? tls_refusal(image, arch, &dynamic) : "not asked for";
	room->tls_raised = !room->tls_why;
	room->front = align_up(room_size(image, &dynamic, want, room->tls_raised ? want->tls_align : 0),
			       page);
	if (!pie && room->base < room->front + LOWEST)
		return refuse(why, SKIP_NO_ROOM, "it starts at too low an address");
	if (pie) {
		enum object_skip skip = move_pie(room, why);
		if (skip)
			return skip;
	} else {
		room->base -= room->front;
	}
	undo->front = room->front;
	if (elf_image_grow(image, room->front, 16 + (dynamic.count + 1 + want->tags) * elf_dyn_size(image)))
		return refuse(why, SKIP_MALFORMED, "out of memory");
	fill_room(room, &dynamic, want, page);
	return SKIP_NOT;
}

GElf_Addr exec_room_section(struct exec_room *room, const char *name, uint32_t type, uint64_t align,
			    const void *content, size_t size)
{
	struct undo *undo = room->undo;
	uint64_t at = align_up(room->next, align);

	if (at > room->front || size > room->front - at ||
	    undo->section_count == sizeof undo->section / sizeof *undo->section)
		return 0;
	memcpy(room->image->data + at, content, size);
	undo->section[undo->section_count++] = (struct undo_section){
		.name = name,
		.shdr = { .sh_type = type,
			  .sh_flags = SHF_ALLOC,
			  .sh_addr = room->base + at,
			  .sh_offset = at,
			  .sh_size = size,
			  .sh_addralign = align },
	};
	room->next = at + size;
	return room->base + at;
}

uint64_t exec_room_string(struct exec_room *room, const char *text)
{
	size_t length = strlen(text) + 1;
	uint64_t index = room->dynstr.size;

	if (length > room->dynstr_room - index)
		return 0;
	memcpy(room->image->data + room->dynstr.offset + index, text, length);
	room->dynstr.size += length;
	return index;
}

bool exec_room_has(const struct exec_room *room, int64_t tag)
{
	for (size_t i = 0; i < room->dynamic_count; i++) {
		GElf_Dyn entry;

		elf_get_dyn(room->image, room->dynamic_at + i * elf_dyn_size(room->image), &entry);
		if (entry.d_tag == tag)
			return true;
	}
	return false;
}

int exec_room_tag(struct exec_room *room, int64_t tag, uint64_t value)
{
	GElf_Dyn entry = { .d_tag = tag, .d_un.d_val = value };

	if (room->dynamic_count + 1 >= room->dynamic_room)
		return -1;
	elf_put_dyn(room->image, room->dynamic_at + room->dynamic_count * elf_dyn_size(room->image), &entry);
	room->dynamic_count++;
	return 0;
}

int exec_room_end(struct exec_room *room)
{
	struct elf_image *image = room->image;
	GElf_Ehdr ehdr = image->ehdr;

	ehdr.e_phnum = (uint16_t)image->phnum;
	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_PHDR)
			p->p_filesz = p->p_memsz = image->phnum * elf_phdr_size(image);
		elf_put_phdr(image, ehdr.e_phoff + i * elf_phdr_size(image), p);
	}
	for (size_t i = 1; i < image->shnum; i++)
		elf_put_shdr(image, ehdr.e_shoff + i * elf_shdr_size(image), &image->shdr[i]);
	elf_put_ehdr(image, &ehdr);
	return elf_image_redecode(image, image->size);
}
