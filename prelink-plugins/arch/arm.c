/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arm: ELF for the Arm Architecture (AAELF32), EABI version 5, with hard floats.
 *
 * Relocations are REL, as on i386: the addend lies in the word, and is read from there but for GLOB_DAT and
 * JUMP_SLOT.  The word of a lazy JUMP_SLOT holds the address of PLT[0] and gets the load bias added.  The
 * value of a function in Thumb code is odd, and goes as it is into every word: nothing here looks at that
 * bit.  Thread variables lie above the thread pointer, behind two words.
 *
 * Slots: [0x41000000, 0x50000000) is the range of prelink(8).  A kernel for arm loads PIEs at 0x00400000 and
 * up to 256 MB of randomisation above (ELF_ET_DYN_BASE), ET_EXEC at 0x00010000, the heap behind either;
 * libraries go down from 0xb6f00000, or from 0x76f00000 where it leaves 2 GB to user space.  One for arm64
 * gives arm programs 4 GB, and PIEs two thirds of them.  AddressSanitizer's shadow ends at 0x40000000. */
#include "arch/arch.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_ARM_LIBHF of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_ARM 0x0903

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_ARM_NONE: return RELOC_NONE;
	case R_ARM_RELATIVE: return RELOC_RELATIVE;
	case R_ARM_IRELATIVE: return RELOC_IRELATIVE;
	case R_ARM_ABS32: return RELOC_WORD;
	case R_ARM_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_ARM_JUMP_SLOT: return RELOC_JUMP_SLOT;
	case R_ARM_COPY: return RELOC_COPY;
	case R_ARM_TLS_DTPMOD32: return RELOC_TLS_MODULE;
	case R_ARM_TLS_DTPOFF32: return RELOC_TLS_OFFSET;
	case R_ARM_TLS_TPOFF32: return RELOC_TLS_TP;
	case R_ARM_TLS_DESC: return RELOC_TLSDESC;
	case R_ARM_PC24:
	case R_ARM_REL32: return RELOC_OTHER;
	}
	return RELOC_UNKNOWN;
}

static const int64_t no_tags[] = { 0 };
static const struct capability none[] = { { 0 } };

const struct arch arch_arm = {
	.name = "arm",
	.machine = EM_ARM,
	.elf_class = ELFCLASS32,
	.slot_first = 0x41000000,
	.slot_end = 0x50000000,
	.page_max = 4096, /* Linux for arm has no other, nor has one for arm64 that runs arm programs */
	.rela = false,
	.r_relative = R_ARM_RELATIVE,
	.r_irelative = R_ARM_IRELATIVE,
	.r_glob_dat = R_ARM_GLOB_DAT,
	.r_jump_slot = R_ARM_JUMP_SLOT,
	.r_word = R_ARM_ABS32,
	.r_copy = R_ARM_COPY,
	.reloc_kind = reloc_kind,
	.address_tags = no_tags,
	.value_tags = no_tags,
	.module = { PKGLIBDIR "/arm/prelink-rtld.so", NULL },
	.interpreter = "/lib/ld-linux-armhf.so.3",
	.multiarch = "arm-linux-gnueabihf",
	.lib = "lib",
	.platform = "v7l",
	.cache_flags = CACHE_ARM,
	.hwcaps = none,
	.old_hwcaps = none,
	.old_platforms = none,
};
