/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guessing what IFUNC resolvers choose; see ifunc.h. */
#include "bind/ifunc.h"
#include "bind/target.h"

#include <link.h>
#include <pthread.h>

/* The C library of this process. */
static struct {
	uintptr_t start, end; /* its mapping */
	unsigned char id[64]; /* its build-id */
	size_t id_size;       /* bytes; 0: not found */
} own;

/* The descriptor of the build-id in the SIZE bytes of notes at NOTES, which are of this machine's byte
 * order. */
static const unsigned char *find_build_id(const unsigned char *notes, size_t size, size_t *id_size)
{
	for (size_t at = 0; size >= 12 && at <= size - 12;) {
		uint32_t word[3];
		memcpy(word, notes + at, sizeof word);
		size_t name = (word[0] + 3ul) & ~3ul, desc = (word[1] + 3ul) & ~3ul;
		if (name > size - at - 12 || desc > size - at - 12 - name)
			return NULL;
		if (word[2] == NT_GNU_BUILD_ID && word[0] == 4 && memcmp(notes + at + 12, "GNU", 4) == 0) {
			*id_size = word[1];
			return notes + at + 12 + name;
		}
		at += 12 + name + desc;
	}
	return NULL;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *unused)
{
	const char *slash = strrchr(info->dlpi_name, '/');

	(void)size;
	(void)unused;
	if (strcmp(slash ? slash + 1 : info->dlpi_name, "libc.so.6"))
		return 0;
	own.start = UINTPTR_MAX;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + phdr->p_vaddr;
		const unsigned char *id;
		size_t id_size = 0;
		if (phdr->p_type == PT_LOAD && at < own.start)
			own.start = at;
		if (phdr->p_type == PT_LOAD && at + phdr->p_memsz > own.end)
			own.end = at + phdr->p_memsz;
		if (phdr->p_type != PT_NOTE || own.id_size)
			continue;
		id = find_build_id((const unsigned char *)at, phdr->p_memsz, &id_size);
		if (id && id_size <= sizeof own.id) {
			memcpy(own.id, id, id_size);
			own.id_size = id_size;
		}
	}
	return 1;
}

static void look(void)
{
	dl_iterate_phdr(look_at, NULL);
}

static bool is_own(const struct elf_image *image)
{
	if (image->is64 != (sizeof(void *) == 8) ||
	    image->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
		return false;
	for (size_t i = 0; i < image->phnum; i++) {
		size_t size = 0;
		const unsigned char *id = NULL;
		if (image->phdr[i].p_type == PT_NOTE)
			id = find_build_id(image->data + image->phdr[i].p_offset, image->phdr[i].p_filesz,
					   &size);
		if (id)
			return size == own.id_size && memcmp(id, own.id, size) == 0;
	}
	return false;
}

GElf_Addr ifunc_guess(const struct bind_object *provider, GElf_Addr resolver)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!provider->object->soname || strcmp(provider->object->soname, "libc.so.6"))
		return 0;
	pthread_once(&once, look);
	if (!own.id_size || !is_own(&provider->image))
		return 0;
	GElf_Addr base = elf_image_first_address(&provider->image);
	uintptr_t there = own.start + (resolver - base);
	if (resolver < base || there >= own.end)
		return 0;
	uintptr_t chosen = ((uintptr_t(*)(void))there)();
	return chosen >= own.start && chosen < own.end ? base + (chosen - own.start) : 0;
}

GElf_Addr ifunc_target(const struct bind_object *by, const struct binding *binding)
{
	struct target target = binding_target(by, binding);

	if (target.kind != TARGET_IFUNC || target.base)
		return 0;
	bool own_record = binding->kind == RELOC_IRELATIVE;
	const struct bind_object *provider = own_record ? by : binding->provider;
	GElf_Addr chosen = ifunc_guess(provider, own_record ? (GElf_Addr)binding->addend : binding->value);
	return chosen ? bind_place(provider->object, chosen) : 0;
}
