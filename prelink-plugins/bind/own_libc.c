/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this process's C library says of itself; see own_libc.h. */
#include "bind/own_libc.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "arch/arch.h"
#include "alloc.h"

/* Of an entry in DT_VERSYM: not the default version of its name. */
#define VERSYM_HIDDEN 0x8000

/* Set by look(), once. */
static struct {
	void *handle;           /* dlopen()'s; NULL: there is none, or not where we could look */
	uintptr_t bias;         /* load bias */
	uintptr_t first, end;   /* its mapping: first address, and past the last */
	const ElfW(Phdr) *phdr; /* in memory */
	size_t phnum;
	const ElfW(Dyn) *dynamic;
	struct choice {
		uint64_t resolver, chosen; /* offsets from `first` */
	} * choice;
	size_t choice_count;
} own;

/* Fills in OWN from the object that SOME, an address, is in. */
static int look_at(struct dl_phdr_info *info, size_t size, void *some)
{
	uintptr_t first = UINTPTR_MAX, end = 0;
	const ElfW(Dyn) *dynamic = NULL;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + phdr->p_vaddr;
		if (phdr->p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)at;
		if (phdr->p_type == PT_LOAD && at < first)
			first = at;
		if (phdr->p_type == PT_LOAD && at + phdr->p_memsz > end)
			end = at + phdr->p_memsz;
	}
	if ((uintptr_t)some < first || (uintptr_t)some >= end)
		return 0;
	own.bias = info->dlpi_addr;
	own.first = first;
	own.end = end;
	own.phdr = info->dlpi_phdr;
	own.phnum = info->dlpi_phnum;
	own.dynamic = dynamic;
	return 1;
}

/* d_un of the entry with TAG, 0 where there is none. */
static uintptr_t tag(int64_t tag)
{
	for (const ElfW(Dyn) *entry = own.dynamic; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag)
			return entry->d_un.d_ptr;
	return 0;
}

/* The same of an address; most machines' ld.so has added the load bias. */
static const void *tag_address(int64_t wanted)
{
	uintptr_t at = tag(wanted);

	return !at ? NULL : (const void *)(at < own.bias ? at + own.bias : at);
}

/* Notes that the resolver at address RESOLVER chose CHOSEN. */
static void add(uintptr_t resolver, uintptr_t chosen)
{
	if (resolver < own.first || resolver >= own.end || chosen < own.first || chosen >= own.end)
		return;
	ALLOC_NEXT(own.choice, own.choice_count);
	own.choice[own.choice_count++] = (struct choice){ resolver - own.first, chosen - own.first };
}

static const struct choice *find(uint64_t resolver)
{
	for (size_t i = 0; i < own.choice_count; i++)
		if (own.choice[i].resolver == resolver)
			return &own.choice[i];
	return NULL;
}

/* Its IRELATIVE relocations in the SIZE bytes at RELA, which ld.so has applied. */
static void add_relocated(const ElfW(Rela) *rela, size_t size, uint32_t irelative)
{
	for (size_t i = 0; rela && i < size / sizeof *rela; i++) {
		uintptr_t word = own.bias + rela[i].r_offset;
		uint32_t type = sizeof(void *) == 8 ? (uint32_t)ELF64_R_TYPE(rela[i].r_info) :
						      (uint32_t)ELF32_R_TYPE(rela[i].r_info);
		if (type == irelative && word >= own.first && word <= own.end - sizeof word)
			add(own.bias + rela[i].r_addend, *(const uintptr_t *)word);
	}
}

/* Symbols in the table, by DT_GNU_HASH at HASH: its chains end with the last one. */
static size_t count_symbols(const uint32_t *hash)
{
	uint32_t bucket_count = hash[0], first = hash[1], last = 0;
	const uint32_t *bucket = (const uint32_t *)((const uintptr_t *)(hash + 4) + hash[2]);
	const uint32_t *chain = bucket + bucket_count;

	for (uint32_t i = 0; i < bucket_count; i++)
		if (bucket[i] > last)
			last = bucket[i];
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

/* Those of its IFUNC symbols that dlsym() finds by their name alone: the default versions. */
static void add_symbols(void)
{
	const ElfW(Sym) *symbol = tag_address(DT_SYMTAB);
	const char *strings = tag_address(DT_STRTAB);
	const uint32_t *hash = tag_address(DT_GNU_HASH);
	const uint16_t *version = tag_address(DT_VERSYM);
	size_t count = symbol && strings && hash && version ? count_symbols(hash) : 0;

	for (size_t i = 1; i < count; i++) {
		uintptr_t resolver = own.bias + symbol[i].st_value;
		if (ELF32_ST_TYPE(symbol[i].st_info) == STT_GNU_IFUNC && symbol[i].st_shndx != SHN_UNDEF &&
		    !(version[i] & VERSYM_HIDDEN) && !find(resolver - own.first))
			add(resolver, (uintptr_t)dlsym(own.handle, strings + symbol[i].st_name));
	}
}

static void look(void)
{
	void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	void *some = handle ? dlsym(handle, "gnu_get_libc_version") : NULL;
	const ElfW(Ehdr) *ehdr;

	if (!some || !dl_iterate_phdr(look_at, some) || !own.dynamic)
		return;
	ehdr = (const ElfW(Ehdr) *)own.first;
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	const struct elf_image image = { .is64 = sizeof(void *) == 8,
					 .ehdr = { .e_machine = ehdr->e_machine } };
	const struct arch *arch = arch_find(&image);
	if (!arch)
		return;
	own.handle = handle;
	if (arch->rela) {
		add_relocated(tag_address(DT_RELA), tag(DT_RELASZ), arch->r_irelative);
		add_relocated(tag_address(DT_JMPREL), tag(DT_PLTRELSZ), arch->r_irelative);
	}
	add_symbols();
}

static void look_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look);
}

static bool is_code(uint32_t type, uint32_t flags)
{
	return type == PT_LOAD && (flags & PF_X);
}

/* True if PHDR, of IMAGE, holds what the segment OURS holds, which is in memory. */
static bool same_code(const struct elf_image *image, const GElf_Phdr *phdr, const ElfW(Phdr) *ours)
{
	uintptr_t at = own.bias + ours->p_vaddr;

	return phdr->p_vaddr - elf_image_first_address(image) == at - own.first &&
	       phdr->p_filesz == ours->p_filesz && phdr->p_memsz == ours->p_memsz && (ours->p_flags & PF_R) &&
	       memcmp(image->data + phdr->p_offset, (const void *)at, ours->p_filesz) == 0;
}

bool own_libc_is(const struct elf_image *image)
{
	size_t i = 0, k = 0;

	look_once();
	if (!own.handle || image->is64 != (sizeof(void *) == 8) ||
	    image->ehdr.e_machine != ((const ElfW(Ehdr) *)own.first)->e_machine)
		return false;
	for (bool found = false;; i++, k++, found = true) {
		while (i < image->phnum && !is_code(image->phdr[i].p_type, image->phdr[i].p_flags))
			i++;
		while (k < own.phnum && !is_code(own.phdr[k].p_type, own.phdr[k].p_flags))
			k++;
		if (i == image->phnum || k == own.phnum)
			return found && i == image->phnum && k == own.phnum;
		if (!same_code(image, &image->phdr[i], &own.phdr[k]))
			return false;
	}
}

bool own_libc_chosen(uint64_t resolver, uint64_t *chosen)
{
	look_once();
	const struct choice *choice = find(resolver);
	if (choice)
		*chosen = choice->chosen;
	return choice != NULL;
}
