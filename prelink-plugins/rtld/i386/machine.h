/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* i386 for the run-time module: the kernel's calling convention (syscall(2)), what glibc's ld.so has of its
 * own there (sysdeps/i386), and how it asks an IFUNC resolver.
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.36   2.41   2.43
 *   link_map.l_info               32     32     32
 *   link_map.l_info entries       80     80     80
 *   link_map.l_phdr              352    352    352
 *   link_map.l_phnum             360    360    360
 *   link_map.l_scope_max         488    484    484
 *   link_map.l_scope             492    488    488
 *   link_map                     640    632    632
 *   pthread                     1216   1216   1216 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rel.h"

enum {
	MACHINE_EM = EM_386,
	MACHINE_CLASS = ELFCLASS32,
	MACHINE_R_TPOFF = R_386_TLS_TPOFF,    /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_386_JMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 38,    /* DT_NUM from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 38,    /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 1,     /* variant II: blocks lie below the thread pointer */
	MACHINE_TLS_TAKEN = 1344,  /* bytes that TLS_TCB_SIZE takes at most: struct pthread */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

	MACHINE_READ = 3,
	MACHINE_WRITE = 4,
	MACHINE_CLOSE = 6,
	MACHINE_MMAP = 90, /* the old one: there are not registers enough for mmap2(2) */
	MACHINE_MUNMAP = 91,
	MACHINE_PRLIMIT64 = 340,
	MACHINE_MADVISE = 219,
	MACHINE_OPENAT = 295,
	MACHINE_READLINKAT = 305,
	MACHINE_EXECVE = 11,
	MACHINE_STATX = 383,
	MACHINE_MMAP_BLOCK = 1, /* mmap takes a pointer to its six arguments */
};

#define MACHINE_R_TYPE(info) ELF32_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF32_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/i386/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_386_NONE | 1ull << R_386_32 | 1ull << R_386_PC32 |
			       1ull << R_386_COPY | 1ull << R_386_GLOB_DAT | 1ull << R_386_JMP_SLOT |
			       1ull << R_386_RELATIVE | 1ull << R_386_TLS_TPOFF | 1ull << R_386_TLS_DTPMOD32 |
			       1ull << R_386_TLS_DTPOFF32 | 1ull << R_386_TLS_TPOFF32 | 1ull << R_386_SIZE32 |
			       1ull << R_386_TLS_DESC | 1ull << R_386_IRELATIVE;

	return type < 64 && taken >> type & 1;
}

/* Of at most five arguments: F is 0. */
static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	(void)f;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return result;
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	(void)hwcap;
	return ((ElfW(Addr)(*)(void))address)();
}

#endif
