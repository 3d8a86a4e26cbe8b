/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of libraries, and the conflicts, into a program; see attach_list.h. */
#include "rewrite/attach_list.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "elf/static_tls.h"

/* Bytes of Elf32_Lib, and of Elf64_Lib. */
enum { LIB_SIZE = sizeof(GElf_Lib) };

/* Where ld.so puts an object's static TLS. */
struct tls_place {
	size_t number;   /* l_tls_modid */
	uint64_t offset; /* bytes below the thread pointer: l_tls_offset */
};

/* Fills PLACE, by index in LIST's scope.  OWN is the program's, which making room may have changed. */
static void place_tls(const struct liblist *list, const GElf_Phdr *own, struct tls_place *place)
{
	struct static_tls_block block = { 0 };
	size_t number = 0;

	for (size_t i = 0; i < list->scope->count; i++) {
		const GElf_Phdr *tls = i == 0 ? own : list->tls[i];

		if (tls)
			place[i] = (struct tls_place){ ++number, static_tls_place(&block, tls) };
	}
}

/* Index of the section that holds ADDRESS first, of TYPE; 0 where there is none. */
static uint32_t section_at(const struct elf_image *image, uint32_t type, GElf_Addr address)
{
	for (size_t i = 1; i < image->shnum; i++)
		if (image->shdr[i].sh_type == type && image->shdr[i].sh_addr == address)
			return (uint32_t)i;
	return 0;
}

/* Adds one of the two sections, of records of SIZE bytes, and its tags. */
static int put_section(struct exec_room *room, const char *name, uint32_t type,
		       const struct elf_image *content, size_t size, int64_t tag, int64_t size_tag)
{
	GElf_Addr address = exec_room_section(room, name, type, 8, content->data, content->size);

	if (!address || exec_room_tag(room, tag, address) || exec_room_tag(room, size_tag, content->size))
		return -1;
	GElf_Shdr *shdr = &room->undo->section[room->undo->section_count - 1].shdr;

	shdr->sh_entsize = size;
	if (type == SHT_GNU_LIBLIST)
		shdr->sh_link = section_at(room->image, SHT_STRTAB, room->dynstr.address);
	return 0;
}

/* SIZE bytes for what goes into the program of ROOM, in its class and byte order; the caller frees `data`. */
static struct elf_image bytes_for(const struct exec_room *room, size_t size)
{
	return (struct elf_image){ .path = room->image->path,
				   .data = xcalloc(size + 1, 1),
				   .size = size,
				   .is64 = room->image->is64,
				   .big_endian = room->image->big_endian };
}

static void put_lib(struct elf_image *out, uint64_t at, uint32_t name, const GElf_Lib *lib)
{
	elf_put32(out, at, name);
	elf_put32(out, at + 4, lib->l_time_stamp);
	elf_put32(out, at + 8, lib->l_checksum);
	elf_put32(out, at + 12, lib->l_version);
	elf_put32(out, at + 16, lib->l_flags);
}

/* Adds the names, and the list that points at them. */
static int put_libs(struct exec_room *room, const struct liblist *list)
{
	struct elf_image out = bytes_for(room, list->lib_count * LIB_SIZE);
	int result = 0;

	for (size_t i = 0; i < list->lib_count; i++) {
		uint32_t name = (uint32_t)exec_room_string(room, list->name[i]);

		put_lib(&out, i * LIB_SIZE, name, &list->lib[i]);
		if (!name)
			result = -1;
	}
	if (result == 0)
		result = put_section(room, LIBLIST_SECTION, SHT_GNU_LIBLIST, &out, LIB_SIZE, DT_GNU_LIBLIST,
				     DT_GNU_LIBLISTSZ);
	free(out.data);
	return result;
}

/* Writes the conflicts FROM at AT of OUT; returns where they end. */
static uint64_t put_records(struct elf_image *out, uint64_t at, const struct conflicts *from,
			    const struct tls_place *place)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct conflict *conflict = &from->item[i];
		GElf_Rela rela = conflict->rela;

		if (conflict->part == TLS_NUMBER)
			rela.r_addend = (int64_t)place[conflict->module].number;
		else if (conflict->part == TLS_OFFSET)
			rela.r_addend -= (int64_t)place[conflict->module].offset;
		elf_put_rel(out, at, true, &rela);
		at += elf_rela_size(out);
	}
	return at;
}

static int put_conflicts(struct exec_room *room, const struct liblist *list)
{
	size_t size = elf_rela_size(room->image);
	struct elf_image out = bytes_for(room, (list->words.count + list->resolvers.count) * size);
	struct tls_place *place = NULL;

	if (list->scope) {
		place = xcalloc(list->scope->count, sizeof *place);
		place_tls(list, static_tls_find(room->image), place);
	}
	put_records(&out, put_records(&out, 0, &list->words, place), &list->resolvers, place);
	/* As SHT_RELA readers would take them for relocations of this file. */
	int result = put_section(room, CONFLICT_SECTION, SHT_PROGBITS, &out, size, DT_GNU_CONFLICT,
				 DT_GNU_CONFLICTSZ);
	free(out.data);
	free(place);
	return result;
}

static int fill_room(const void *context, struct exec_room *room)
{
	return put_libs(room, context) || put_conflicts(room, context) ? -1 : 0;
}

const struct exec_guest *attach_list_guest(struct exec_guest *guest, const struct liblist *list,
					   const struct elf_image *image)
{
	if (!list)
		return NULL;
	size_t conflicts = list->words.count + list->resolvers.count;

	*guest = (struct exec_guest){
		.want = { .bytes = list->lib_count * LIB_SIZE + conflicts * elf_rela_size(image) + 16,
			  .tags = 4 },
		.context = list,
		.fill = fill_room,
	};
	for (size_t i = 0; i < list->lib_count; i++)
		guest->want.strings += strlen(list->name[i]) + 1;
	return guest;
}

enum object_skip liblist_attach(const struct liblist *list, struct elf_image *image, struct undo *undo,
				const char **why)
{
	struct exec_guest guest;
	struct exec_room room;

	*why = NULL;
	attach_list_guest(&guest, list, image);
	enum object_skip skip = exec_room_make(&room, image, undo, &guest.want, why);

	if (skip)
		return skip;
	if (fill_room(list, &room) == 0 && exec_room_end(&room) == 0)
		return SKIP_NOT;
	*why = "there is not enough room for the list";
	return SKIP_MALFORMED;
}
