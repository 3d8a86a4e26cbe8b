/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding what may be shadowed; see shadowed.h. */
#include "plan/shadowed.h"

#include <pthread.h>
#include <stdlib.h>

#include "alloc.h"

/* A shadow in the making. */
struct candidate {
	struct shadow shadow;
	bool named;   /* a relocation asks for it by name */
	bool reached; /* there is another way to it */
};

struct candidates {
	struct candidate *item; /* by ascending start */
	size_t count;
};

/* _ZTV is a virtual table, _ZTT one of virtual tables, _ZTI a type. */
static bool is_table(const struct bind_object *by, const GElf_Sym *sym)
{
	size_t most;
	const char *name = symbols_string(&by->symbols, sym->st_name, &most);

	return GELF_ST_TYPE(sym->st_info) == STT_OBJECT && GELF_ST_BIND(sym->st_info) == STB_WEAK &&
	       GELF_ST_VISIBILITY(sym->st_other) == STV_DEFAULT && sym->st_shndx != SHN_UNDEF &&
	       sym->st_shndx < SHN_LORESERVE && sym->st_size &&
	       sym->st_value + sym->st_size > sym->st_value && most > 4 && strncmp(name, "_ZT", 3) == 0 &&
	       (name[3] == 'V' || name[3] == 'T' || name[3] == 'I');
}

static int by_start(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	if (left->shadow.start != right->shadow.start)
		return left->shadow.start < right->shadow.start ? -1 : 1;
	return left->shadow.symbol < right->shadow.symbol ? -1 : left->shadow.symbol > right->shadow.symbol;
}

static void collect(const struct bind_object *by, struct candidates *list)
{
	GElf_Sym sym;

	for (uint32_t i = 1; i < by->symbols.count; i++) {
		symbols_get(&by->symbols, i, &sym);
		if (!is_table(by, &sym))
			continue;
		ALLOC_NEXT(list->item, list->count);
		list->item[list->count++] =
			(struct candidate){ .shadow = { sym.st_value, sym.st_value + sym.st_size, i } };
	}
	if (list->count)
		qsort(list->item, list->count, sizeof *list->item, by_start);
	for (size_t i = 1; i < list->count; i++)
		if (list->item[i].shadow.start < list->item[i - 1].shadow.end)
			list->item[i].reached = list->item[i - 1].reached = true;
}

/* The last candidate that starts at ADDRESS or before, if ADDRESS lies in it; else NULL. */
static struct candidate *find_candidate(const struct candidates *list, GElf_Addr address)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->item[middle].shadow.start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < list->item[low - 1].shadow.end ? &list->item[low - 1] : NULL;
}

static void reach(const struct candidates *list, GElf_Addr address)
{
	struct candidate *found = find_candidate(list, address);

	if (found)
		found->reached = true;
}

static void reach_by_symbols(const struct bind_object *by, const struct candidates *list)
{
	GElf_Sym sym;

	for (uint32_t i = 1; i < by->symbols.count; i++) {
		symbols_get(&by->symbols, i, &sym);
		struct candidate *found = sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) == STT_TLS ?
						  NULL :
						  find_candidate(list, sym.st_value);
		if (found && found->shadow.symbol != i)
			found->reached = true;
	}
}

static void reach_by_relocs(const struct bind_object *by, const struct binding_list *relocs,
			    const struct candidates *list)
{
	GElf_Sym sym;

	for (size_t i = 0; i < relocs->count; i++) {
		const struct binding *reloc = &relocs->item[i];

		if (reloc->symbol == 0 || reloc->symbol >= by->symbols.count)
			continue;
		symbols_get(&by->symbols, reloc->symbol, &sym);
		struct candidate *found = find_candidate(list, sym.st_value);
		if (found && found->shadow.symbol == reloc->symbol)
			found->named = true;
		if (reloc->result == BINDING_SELF)
			reach(list, reloc->value + (GElf_Addr)reloc->addend);
	}
	for (int table = RELOCS_RELA; table <= RELOCS_PLT; table++) {
		struct relocs walk = dynamic_relocs(&by->dynamic, &by->image, table);
		GElf_Rela reloc;
		while (relocs_next(&walk, &reloc))
			if (GELF_R_TYPE(reloc.r_info) == by->object->arch->r_relative)
				reach(list, (GElf_Addr)reloc.r_addend);
	}
}

static void find_all(struct bind_object *by, const struct binding_list *relocs)
{
	struct candidates list = { 0 };
	struct shadows *shadows = &by->shadows;

	shadows->known = true;
	/* Addends in place (REL, RELR) are not looked at. */
	if (by->symbolic || by->dynamic.relr.size || !by->object->arch->rela ||
	    (by->dynamic.jmprel.size && !by->dynamic.jmprel_is_rela))
		return;
	collect(by, &list);
	if (list.count) {
		reach_by_symbols(by, &list);
		reach_by_relocs(by, relocs, &list);
	}
	shadows->item = xreallocarray(NULL, list.count + 1, sizeof *shadows->item);
	for (size_t i = 0; i < list.count; i++)
		if (list.item[i].named && !list.item[i].reached)
			shadows->item[shadows->count++] = list.item[i].shadow;
	free(list.item);
}

static int compare_address(const void *key, const void *element)
{
	const struct shadow *shadow = element;
	GElf_Addr address = *(const GElf_Addr *)key;

	return address < shadow->start ? -1 : address >= shadow->end;
}

const struct shadow *shadows_find(struct bind_object *by, const struct binding_list *relocs,
				  GElf_Addr address)
{
	/* The object may be another thread's as well; and this is asked for a few words of a few objects. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!by->shadows.known)
		find_all(by, relocs);
	pthread_mutex_unlock(&lock);
	if (by->shadows.count == 0)
		return NULL;
	return bsearch(&address, by->shadows.item, by->shadows.count, sizeof *by->shadows.item,
		       compare_address);
}
