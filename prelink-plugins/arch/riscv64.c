/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* riscv64: RISC-V ELF psABI, version 1.0, LP64D: doubles in registers, as all distributions have it.
 *
 * Relocations are RELA.  There is no GLOB_DAT: the linker writes R_RISCV_64 in the GOT too.  The word
 * of a lazy JUMP_SLOT holds the address of PLT[0] and gets the load bias added.  RELATIVE may go to
 * any address, aligned or not.
 *
 * Thread variables lie above the thread pointer, right at it; a module's dynamic block is named by an
 * address 0x800 behind its start, which ld.so takes off in DTPREL, and which we leave to it.  Descriptors
 * (TLSDESC) are known to glibc 2.43.
 *
 * Slots: where the processor has Sv39, the smallest, user space ends at 0x4000000000; libraries go down from
 * there, up to 64 GB of randomisation deeper (ARCH_MMAP_RND_BITS_MAX), and PIEs are at two thirds,
 * 0x2aaaaaa000, and up.  AddressSanitizer's shadow ends at 0x1555556000.  [0x2000000000, 0x2a00000000) is
 * free in all; with Sv48 and Sv57 everything but ET_EXEC lies far above. */
#include "arch/arch.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_RISCV_FLOAT_ABI_DOUBLE of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_RISCV64 0x1003

#ifndef R_RISCV_TLSDESC
#define R_RISCV_TLSDESC 12
#endif

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_RISCV_NONE: return RELOC_NONE;
	case R_RISCV_RELATIVE: return RELOC_RELATIVE;
	case R_RISCV_IRELATIVE: return RELOC_IRELATIVE;
	case R_RISCV_64: return RELOC_WORD;
	case R_RISCV_JUMP_SLOT: return RELOC_JUMP_SLOT;
	case R_RISCV_COPY: return RELOC_COPY;
	case R_RISCV_TLS_DTPMOD64: return RELOC_TLS_MODULE;
	case R_RISCV_TLS_DTPREL64: return RELOC_TLS_OFFSET;
	case R_RISCV_TLS_TPREL64: return RELOC_TLS_TP;
	case R_RISCV_TLSDESC: return RELOC_TLSDESC;
	}
	return RELOC_UNKNOWN;
}

static const int64_t no_tags[] = { 0 };
static const int64_t value_tags[] = { 0x70000001 /* VARIANT_CC: a flag */, 0 };
static const struct capability none[] = { { 0 } };

const struct arch arch_riscv64 = {
	.name = "riscv64",
	.machine = EM_RISCV,
	.elf_class = ELFCLASS64,
	.slot_first = 0x2000000000,
	.slot_end = 0x2a00000000,
	.page_max = 4096,
	.huge_page = 0x200000,
	.rela = true,
	.r_relative = R_RISCV_RELATIVE,
	.r_irelative = R_RISCV_IRELATIVE,
	.r_glob_dat = R_RISCV_64,
	.r_jump_slot = R_RISCV_JUMP_SLOT,
	.r_word = R_RISCV_64,
	.r_copy = R_RISCV_COPY,
	.reloc_kind = reloc_kind,
	.address_tags = no_tags,
	.value_tags = value_tags,
	.module = { PKGLIBDIR "/riscv64/prelink-rtld.so", NULL },
	.interpreter = "/lib/ld-linux-riscv64-lp64d.so.1",
	.multiarch = "riscv64-linux-gnu",
	.lib = "lib64/lp64d",
	.platform = NULL,
	.cache_flags = CACHE_RISCV64,
	.hwcaps = none,
	.old_hwcaps = none,
	.old_platforms = none,
};
