/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the machine.h of a machine whose relocations find their addends in place. */
#ifndef RTLD_REL_H
#define RTLD_REL_H

#include <elf.h>
#include <link.h>

typedef ElfW(Rel) machine_reloc;

enum { MACHINE_DT_REL = DT_REL, MACHINE_DT_RELSZ = DT_RELSZ, MACHINE_DT_RELCOUNT = DT_RELCOUNT };

/* Does what RELOC, a RELATIVE one of an object with that load bias, asks for. */
static inline void machine_relative(ElfW(Addr) bias, const machine_reloc *reloc)
{
	*(ElfW(Addr) *)(bias + reloc->r_offset) += bias;
}

#endif
