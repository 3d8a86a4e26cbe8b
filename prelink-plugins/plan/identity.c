/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling files apart at run time; see identity.h. */
#include "plan/identity.h"

#include "elf_notes.h"

/* A build-id that is a digest (SHA-1, MD5, UUID, BLAKE3, as linkers make them) has one of these sizes, and
 * nearly as many different bytes; one that somebody typed (0x1111..., 0x0123456789abcdef...) has not. */
enum { ID_SHORT = 16, ID_LONG = 32, ID_DIFFERENT = 9 };

static bool is_digest(const unsigned char *id, uint64_t size)
{
	bool seen[256] = { false };
	size_t different = 0;

	for (uint64_t i = 0; i < size; i++) {
		different += !seen[id[i]];
		seen[id[i]] = true;
	}
	return size >= ID_SHORT && size <= ID_LONG && different >= ID_DIFFERENT;
}

static uint64_t digest_dynamic(const struct elf_image *image, const struct dynamic *dynamic)
{
	uint64_t digest = IDENTITY_START;

	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;
		dynamic_entry(dynamic, image, i, &entry);
		digest = identity_add_dynamic(digest, (uint64_t)entry.d_tag, entry.d_un.d_val);
	}
	return digest;
}

static uint64_t digest_headers(const struct elf_image *image)
{
	uint64_t digest = IDENTITY_START;

	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *phdr = &image->phdr[i];
		digest = identity_add_phdr(digest, phdr->p_type, phdr->p_flags, phdr->p_offset, phdr->p_vaddr,
					   phdr->p_filesz, phdr->p_memsz, phdr->p_align);
	}
	return digest;
}

static uint64_t digest_symbols(uint64_t digest, const struct elf_image *image, const struct dynamic *dynamic)
{
	for (size_t i = 0; i < dynamic->symbol_count; i++) {
		GElf_Sym sym;
		elf_get_sym(image, dynamic->symtab.offset + i * elf_sym_size(image), &sym);
		digest = identity_add_symbol(digest, sym.st_name, sym.st_value, sym.st_size, sym.st_shndx,
					     sym.st_info, sym.st_other);
	}
	return digest;
}

bool identity_of_image(struct identity *identity, const struct elf_image *image,
		       const struct dynamic *dynamic)
{
	uint64_t id_offset, id_size = 0;
	const unsigned char *id = elf_notes_build_id(image, &id_offset, &id_size);

	*identity = (struct identity){ .dynamic = digest_dynamic(image, dynamic),
				       .headers = digest_headers(image) };
	if (id && is_digest(id, id_size) &&
	    elf_image_address(image, id_offset, id_size, &identity->content)) {
		identity->content_size = (uint32_t)id_size;
		identity->headers = identity_add_bytes(identity->headers, id, (uint32_t)id_size);
		return true;
	}
	if (!dynamic->symbol_count || dynamic->symtab.size > UINT32_MAX ||
	    !elf_image_address(image, dynamic->symtab.offset, dynamic->symtab.size, &identity->content))
		return false;
	identity->symbols = 1;
	identity->content_size = (uint32_t)dynamic->symtab.size;
	identity->headers = digest_symbols(identity->headers, image, dynamic);
	return true;
}
