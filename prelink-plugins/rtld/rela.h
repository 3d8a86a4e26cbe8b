/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the machine.h of a machine whose relocations carry their addends. */
#ifndef RTLD_RELA_H
#define RTLD_RELA_H

#include <elf.h>
#include <link.h>

typedef ElfW(Rela) machine_reloc;

enum { MACHINE_DT_REL = DT_RELA, MACHINE_DT_RELSZ = DT_RELASZ, MACHINE_DT_RELCOUNT = DT_RELACOUNT };

/* Does what RELOC, a RELATIVE one of an object with that load bias, asks for. */
static inline void machine_relative(ElfW(Addr) bias, const machine_reloc *reloc)
{
	*(ElfW(Addr) *)(bias + reloc->r_offset) = bias + reloc->r_addend;
}

#endif
