/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of ld.so; see ldso.h. */
#include "ldso.h"

#include <elf.h>

#include "plan_format.h"
#include "text.h"

struct ldso ldso;
static ElfW(Dyn) zero;

void read_dynamic(ElfW(Dyn) *dyn, struct tags *tags)
{
	*tags = (struct tags){ 0 };
	for (; dyn->d_tag != DT_NULL; dyn++)
		switch (dyn->d_tag) {
		case DT_STRTAB: tags->strtab = dyn; break;
		case DT_SYMTAB: tags->symtab = dyn; break;
		case MACHINE_DT_REL: tags->rel = dyn; break;
		case MACHINE_DT_RELSZ: tags->relsz = dyn; break;
		case MACHINE_DT_RELCOUNT: tags->relcount = dyn; break;
		case DT_JMPREL: tags->jmprel = dyn; break;
		case DT_PLTRELSZ: tags->pltrelsz = dyn; break;
		case DT_RELRSZ: tags->relrsz = dyn; break;
		case DT_SONAME: tags->soname = dyn; break;
		case DT_FLAGS: tags->flags = dyn; break;
		case DT_CHECKSUM: tags->stamp[0] = (uint32_t)dyn->d_un.d_val; break;
		case DT_GNU_PRELINKED: tags->stamp[1] = (uint32_t)dyn->d_un.d_val; break;
		}
	if (!tags->stamp[0] && !tags->stamp[1]) {
		tags->stamp[0] = (uint32_t)dyn->d_un.d_val;
		tags->stamp[1] = (uint32_t)((uint64_t)dyn->d_un.d_val >> 32);
	}
}

static void find_tags(struct link_map *loader)
{
	ElfW(Dyn) **info = ldso_info(loader);
	const ElfW(Dyn) *versym = loader->l_ld;

	while (versym->d_tag != DT_NULL && versym->d_tag != DT_VERSYM)
		versym++;
	for (unsigned tags = LDSO_TAGS_MIN; versym->d_tag == DT_VERSYM && tags <= LDSO_TAGS_MAX; tags++)
		if (info[tags + 15] == versym) {
			ldso.tags = tags;
			return;
		}
}

static void find_scope(struct link_map *program)
{
	for (size_t at = sizeof(struct rtld_map) - 16 * sizeof(void *); at < LDSO_MAP_MAX;
	     at += sizeof(void *)) {
		const uintptr_t *word = (const uintptr_t *)((const char *)program + at);
		if (word[4] == 4 && word[5] == (uintptr_t)word && word[1] == 0 &&
		    word[0] - (uintptr_t)program < LDSO_MAP_MAX) {
			ldso.scope = at + 5 * sizeof(void *);
			ldso.global = (const struct r_scope_elem *)word[0]; /* its own l_searchlist */
			return;
		}
	}
}

/* The words behind l_info: l_phdr, l_entry, l_phnum. */
static const uintptr_t *behind_info(const struct link_map *map)
{
	return (const uintptr_t *)(((const struct rtld_map *)map)->l_info + ldso.tags + LDSO_TAGS_MORE);
}

void ldso_learn(struct link_map *program, struct link_map *loader, ElfW(Addr) phdr)
{
	find_tags(loader);
	find_scope(program);
	ldso.phdr = ldso.tags && phdr && behind_info(program)[0] == phdr;
}

const ElfW(Phdr) *ldso_phdr(const struct link_map *map, size_t *count)
{
	if (!ldso.phdr)
		return NULL;
	*count = *(const uint16_t *)&behind_info(map)[2];
	return (const ElfW(Phdr) *)behind_info(map)[0];
}

/* What ld.so adds to addresses in MAP's dynamic section when it reads them. */
static ElfW(Addr) added_when_read(const struct link_map *map)
{
	size_t count = 0;
	const ElfW(Phdr) *phdr = MACHINE_DYNAMIC_MOVED ? ldso_phdr(map, &count) : NULL;

	for (size_t i = 0; i < count; i++)
		if (phdr[i].p_type == PT_DYNAMIC)
			return phdr[i].p_flags & PF_W ? 0 : map->l_addr;
	return MACHINE_DYNAMIC_MOVED ? 0 : map->l_addr;
}

const void *ldso_pointer(const struct link_map *map, const ElfW(Dyn) *entry)
{
	return (const void *)(added_when_read(map) + entry->d_un.d_ptr);
}

ElfW(Addr) ldso_address(const struct link_map *map, const void *table)
{
	return (ElfW(Addr))table - added_when_read(map);
}

ElfW(Addr) ldso_moved(const struct link_map *map)
{
	return map->l_addr - added_when_read(map);
}

bool ldso_moves(int64_t tag)
{
	switch (tag) {
	case DT_HASH:
	case DT_PLTGOT:
	case DT_STRTAB:
	case DT_SYMTAB:
	case MACHINE_DT_REL:
	case DT_JMPREL:
	case DT_RELR:
	case DT_VERSYM:
	case DT_GNU_HASH: return true;
	}
	return false;
}

struct r_scope_elem **ldso_scope(struct link_map *map)
{
	return *(struct r_scope_elem ***)((char *)map + ldso.scope);
}

bool link_map_known(struct link_map *map, const struct tags *tags)
{
	ElfW(Dyn) **info = ldso_info(map);

	if (!ldso.tags || !tags->strtab || info[DT_STRTAB] != tags->strtab ||
	    info[DT_SYMTAB] != tags->symtab || info[MACHINE_DT_REL] != tags->rel ||
	    info[MACHINE_DT_RELSZ] != tags->relsz || info[DT_JMPREL] != tags->jmprel ||
	    info[DT_PLTRELSZ] != tags->pltrelsz)
		return false;
	if (tags->relrsz && info[DT_RELRSZ] != tags->relrsz)
		return false; /* a glibc that does not know RELR */
	return info[ldso_relcount()] == tags->relcount;
}

bool always_lazy(void)
{
	return ldso.tags < MACHINE_TAGS_LAZY;
}

void drop_liblist(struct link_map *map)
{
	ElfW(Dyn) **info = ldso_info(map);

	for (ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++)
		for (size_t i = LDSO_TAGS_MIN;
		     dyn->d_tag == DT_GNU_LIBLISTSZ && i < ldso.tags + LDSO_TAGS_MORE; i++)
			if (info[i] == dyn)
				info[i] = &zero;
}

const void *loader_symbol(const struct link_map *loader, const char *name)
{
	const uint32_t *hash = NULL;
	const ElfW(Sym) *symbol = NULL;
	const char *strings = NULL;
	uint32_t wanted = plan_hash(name);

	for (const ElfW(Dyn) *dyn = loader->l_ld; dyn->d_tag != DT_NULL; dyn++)
		switch (dyn->d_tag) {
		case DT_GNU_HASH: hash = ldso_pointer(loader, dyn); break;
		case DT_SYMTAB: symbol = ldso_pointer(loader, dyn); break;
		case DT_STRTAB: strings = ldso_pointer(loader, dyn); break;
		}
	if (!hash || !symbol || !strings || hash[0] == 0)
		return NULL;
	const uint32_t *bucket = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + hash[0] - hash[1];
	uint32_t at = bucket[wanted % hash[0]];
	if (at < hash[1])
		return NULL;
	for (;; at++) {
		if ((chain[at] | 1) == (wanted | 1) && equal(strings + symbol[at].st_name, name))
			return (const void *)(loader->l_addr + symbol[at].st_value);
		if (chain[at] & 1)
			return NULL;
	}
}
