/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling objects apart in memory; see memory_identity.h. */
#include "memory_identity.h"

#include <stddef.h>

#include "ldso.h"

/* The value of ENTRY in the file, where ld.so has added MOVED to what it moves.  A 0 may be one that it left
 * (DT_RELA beside DT_RELR), and is never an address that it moved.  What it moves later, as it has its own,
 * shows in its size: that is 64 bits wide. */
static uint64_t unmoved(const ElfW(Dyn) *entry, ElfW(Addr) moved)
{
	ElfW(Addr) value = entry->d_un.d_val;
	bool late = entry->d_tag == MACHINE_DT_LATE && value >= moved;

	return late || (value && ldso_moves(entry->d_tag)) ? value - moved : value;
}

uint64_t as_in_file(const struct link_map *map, const ElfW(Dyn) *entry)
{
	return unmoved(entry, ldso_moved(map));
}

uint64_t identity_of_dynamic(const struct link_map *map)
{
	ElfW(Addr) moved = ldso_moved(map);
	uint64_t digest = IDENTITY_START;

	for (const ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++)
		digest = identity_add_dynamic(digest, (uint64_t)dyn->d_tag, unmoved(dyn, moved));
	return digest;
}

static uint64_t digest_headers(const ElfW(Phdr) *phdr, size_t count)
{
	uint64_t digest = IDENTITY_START;

	for (size_t i = 0; i < count; i++)
		digest = identity_add_phdr(digest, phdr[i].p_type, phdr[i].p_flags, phdr[i].p_offset,
					   phdr[i].p_vaddr, phdr[i].p_filesz, phdr[i].p_memsz,
					   phdr[i].p_align);
	return digest;
}

static uint64_t digest_symbols(uint64_t digest, const ElfW(Sym) *symbol, size_t count)
{
	for (size_t i = 0; i < count; i++)
		digest = identity_add_symbol(digest, symbol[i].st_name, symbol[i].st_value, symbol[i].st_size,
					     symbol[i].st_shndx, symbol[i].st_info, symbol[i].st_other);
	return digest;
}

const void *mapped_from_file(const struct link_map *map, uint64_t address, uint64_t size)
{
	size_t count = 0;
	const ElfW(Phdr) *phdr = ldso_phdr(map, &count);

	for (size_t i = 0; i < count; i++)
		if (phdr[i].p_type == PT_LOAD && (phdr[i].p_flags & PF_R) && address >= phdr[i].p_vaddr &&
		    address - phdr[i].p_vaddr <= phdr[i].p_filesz &&
		    size <= phdr[i].p_filesz - (address - phdr[i].p_vaddr))
			return (const void *)(map->l_addr + (ElfW(Addr))address);
	return NULL;
}

bool is_identical(const struct link_map *map, const struct identity *identity)
{
	size_t count = 0;
	const ElfW(Phdr) *phdr = ldso_phdr(map, &count);
	const void *content = mapped_from_file(map, identity->content, identity->content_size);

	if (!content)
		return false;
	uint64_t digest = digest_headers(phdr, count);
	if (identity->symbols)
		digest = digest_symbols(digest, content, identity->content_size / sizeof(ElfW(Sym)));
	else
		digest = identity_add_bytes(digest, content, identity->content_size);
	return digest == identity->headers;
}
