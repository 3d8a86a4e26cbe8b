/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ppc64: Power Architecture 64-Bit ELF V2 ABI Specification, version 1.5, and so little-endian.
 * The older ABI, with function descriptors (ELFv1, big-endian), has relocations of the same
 * numbers, and no run-time module.
 *
 * Relocations are RELA.  A function may have two entries: the global one, st_value, finds the TOC pointer r2
 * by its own address in r12; the local one, as far behind it as three bits of st_other say, takes r2 as it
 * is.  ld.so has a JUMP_SLOT call the local entry where the function is the object's own, unless that has
 * several TOCs (DT_PPC64_OPT).  The bit LOCALENTRY there says that calls do not keep r2: ld.so refuses to
 * bind those to a function that needs it.
 *
 * The words of lazy JUMP_SLOTs lie in .plt, which has nothing in the file: ld.so fills in the addresses of
 * the stubs in .glink, four bytes each, behind 32 from what DT_PPC64_GLINK says on.  The first two words of
 * .plt, where DT_PLTGOT points, are ld.so's own.
 *
 * Thread variables lie above what the thread pointer points at minus 0x7000; dynamic blocks are named by an
 * address 0x8000 behind their start; with DT_PPC64_OPT's bit TLS, DTPMOD and DTPREL become an offset from the
 * thread pointer where they can.  All of that is left to ld.so.
 *
 * No slots: moving an object is not proven here.  A store serves it wherever it lies. */
#include "arch/arch.h"

/* cache_flags: FLAG_ELF_LIBC6 and FLAG_POWERPC_LIB64 of glibc's sysdeps/generic/ldconfig.h. */
#define CACHE_PPC64 0x0503

/* Of DT_PPC64_OPT. */
enum { OPT_MULTI_TOC = 2, OPT_LOCALENTRY = 4 };

static enum reloc_kind reloc_kind(uint32_t type)
{
	switch (type) {
	case R_PPC64_NONE: return RELOC_NONE;
	case R_PPC64_RELATIVE: return RELOC_RELATIVE;
	case R_PPC64_IRELATIVE:
	case R_PPC64_JMP_IREL: return RELOC_IRELATIVE;
	case R_PPC64_ADDR64: return RELOC_WORD;
	case R_PPC64_GLOB_DAT: return RELOC_GLOB_DAT;
	case R_PPC64_JMP_SLOT: return RELOC_JUMP_SLOT;
	case R_PPC64_COPY: return RELOC_COPY;
	case R_PPC64_DTPMOD64: return RELOC_TLS_MODULE;
	case R_PPC64_DTPREL64: return RELOC_TLS_OFFSET;
	case R_PPC64_TPREL64: return RELOC_TLS_TP;
	case R_PPC64_ADDR32:
	case R_PPC64_UADDR32:
	case R_PPC64_UADDR64:
	case R_PPC64_REL32:
	case R_PPC64_REL64: return RELOC_OTHER;
	}
	return RELOC_UNKNOWN;
}

/* Bytes from the global entry to the local one. */
static int local_entry(uint8_t st_other)
{
	return (1 << (st_other >> 5)) >> 2 << 2;
}

static int call_entry(uint64_t options, bool own, uint8_t reference, uint8_t definition)
{
	if (!own)
		return (options & OPT_LOCALENTRY) && !(reference >> 5) && definition >> 5 ? -1 : 0;
	return options & OPT_MULTI_TOC ? 0 : local_entry(definition);
}

static GElf_Addr stub(GElf_Addr stubs, uint64_t offset)
{
	return stubs + 32 + (offset / 8 - 2) * 4;
}

static const int64_t address_tags[] = { DT_PPC64_GLINK, DT_PPC64_OPD, 0 };
static const int64_t value_tags[] = { DT_PPC64_OPDSZ, DT_PPC64_OPT, 0 };
static const struct capability none[] = { { 0 } };

const struct arch arch_ppc64 = {
	.name = "ppc64",
	.machine = EM_PPC64,
	.elf_class = ELFCLASS64,
	.page_max = 65536,
	.rela = true,
	.r_relative = R_PPC64_RELATIVE,
	.r_irelative = R_PPC64_IRELATIVE,
	.r_glob_dat = R_PPC64_GLOB_DAT,
	.r_jump_slot = R_PPC64_JMP_SLOT,
	.r_word = R_PPC64_ADDR64,
	.r_copy = R_PPC64_COPY,
	.reloc_kind = reloc_kind,
	.options_tag = DT_PPC64_OPT,
	.call_entry = call_entry,
	.stubs_tag = DT_PPC64_GLINK,
	.stub = stub,
	.address_tags = address_tags,
	.value_tags = value_tags,
	.module = { PKGLIBDIR "/powerpc64le/prelink-rtld.so", NULL },
	.interpreter = "/lib64/ld64.so.2",
	.multiarch = "powerpc64le-linux-gnu",
	.lib = "lib64",
	.platform = "power8",
	.cache_flags = CACHE_PPC64,
	.hwcaps = none,
	.old_hwcaps = none,
	.old_platforms = none,
};
