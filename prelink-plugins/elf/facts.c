/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about an ELF file; see facts.h. */
#include "elf/facts.h"

#include <string.h>

#include "elf_notes.h"

bool elf_has_debug_info(const struct elf_image *image)
{
	static const char *const prefixes[] = { ".debug_", ".zdebug_", ".stab", ".gdb_index" };

	for (size_t i = 1; i < image->shnum; i++) {
		const char *name = elf_image_section_name(image, i);

		if (image->shdr[i].sh_flags & SHF_ALLOC)
			continue; /* .debug_gdb_scripts */
		for (size_t j = 0; j < sizeof prefixes / sizeof *prefixes; j++)
			if (strncmp(name, prefixes[j], strlen(prefixes[j])) == 0)
				return true;
	}
	return false;
}

bool elf_names_elsewhere(const struct elf_image *image)
{
	uint64_t offset, size;

	for (size_t i = 1; i < image->shnum; i++)
		if (image->shdr[i].sh_type == SHT_SYMTAB)
			return false;
	return elf_notes_build_id(image, &offset, &size) || elf_image_find_section(image, ".gnu_debuglink");
}

static bool has_bytes(const struct elf_image *image, uint64_t offset, uint64_t size, const char *text,
		      size_t length)
{
	return offset <= image->size && size <= image->size - offset &&
	       memmem(image->data + offset, size, text, length);
}

bool elf_checks_itself(const struct elf_image *image, const struct dynamic *dynamic)
{
	/* What a provider is loaded by, and the name (OpenSSL's OSSL_PROV_FIPS_PARAM_MODULE_MAC)
	 * by which one asks for its digest: no other provider does.  Providers are plugins,
	 * without a name of their own. */
	static const char entry[] = "\0OSSL_provider_init", parameter[] = "\0module-mac";

	if (elf_image_find_section(image, ".note.fdo.integrity"))
		return true;
	return dynamic && !dynamic->has[DT_SONAME] &&
	       has_bytes(image, dynamic->strtab.offset, dynamic->strtab.size, entry, sizeof entry) &&
	       has_bytes(image, 0, image->size, parameter, sizeof parameter);
}
