/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* i386: System V ABI, Intel386 Architecture Processor Supplement, version 1.1.
 *
 * Relocations are REL: the addend lies in the word that is to be relocated.  RELATIVE is "add the
 * load bias to the word", and ld.so skips those altogether where the bias is 0, so moving an object
 * to its slot saves the work and the dirty pages without any help at run time.  The other side of it:
 * a word that a 32 or PC32 relocation still has to read must not be filled in.  GLOB_DAT and
 * JUMP_SLOT words are overwritten without being read (JUMP_SLOT: when binding now; lazily the bias is
 * added to the stub's address in it).
 *
 * Slots: a 32-bit process on a 64-bit kernel has 4 GB, its stack and mmap_base just below
 * 0xff000000 (libraries without a slot go down from 0xf7f00000), PIEs from 0x56555000 up, ET_EXEC at
 * 0x08048000 followed by the heap.  [0x41000000, 0x50000000) is the range of prelink(8): below every
 * place that randomisation can give a PIE, and 900 MB above ET_EXEC for its heap.  On a kernel with
 * 3 GB of user space (mmap_base near 0xb7f00000, PIEs near 0x80000000 in old kernels) it is as free. */
#include "arch/arch.h"
#include "arch/x86.h"

/* cache_flags: FLAG_ELF_LIBC6 of glibc's sysdeps/generic/ldconfig.h; the machine has no bits there. */
#define CACHE_I386 0x0003

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_386_NONE: return RELOC_NONE;
	case R_386_RELATIVE: return RELOC_RELATIVE;
	case R_386_IRELATIVE: return RELOC_IRELATIVE;
	case R_386_32: return RELOC_WORD;
	case R_386_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_386_JMP_SLOT: return RELOC_JUMP_SLOT;
	case R_386_COPY: return RELOC_COPY;
	case R_386_TLS_DTPMOD32: return RELOC_TLS_MODULE;
	case R_386_TLS_DTPOFF32: return RELOC_TLS_OFFSET;
	case R_386_TLS_TPOFF:
	case R_386_TLS_TPOFF32: return RELOC_TLS_TP;
	case R_386_TLS_DESC: return RELOC_TLSDESC;
	case R_386_PC32:
	case R_386_SIZE32: return RELOC_OTHER;
	}
	return RELOC_UNKNOWN;
}

static const int64_t no_tags[] = { 0 };
static const struct capability none[] = { { 0 } };

/* glibc's sysdeps/x86/cpu-features.c. */
static const struct capability old_hwcaps[] = { { .name = "sse2", .flags = "sse2", .bit = 0 }, { 0 } };
static const struct capability old_platforms[] = {
	{ .name = "i686", .flags = "cx8 cmov", .bit = 49 },
	{ .name = "i586", .flags = "cx8", .bit = 48 },
	{ 0 },
};

const struct arch arch_i386 = {
	.name = "i386",
	.machine = EM_386,
	.elf_class = ELFCLASS32,
	.slot_first = 0x41000000,
	.slot_end = 0x50000000,
	.page_max = 4096,
	.code_step = 1,
	.direct_call = x86_direct_call,
	.rela = false,
	.r_relative = R_386_RELATIVE,
	.r_irelative = R_386_IRELATIVE,
	.r_glob_dat = R_386_GLOB_DAT,
	.r_jump_slot = R_386_JMP_SLOT,
	.r_word = R_386_32,
	.r_copy = R_386_COPY,
	.reloc_kind = reloc_kind,
	.address_tags = no_tags,
	.value_tags = no_tags,
	.tls_below = true,
	.module = { PKGLIBDIR "/i386/prelink-rtld.so", NULL },
	.interpreter = "/lib/ld-linux.so.2",
	.multiarch = "i386-linux-gnu",
	.lib = "lib",
	.platform = "i686",
	.cache_flags = CACHE_I386,
	.hwcaps = none,
	.old_hwcaps = old_hwcaps,
	.old_platforms = old_platforms,
};
