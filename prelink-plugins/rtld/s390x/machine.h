/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* s390x for the run-time module: the kernel's calling convention (syscall(2)), what glibc's ld.so has of its
 * own there (sysdeps/s390), and how it asks an IFUNC resolver.
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.36
 *   link_map.l_info               64
 *   link_map.l_info entries       80
 *   link_map.l_phdr              704
 *   link_map.l_phnum             720
 *   link_map.l_scope_max         936
 *   link_map.l_scope             944
 *   link_map                    1184
 *   pthread                     1856 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rela.h"

enum {
	MACHINE_EM = EM_S390,
	MACHINE_CLASS = ELFCLASS64,
	MACHINE_R_TPOFF = R_390_TLS_TPOFF,    /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_390_JMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 38,    /* DT_NUM from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 38,    /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 1,     /* variant II: blocks lie below the thread pointer */
	MACHINE_TLS_TAKEN = 1920,  /* bytes that TLS_TCB_SIZE takes at most: struct pthread */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

	MACHINE_READ = 3,
	MACHINE_WRITE = 4,
	MACHINE_CLOSE = 6,
	MACHINE_MMAP = 90,
	MACHINE_MUNMAP = 91,
	MACHINE_PRLIMIT64 = 334,
	MACHINE_MADVISE = 219,
	MACHINE_OPENAT = 288,
	MACHINE_READLINKAT = 298,
	MACHINE_EXECVE = 11,
	MACHINE_STATX = 379,
	MACHINE_MMAP_BLOCK = 1, /* mmap takes a pointer to its six arguments */
};

#define MACHINE_R_TYPE(info) ELF64_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF64_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/s390/s390-64/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_390_NONE | 1ull << R_390_8 | 1ull << R_390_16 | 1ull << R_390_32 |
			       1ull << R_390_PC32 | 1ull << R_390_COPY | 1ull << R_390_GLOB_DAT |
			       1ull << R_390_JMP_SLOT | 1ull << R_390_RELATIVE | 1ull << R_390_PC16 |
			       1ull << R_390_PC16DBL | 1ull << R_390_PC32DBL | 1ull << R_390_64 |
			       1ull << R_390_PC64 | 1ull << R_390_TLS_DTPMOD | 1ull << R_390_TLS_DTPOFF |
			       1ull << R_390_TLS_TPOFF | 1ull << R_390_IRELATIVE;

	return type < 64 && taken >> type & 1;
}

/* Of at most five arguments: F is 0. */
static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r1 __asm__("r1") = number, r2 __asm__("r2") = a, r3 __asm__("r3") = b;
	register long r4 __asm__("r4") = c, r5 __asm__("r5") = d, r6 __asm__("r6") = e;

	(void)f;
	__asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4), "d"(r5), "d"(r6) : "memory");
	return r2;
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	return ((ElfW(Addr)(*)(unsigned long))address)(hwcap[0]);
}

#endif
