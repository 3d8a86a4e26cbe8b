/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arm for the run-time module: the kernel's calling convention (syscall(2), EABI), what glibc's ld.so has of
 * its own there (sysdeps/arm), and how it asks an IFUNC resolver.
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.36   2.41
 *   link_map.l_info               32     32
 *   link_map.l_info entries       80     80
 *   link_map.l_phdr              352    352
 *   link_map.l_phnum             360    360
 *   link_map.l_scope_max         480    476
 *   link_map.l_scope             484    480
 *   link_map                     632    624
 *   pthread                     1280   1248 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rel.h"

enum {
	MACHINE_EM = EM_ARM,
	MACHINE_CLASS = ELFCLASS32,
	MACHINE_R_TPOFF = R_ARM_TLS_TPOFF32,   /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_ARM_JUMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 38,    /* DT_NUM from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 38,    /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 0,     /* variant I: blocks lie above the thread pointer, behind two words */
	MACHINE_TLS_TAKEN = 8,     /* bytes that TLS_TCB_SIZE takes: those */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

	MACHINE_READ = 3,
	MACHINE_WRITE = 4,
	MACHINE_CLOSE = 6,
	MACHINE_MMAP = 192, /* mmap2(2) */
	MACHINE_MUNMAP = 91,
	MACHINE_PRLIMIT64 = 369,
	MACHINE_MADVISE = 220,
	MACHINE_OPENAT = 322,
	MACHINE_READLINKAT = 332,
	MACHINE_EXECVE = 11,
	MACHINE_STATX = 397,
	MACHINE_MMAP_BLOCK = 0, /* mmap takes its arguments as any call */
};

#define MACHINE_R_TYPE(info) ELF32_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF32_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/arm/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_ARM_NONE | 1ull << R_ARM_PC24 | 1ull << R_ARM_ABS32 |
			       1ull << R_ARM_TLS_DESC | 1ull << R_ARM_TLS_DTPMOD32 |
			       1ull << R_ARM_TLS_DTPOFF32 | 1ull << R_ARM_TLS_TPOFF32 | 1ull << R_ARM_COPY |
			       1ull << R_ARM_GLOB_DAT | 1ull << R_ARM_JUMP_SLOT | 1ull << R_ARM_RELATIVE;

	return type == R_ARM_IRELATIVE || (type < 64 && taken >> type & 1);
}

/* r7, which has the number, may be the compiler's frame pointer. */
static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c, r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e, r5 __asm__("r5") = f, ip __asm__("ip") = number,
			 saved __asm__("lr");

	__asm__ volatile("mov %1, r7\n\tmov r7, %2\n\tsvc 0\n\tmov r7, %1"
			 : "+r"(r0), "=&r"(saved)
			 : "r"(ip), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
			 : "memory");
	return r0;
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	return ((ElfW(Addr)(*)(unsigned long))address)(hwcap[0]);
}

#endif
