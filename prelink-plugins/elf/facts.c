/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about an ELF file; see facts.h. */
#include "elf/facts.h"

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
