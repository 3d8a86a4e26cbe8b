/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* s390x: System V ABI, s390x Supplement, version 1.6.  Big-endian.
 *
 * Relocations are RELA; the word of a lazy JUMP_SLOT holds the address of its own PLT stub and
 * gets the load bias added.  Thread variables lie below the thread pointer.  Words of DT_HASH have
 * 64 bits (arch_hash_word()).
 *
 * No slots: moving an object is not proven here.  A store serves it wherever it lies. */
#include "arch/arch.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_S390_LIB64 of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_S390X 0x0403

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_390_NONE: return RELOC_NONE;
	case R_390_RELATIVE: return RELOC_RELATIVE;
	case R_390_IRELATIVE: return RELOC_IRELATIVE;
	case R_390_64: return RELOC_WORD;
	case R_390_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_390_JMP_SLOT: return RELOC_JUMP_SLOT;
	case R_390_COPY: return RELOC_COPY;
	case R_390_TLS_DTPMOD: return RELOC_TLS_MODULE;
	case R_390_TLS_DTPOFF: return RELOC_TLS_OFFSET;
	case R_390_TLS_TPOFF: return RELOC_TLS_TP;
	case R_390_8:
	case R_390_16:
	case R_390_32:
	case R_390_PC16:
	case R_390_PC16DBL:
	case R_390_PC32:
	case R_390_PC32DBL:
	case R_390_PC64: return RELOC_OTHER;
	}
	return RELOC_UNKNOWN;
}

static const int64_t no_tags[] = { 0 };
static const struct capability none[] = { { 0 } };

const struct arch arch_s390x = {
	.name = "s390x",
	.machine = EM_S390,
	.elf_class = ELFCLASS64,
	.page_max = 4096,
	.rela = true,
	.r_relative = R_390_RELATIVE,
	.r_irelative = R_390_IRELATIVE,
	.r_glob_dat = R_390_GLOB_DAT,
	.r_jump_slot = R_390_JMP_SLOT,
	.r_word = R_390_64,
	.r_copy = R_390_COPY,
	.reloc_kind = reloc_kind,
	.address_tags = no_tags,
	.value_tags = no_tags,
	.tls_below = true,
	.module = { NULL, PKGLIBDIR "/s390x/prelink-rtld.so" },
	.interpreter = "/lib/ld64.so.1",
	.multiarch = "s390x-linux-gnu",
	.lib = "lib64",
	.platform = "z900",
	.cache_flags = CACHE_S390X,
	.hwcaps = none,
	.old_hwcaps = none,
	.old_platforms = none,
};
