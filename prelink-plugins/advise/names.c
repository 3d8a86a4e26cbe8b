/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbols by address; see names.h. */
#include "advise/names.h"

#include <stdlib.h>

#include "alloc.h"

static int by_start(const void *a, const void *b)
{
	const struct name_at *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	/* Of two that start together the longer one first: the last one that fits is the innermost. */
	if (left->end != right->end)
		return left->end > right->end ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* The symbols of section INDEX, an SHT_SYMTAB. */
static bool open_section(struct symbols *symbols, const struct elf_image *image, size_t index)
{
	const GElf_Shdr *section = &image->shdr[index];

	if (section->sh_link >= image->shnum || image->shdr[section->sh_link].sh_type != SHT_STRTAB)
		return false;
	const GElf_Shdr *strings = &image->shdr[section->sh_link];
	if (!strings->sh_size || image->data[strings->sh_offset + strings->sh_size - 1])
		return false;
	*symbols = (struct symbols){ .image = image,
				     .table = section->sh_offset,
				     .count = section->sh_size / elf_sym_size(image),
				     .strings = (const char *)image->data + strings->sh_offset,
				     .strings_size = strings->sh_size };
	return true;
}

void names_load(struct names *names, const struct bind_object *by)
{
	struct symbols symbols = by->symbols;
	const char *file = NULL;
	GElf_Sym sym;
	size_t most;

	*names = (struct names){ 0 };
	for (size_t i = 1; i < by->image.shnum; i++)
		if (by->image.shdr[i].sh_type == SHT_SYMTAB && open_section(&symbols, &by->image, i))
			break;
	for (uint32_t i = 1; i < symbols.count; i++) {
		symbols_get(&symbols, i, &sym);
		unsigned type = GELF_ST_TYPE(sym.st_info);
		const char *name = symbols_string(&symbols, sym.st_name, &most);
		if (type == STT_FILE)
			file = *name ? name : NULL;
		if ((type != STT_FUNC && type != STT_OBJECT && type != STT_GNU_IFUNC) ||
		    sym.st_shndx == SHN_UNDEF || sym.st_shndx >= SHN_LORESERVE || !sym.st_size ||
		    sym.st_value + sym.st_size < sym.st_value)
			continue;
		ALLOC_NEXT(names->item, names->count);
		names->item[names->count++] =
			(struct name_at){ sym.st_value, sym.st_value + sym.st_size, name,
					  GELF_ST_BIND(sym.st_info) == STB_LOCAL ? file : NULL };
	}
	if (names->count)
		qsort(names->item, names->count, sizeof *names->item, by_start);
}

const struct name_at *names_find(const struct names *names, GElf_Addr address)
{
	enum { NESTED_MAX = 16 }; /* a symbol inside a symbol inside a symbol ... */
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (names->item[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = 0; i < NESTED_MAX && i < low; i++)
		if (address < names->item[low - 1 - i].end)
			return &names->item[low - 1 - i];
	return NULL;
}

void names_release(struct names *names)
{
	free(names->item);
	*names = (struct names){ 0 };
}

static int by_address(const void *a, const void *b)
{
	const GElf_Addr *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

void sort_addresses(GElf_Addr *address, size_t count)
{
	if (count)
		qsort(address, count, sizeof *address, by_address);
}
