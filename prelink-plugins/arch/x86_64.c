/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64: System V ABI, AMD64 Architecture Processor Supplement, version 1.0 (LP64 only; x32 is
 * ELFCLASS32 and another table).
 *
 * Relocations are RELA: what lies in the word before is never read by ld.so, with one exception, the
 * lazy JUMP_SLOT, whose word holds the address of its own PLT stub and gets the load bias added.
 * Hence everything but lazy JUMP_SLOTs can be filled in ahead of time, and the relocation is still right
 * if the object ends up elsewhere.
 *
 * Slots: user space is 47 bits wide.  The kernel puts PIEs at two thirds of it (0x555555554000 and
 * up), libraries below the stack (0x7fff...), the heap after the program.  [0x3000000000,
 * 0x4000000000) is the range prelink(8) has always used: far from all of those, and the shadow
 * memory of AddressSanitizer, ThreadSanitizer and MemorySanitizer leaves it free for that reason.
 * ld.so, where it is given a place, follows behind: AddressSanitizer's gap goes on to 0x4fffffffff.
 *
 * PC32, 32 and their like are 32 bits wide and only in text, or in data built for the small code model
 * without -fPIC: ld.so accepts them, and we leave them to it.  RELATIVE64 is x32's. */
#include "arch/arch.h"
#include "arch/x86.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_X8664_LIB64 of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_X86_64 0x0303

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_X86_64_NONE: return RELOC_NONE;
	case R_X86_64_RELATIVE: return RELOC_RELATIVE;
	case R_X86_64_IRELATIVE: return RELOC_IRELATIVE;
	case R_X86_64_64: return RELOC_WORD;
	case R_X86_64_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_X86_64_JUMP_SLOT: return RELOC_JUMP_SLOT;
	case R_X86_64_COPY: return RELOC_COPY;
	case R_X86_64_DTPMOD64: return RELOC_TLS_MODULE;
	case R_X86_64_DTPOFF64: return RELOC_TLS_OFFSET;
	case R_X86_64_TPOFF64: return RELOC_TLS_TP;
	case R_X86_64_TLSDESC: return RELOC_TLSDESC;
	case R_X86_64_32:
	case R_X86_64_PC32:
	case R_X86_64_PC64:
	case R_X86_64_SIZE32:
	case R_X86_64_SIZE64: return RELOC_OTHER;
	}
	return RELOC_UNKNOWN;
}

/* DT_X86_64_PLT of the psABI, written by ld -z mark-plt. */
static const int64_t address_tags[] = { 0x70000000, 0 };
static const int64_t value_tags[] = { 0x70000001 /* PLTSZ */, 0x70000003 /* PLTENT */, 0 };

/* Levels of the psABI, section 3.1.1.  "pni" is SSE3, "abm" LZCNT. */
static const struct capability hwcaps[] = {
	{ .name = "x86-64-v4", .flags = "avx512f avx512bw avx512cd avx512dq avx512vl" },
	{ .name = "x86-64-v3", .flags = "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave" },
	{ .name = "x86-64-v2", .flags = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3" },
	{ 0 }
};

/* Those of glibc's sysdeps/x86/cpu-features.c, which only knows Intel's processors by them. */
static const struct capability old_hwcaps[] = {
	{ .name = "x86_64", .flags = "", .bit = 1 },
	{ .name = "avx512_1",
	  .flags = "GenuineIntel avx512cd !avx512er avx512bw avx512dq avx512vl",
	  .bit = 2 },
	{ 0 }
};
static const struct capability old_platforms[] = {
	{ .name = "xeon_phi", .flags = "GenuineIntel avx512cd avx512er avx512pf", .bit = 51 },
	{ .name = "haswell", .flags = "GenuineIntel avx2 fma bmi1 bmi2 abm movbe popcnt", .bit = 50 },
	{ 0 }
};

const struct arch arch_x86_64 = {
	.name = "x86-64",
	.machine = EM_X86_64,
	.elf_class = ELFCLASS64,
	.slot_first = 0x3000000000,
	.slot_end = 0x4000000000,
	.page_max = 4096,
	.code_step = 1,
	.direct_call = x86_direct_call,
	.huge_page = 0x200000,
	.rela = true,
	.r_relative = R_X86_64_RELATIVE,
	.r_irelative = R_X86_64_IRELATIVE,
	.r_glob_dat = R_X86_64_GLOB_DAT,
	.r_jump_slot = R_X86_64_JUMP_SLOT,
	.r_word = R_X86_64_64,
	.r_copy = R_X86_64_COPY,
	.r_word32 = R_X86_64_32,
	.loader_slot = 0x4000000000,
	.reloc_kind = reloc_kind,
	.address_tags = address_tags,
	.value_tags = value_tags,
	.tls_below = true,
	.module = { PKGLIBDIR "/prelink-rtld.so", NULL },
	.plan_in_file = true,
	.interpreter = "/lib64/ld-linux-x86-64.so.2",
	.multiarch = "x86_64-linux-gnu",
	.lib = "lib64",
	.platform = "x86_64",
	.cache_flags = CACHE_X86_64,
	.hwcaps = hwcaps,
	.old_hwcaps = old_hwcaps,
	.old_platforms = old_platforms,
};
