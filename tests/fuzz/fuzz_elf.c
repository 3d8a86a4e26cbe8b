/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ELF reader: everything that an image, its dynamic section and its symbols offer, and a section added
 * and taken out again, which has to give back the input. */
#include "fuzz.h"

#include <string.h>

#include "elf/dynamic.h"
#include "elf_append.h"
#include "note.h"
#include "elf/symbols.h"

#define ADDED ".added"

/* Every symbol is looked for in its own object, as every reference of another would look for it. */
static void find_symbols(const struct symbols *symbols)
{
	static const enum symbol_class classes[] = { SYMBOL_ANY, SYMBOL_PLT, SYMBOL_COPY };

	for (uint32_t i = 0; i < symbols->count && i < 64; i++) {
		struct symbol_query query = { .version = symbols_reference(symbols, i),
					      .class = classes[i % 3] };
		GElf_Sym symbol;

		symbols_get(symbols, i, &symbol);
		char *name = symbols_string_copy(symbols, symbol.st_name);
		query.name = name;
		query.gnu_hash = symbol_gnu_hash(query.name);
		REQUIRE(symbols_find(symbols, &query, &symbol) < (symbols->count ? symbols->count : 1));
		free(name);
	}
}

/* The same once more while somebody writes to the file: after all was checked, its bytes are
 * others.  They are put back. */
static void read_symbols(const struct elf_image *image, const struct dynamic *dynamic)
{
	struct symbols symbols;
	unsigned char *kept = malloc(image->size);

	if (symbols_load(&symbols, image, dynamic)) {
		free(kept);
		return;
	}
	find_symbols(&symbols);
	memcpy(kept, image->data, image->size);
	for (uint64_t seed = image->size, round = 0; round < 4; round++) {
		for (size_t i = 0; i < image->size; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			/* All ones, all zeros, small numbers, anything. */
			image->data[i] = round == 0          ? 0xfe :
					 round == 1          ? 0 :
					 round == 2 && i % 4 ? 0 :
							       seed >> 56;
		}
		find_symbols(&symbols);
	}
	memcpy(image->data, kept, image->size);
	free(kept);
	symbols_release(&symbols);
}

static void read_dynamic(const struct elf_image *image)
{
	struct dynamic dynamic;

	if (dynamic_init(&dynamic, image))
		return;
	for (size_t i = 0; i < dynamic.count; i++) {
		GElf_Dyn entry;

		dynamic_entry(&dynamic, image, i, &entry);
		char *text = dynamic_string(&dynamic, image, entry.d_un.d_val);
		if (text)
			REQUIRE(strlen(text) < image->size);
		free(text);
	}
	const struct table *tables[] = { &dynamic.strtab,     &dynamic.rel,           &dynamic.rela,
					 &dynamic.jmprel,     &dynamic.relr,          &dynamic.init_array,
					 &dynamic.fini_array, &dynamic.preinit_array, &dynamic.symtab };
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		REQUIRE(tables[i]->size == 0 || elf_image_has(image, tables[i]->offset, tables[i]->size));
	for (size_t i = 0; i < dynamic.symtab.size / elf_sym_size(image); i++) {
		GElf_Sym symbol;

		elf_get_sym(image, dynamic.symtab.offset + i * elf_sym_size(image), &symbol);
	}
	read_symbols(image, &dynamic);
}

/* The bytes that APPEND says IMAGE becomes, allocated. */
static unsigned char *apply(const struct elf_image *image, const struct elf_append *append, size_t *size)
{
	unsigned char *bytes = malloc(append->keep + append->tail_size);

	*size = append->keep + append->tail_size;
	memcpy(bytes, image->data, append->keep);
	if (append->keep)
		memcpy(bytes, append->head, append->head_size);
	if (append->tail_size)
		memcpy(bytes + append->keep, append->tail, append->tail_size);
	return bytes;
}

/* Takes any section out: whatever comes of it has to be an ELF file still. */
static void remove_some_section(struct elf_image *image)
{
	struct elf_append removed;
	struct elf_image rest;
	size_t size;

	if (image->shnum < 2 || elf_remove_section(image, 1 + image->size % (image->shnum - 1), &removed))
		return;
	unsigned char *bytes = apply(image, &removed, &size);
	if (elf_image_init(&rest, bytes, size, "rest") == ELF_IMAGE_OK)
		elf_image_release(&rest);
	elf_append_release(&removed);
	free(bytes);
}

static void add_and_remove(struct elf_image *image)
{
	struct elf_append added, removed;
	struct elf_image grown;
	size_t size, restored_size;

	if (elf_image_find_section(image, ADDED) ||
	    elf_append_section(image, ADDED, SHT_NOTE, "12345", 5, &added))
		return;
	unsigned char *bytes = apply(image, &added, &size);
	REQUIRE(elf_image_init(&grown, bytes, size, "grown") == ELF_IMAGE_OK);
	size_t index = elf_image_find_section(&grown, ADDED);
	REQUIRE(index == image->shnum && grown.shdr[index].sh_size == 5);
	REQUIRE(elf_remove_section(&grown, index, &removed) == 0);
	unsigned char *restored = apply(&grown, &removed, &restored_size);
	REQUIRE(restored_size == image->size && memcmp(restored, image->data, image->size) == 0);
	free(restored);
	free(bytes);
	elf_append_release(&added);
	elf_append_release(&removed);
	elf_image_release(&grown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);
	struct plugin_list list = { 0 };
	struct elf_image image;

	memcpy(copy, data, size);
	if (elf_image_init(&image, copy, size, "fuzz") == ELF_IMAGE_OK) {
		uint64_t offset;

		for (size_t i = 0; i < image.shnum; i++)
			REQUIRE(strlen(elf_image_section_name(&image, i)) < size);
		for (size_t i = 0; i < image.phnum; i++)
			if (elf_image_offset(&image, image.phdr[i].p_vaddr, image.phdr[i].p_filesz, &offset))
				REQUIRE(elf_image_has(&image, offset, image.phdr[i].p_filesz));
		REQUIRE(elf_image_extent(&image) <= size);
		read_dynamic(&image);
		note_read(&image, true, &list);
		remove_some_section(&image);
		add_and_remove(&image);
		REQUIRE(memcmp(copy, data, size) == 0);
		elf_image_release(&image);
	}
	plugin_list_release(&list);
	free(copy);
	return 0;
}
