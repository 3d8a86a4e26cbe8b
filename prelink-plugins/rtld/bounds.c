/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Staying inside of an object; see bounds.h. */
#include "bounds.h"

#include "ldso.h"
#include "machine.h"
#include "memory_identity.h"

struct writable writable_of(const struct link_map *map)
{
	size_t count = 0;
	const ElfW(Phdr) *phdr = ldso_phdr(map, &count);
	ElfW(Addr) start = 0, end = 0;

	for (size_t i = 0; i < count; i++) {
		if (phdr[i].p_type != PT_LOAD || !(phdr[i].p_flags & PF_W))
			continue;
		if (end == 0)
			start = phdr[i].p_vaddr;
		end = phdr[i].p_vaddr + phdr[i].p_memsz;
	}
	return (struct writable){ start, end - start };
}

/* The address of MAP's symbols, as in the file. */
static ElfW(Addr) symbols_of(const struct link_map *map)
{
	const ElfW(Dyn) *symtab = ((const struct rtld_map *)map)->l_info[DT_SYMTAB];

	return symtab ? as_in_file(map, symtab) : 0;
}

bool residual_sound(const struct link_map *map, struct writable writable, const machine_reloc *reloc,
		    size_t count)
{
	ElfW(Addr) symbols = count ? symbols_of(map) : 0;
	uint32_t last = 0; /* symbol that is named */

	for (size_t i = 0; i < count; i++) {
		if (!machine_ldso_takes(MACHINE_R_TYPE(reloc[i].r_info)) ||
		    !may_write(writable, reloc[i].r_offset))
			return false;
		if (MACHINE_R_SYM(reloc[i].r_info) > last)
			last = MACHINE_R_SYM(reloc[i].r_info);
	}
	return last == 0 || mapped_from_file(map, symbols, ((uint64_t)last + 1) * sizeof(ElfW(Sym)));
}
