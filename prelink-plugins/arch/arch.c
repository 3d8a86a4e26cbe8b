/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machines we know; see arch.h. */
#include "arch/arch.h"

#include "alloc.h"

#define EM_LOONGARCH_NUMBER 258 /* EM_LOONGARCH, which an old <elf.h> does not know */

static const struct arch *const arch_table[] = { &arch_x86_64, &arch_i386,    &arch_aarch64, &arch_arm,
						 &arch_ppc64,  &arch_riscv64, &arch_s390x };

const struct arch *arch_find(const struct elf_image *image)
{
	unsigned char elf_class = image->is64 ? ELFCLASS64 : ELFCLASS32;

	for (size_t i = 0; i < sizeof arch_table / sizeof *arch_table; i++)
		if (arch_table[i]->machine == image->ehdr.e_machine && arch_table[i]->elf_class == elf_class)
			return arch_table[i];
	return NULL;
}

char *arch_machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_ARM: return xstrdup("arm");
	case EM_LOONGARCH_NUMBER: return xstrdup("loongarch");
	case EM_MIPS: return xstrdup("mips");
	case EM_RISCV: return xstrdup("riscv");
	case EM_S390: return xstrdup("s390");
	case EM_X86_64: return xstrdup("x32");
	}
	return xasprintf("ELF machine %u", machine);
}

unsigned arch_hash_word(const struct elf_image *image)
{
	/* Alpha's, and 64-bit s390's, psABIs. */
	return image->is64 && (image->ehdr.e_machine == EM_ALPHA || image->ehdr.e_machine == EM_S390) ? 8 : 4;
}
