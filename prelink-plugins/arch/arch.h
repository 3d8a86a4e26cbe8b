/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs between machines: one table of values and functions for each, in arch/MACHINE.c, and no
 * question about the machine anywhere else.  To add a machine: write its file, add it to arch_table in
 * arch/arch.c and to local.mk.
 *
 * Class and byte order are data of the object (elf_image.h), so one table serves both byte orders. */
#ifndef ARCH_H
#define ARCH_H

#include "elf_image.h"

/* What a dynamic relocation asks of ld.so, and so what we may do ahead of time. */
enum reloc_kind {
	RELOC_UNKNOWN = 0, /* not in the table: the object is left alone */
	RELOC_NONE,        /* nothing to do */
	RELOC_RELATIVE,    /* load bias + addend */
	RELOC_IRELATIVE,   /* result of calling load bias + addend */
	RELOC_WORD,        /* S + A in a word of the address size */
	RELOC_GLOB_DAT,    /* S (+ A), a GOT entry */
	RELOC_JUMP_SLOT,   /* S (+ A), a GOT entry that lazy binding may fill later */
	RELOC_COPY,        /* the executable's copy of a library's object */
	RELOC_TLS_MODULE,  /* DTPMOD */
	RELOC_TLS_OFFSET,  /* DTPOFF */
	RELOC_TLS_TP,      /* TPOFF: offset from the thread pointer */
	RELOC_TLSDESC,     /* a TLS descriptor, two words */
	RELOC_OTHER,       /* depends on a symbol in another way (PC-relative, 32-bit in a 64-bit object,
			      SIZE ...): left to ld.so */
};

/* What a processor may be able to do, and how ld.so calls it. */
struct capability {
	const char *name;  /* a subdirectory; NULL ends a table */
	const char *flags; /* words of /proc/cpuinfo that it takes ("!word": that must not be there),
				 blank-separated; "" takes none */
	unsigned char bit; /* of `hwcap` in entries of ld.so.cache (glibc before 2.37) */
};

enum { DIRECT_CALL_SIZE = 5 }; /* bytes that the longest takes, of those that arch->direct_call knows */

struct arch {
	const char *name;        /* of the machine in messages and --json: "x86-64" */
	uint16_t machine;        /* e_machine */
	unsigned char elf_class; /* ELFCLASS32 or ELFCLASS64 */

	/* Slots: addresses are handed out in [slot_first, slot_end), multiples of page_max.  Both 0: there
	 * are none, and only a store serves the machine. */
	GElf_Addr slot_first, slot_end;
	uint64_t page_max;  /* bytes; the largest page size the psABI allows for */
	uint64_t huge_page; /* bytes; the unit to which Linux aligns large files (thp_get_unmapped_area):
				 a mapping of at least that size gets the address it asks for only where that
				 much is free behind it as well.  0 where it does not */

	/* Relocation types, as in <elf.h>. */
	bool rela; /* dynamic relocations carry addends (else they lie in place) */
	uint32_t r_relative, r_irelative, r_glob_dat, r_jump_slot, r_word, r_copy;
	uint32_t r_word32; /* S + A in 32 bits; only where loader_slot is set */
	enum reloc_kind (*reloc_kind)(uint32_t type);

	/* Tags of the dynamic section between DT_LOPROC and DT_HIPROC whose d_un is an address, and whose
	 * d_un is none; each ends with 0.  An object with any other is left alone. */
	const int64_t *address_tags, *value_tags;

	GElf_Addr loader_slot; /* where an ld.so goes that knows DT_GNU_LIBLIST (liblist.h); 0: nowhere */
	/* Where a function has more than one entry: bytes behind its address at which a JUMP_SLOT calls it,
	 * or -1 where ld.so refuses to bind it.  OPTIONS is what the caller says by options_tag, 0 where it
	 * says nothing; REFERENCE and DEFINITION are the symbols' st_other; OWN: both are of one object.
	 * NULL where a function has one entry. */
	int (*call_entry)(uint64_t options, bool own, uint8_t reference, uint8_t definition);
	int64_t options_tag;

	/* Where the words of lazy JUMP_SLOTs have no content in the file: the tag by which the stubs are
	 * found, and the address of the one for the word OFFSET bytes behind DT_PLTGOT.  Else 0 and NULL. */
	int64_t stubs_tag;
	GElf_Addr (*stub)(GElf_Addr stubs, uint64_t offset);

	/* Instructions that call or jump to a place relative to themselves: one may begin every `code_step`
	 * bytes.  True if CODE, which lies at ADDRESS, is one; TARGET is where it goes then.  NULL: nobody
	 * reads code of this machine. */
	unsigned code_step;
	bool (*direct_call)(const unsigned char code[DIRECT_CALL_SIZE], GElf_Addr address, GElf_Addr *target);

	uint8_t at_once; /* bits of st_other: a call of such a symbol is never bound late */
	bool tls_below;  /* thread variables lie below the thread pointer (TLS variant II) */

	/* Where programs find the run-time module, inside the root: of little-endian ones, of big-endian
	 * ones.  NULL where there is none. */
	const char *module[2];
	bool plan_in_file; /* a program's file may carry its plan; else only a store does */

	/* What ld.so of this machine looks for; see ldso.h. */
	const char *interpreter;         /* the psABI's, as in PT_INTERP */
	const char *multiarch;           /* Debian's triplet: "x86_64-linux-gnu" */
	const char *lib;                 /* "lib64" or "lib": $LIB without multiarch */
	const char *platform;            /* $PLATFORM, as in AT_PLATFORM; NULL where Linux has none */
	uint32_t cache_flags;            /* of entries in ld.so.cache that are for this machine */
	const struct capability *hwcaps; /* subdirectories of glibc-hwcaps, best first; each takes all
					       that those after it take */
	/* glibc before 2.37: capabilities in ascending order of bits; and platforms, of which the first
	 * that the processor is takes the place of `platform`. */
	const struct capability *old_hwcaps, *old_platforms;
};

/* The table for IMAGE's machine and class; NULL where it is none that we know. */
const struct arch *arch_find(const struct elf_image *image);

/* How to call a machine that has no table, by its e_machine; allocated. */
char *arch_machine_name(uint16_t machine);

/* Bytes of a word of IMAGE's DT_HASH, also of a machine that has no table: 4 in the gABI. */
unsigned arch_hash_word(const struct elf_image *image);

/* What the processor that this program runs on can do: words as in /proc/cpuinfo, allocated. */
char *arch_host_cpu(void);

extern const struct arch arch_x86_64, arch_i386, arch_aarch64, arch_arm, arch_ppc64, arch_riscv64, arch_s390x;

#endif
