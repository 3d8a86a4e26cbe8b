/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aarch64: ELF for the Arm 64-bit Architecture (AAELF64), LP64 only.
 *
 * Relocations are RELA, as on x86-64, with the same exception: the word of a lazy JUMP_SLOT holds the
 * address of PLT[0] and gets the load bias added.  TLS is by descriptor by default (TLSDESC, two
 * words); ld.so may leave those to be resolved lazily through DT_TLSDESC_PLT.  GNU ld keeps the address
 * of the dynamic section in the first word of .got, not of .got.plt, where DT_PLTGOT points.
 *
 * Pages are 4, 16 or 64 KB, as the kernel was built: slots are multiples of the largest.
 *
 * Slots: user space is 48 bits wide, or 39 on small kernels (Android, some boards with 4 KB pages),
 * where it ends at 0x8000000000; libraries go down from there, PIEs are at two thirds of it,
 * 0x5555555000 and up.  [0x3000000000, 0x4000000000) is free in both. */
#include "arch/arch.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_AARCH64_LIB64 of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_AARCH64 0x0a03

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_AARCH64_NONE: return RELOC_NONE;
	case R_AARCH64_RELATIVE: return RELOC_RELATIVE;
	case R_AARCH64_IRELATIVE: return RELOC_IRELATIVE;
	case R_AARCH64_ABS64: return RELOC_WORD;
	case R_AARCH64_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_AARCH64_JUMP_SLOT: return RELOC_JUMP_SLOT;
	case R_AARCH64_COPY: return RELOC_COPY;
	case R_AARCH64_TLS_DTPMOD: return RELOC_TLS_MODULE;
	case R_AARCH64_TLS_DTPREL: return RELOC_TLS_OFFSET;
	case R_AARCH64_TLS_TPREL: return RELOC_TLS_TP;
	case R_AARCH64_TLSDESC: return RELOC_TLSDESC;
	}
	return RELOC_UNKNOWN;
}

static const int64_t no_tags[] = { 0 };
/* BTI_PLT, PAC_PLT, VARIANT_PCS: flags. */
static const int64_t value_tags[] = { 0x70000001, 0x70000003, 0x70000005, 0 };
static const struct capability none[] = { { 0 } };
static const struct capability old_hwcaps[] = { { .name = "atomics", .flags = "atomics", .bit = 8 }, { 0 } };

/* B and BL: 26 bits of offset, in words.  Code is little-endian, whatever the data are. */
static bool direct_call(const unsigned char code[DIRECT_CALL_SIZE], GElf_Addr address, GElf_Addr *target)
{
	uint32_t word = code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;

	*target = address + (GElf_Addr)((int64_t)(int32_t)(word << 6) >> 4);
	return (word & 0x7c000000) == 0x14000000;
}

const struct arch arch_aarch64 = {
	.name = "aarch64",
	.machine = EM_AARCH64,
	.elf_class = ELFCLASS64,
	.slot_first = 0x3000000000,
	.slot_end = 0x4000000000,
	.page_max = 65536,
	.code_step = 4,
	.direct_call = direct_call,
	.huge_page = 0x200000,
	.rela = true,
	.r_relative = R_AARCH64_RELATIVE,
	.r_irelative = R_AARCH64_IRELATIVE,
	.r_glob_dat = R_AARCH64_GLOB_DAT,
	.r_jump_slot = R_AARCH64_JUMP_SLOT,
	.r_word = R_AARCH64_ABS64,
	.r_copy = R_AARCH64_COPY,
	.at_once = 0x80, /* STO_AARCH64_VARIANT_PCS: the stub would not keep all of its arguments */
	.reloc_kind = reloc_kind,
	.address_tags = no_tags,
	.value_tags = value_tags,
	.module = { PKGLIBDIR "/aarch64/prelink-rtld.so", NULL },
	.interpreter = "/lib/ld-linux-aarch64.so.1",
	.multiarch = "aarch64-linux-gnu",
	.lib = "lib64",
	.platform = "aarch64",
	.cache_flags = CACHE_AARCH64,
	.hwcaps = none,
	.old_hwcaps = old_hwcaps,
	.old_platforms = none,
};
