/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64 for the run-time module: the kernel's calling convention (x86-64 psABI, appendix A.2.1), what
 * glibc's ld.so has of its own there (sysdeps/x86_64), and how it asks an IFUNC resolver.
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.31   2.36   2.41   2.43
 *   link_map.l_info               64     64     64     64
 *   link_map.l_info entries       77     80     84     84
 *   link_map.l_phdr              680    704    736    736
 *   link_map.l_phnum             696    720    752    752
 *   link_map.l_scope_max         904    936    960    960
 *   link_map.l_scope             912    944    968    968
 *   link_map                    1152   1192   1208   1208
 *   pthread                     2304   2368   2368   2368 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rela.h"

enum {
	MACHINE_EM = EM_X86_64,
	MACHINE_CLASS = ELFCLASS64,
	MACHINE_R_TPOFF = R_X86_64_TPOFF64,       /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_X86_64_JUMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 38,    /* DT_NUM + DT_THISPROCNUM from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 42,    /* ... and from the first release on that may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 1,     /* variant II: blocks lie below the thread pointer */
	MACHINE_TLS_TAKEN = 2368,  /* bytes that TLS_TCB_SIZE takes at most: struct pthread */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

	MACHINE_READ = 0,
	MACHINE_WRITE = 1,
	MACHINE_CLOSE = 3,
	MACHINE_MMAP = 9,
	MACHINE_MUNMAP = 11,
	MACHINE_PRLIMIT64 = 302,
	MACHINE_MADVISE = 28,
	MACHINE_OPENAT = 257,
	MACHINE_READLINKAT = 267,
	MACHINE_EXECVE = 59,
	MACHINE_STATX = 332,
	MACHINE_MMAP_BLOCK = 0, /* mmap takes its arguments as any call */
};

#define MACHINE_R_TYPE(info) ELF64_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF64_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/x86_64/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_X86_64_NONE | 1ull << R_X86_64_64 | 1ull << R_X86_64_PC32 |
			       1ull << R_X86_64_COPY | 1ull << R_X86_64_GLOB_DAT |
			       1ull << R_X86_64_JUMP_SLOT | 1ull << R_X86_64_RELATIVE | 1ull << R_X86_64_32 |
			       1ull << R_X86_64_DTPMOD64 | 1ull << R_X86_64_DTPOFF64 |
			       1ull << R_X86_64_TPOFF64 | 1ull << R_X86_64_SIZE32 | 1ull << R_X86_64_SIZE64 |
			       1ull << R_X86_64_TLSDESC | 1ull << R_X86_64_IRELATIVE |
			       1ull << R_X86_64_RELATIVE64;

	return type < 64 && taken >> type & 1;
}

static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	(void)hwcap;
	return ((ElfW(Addr)(*)(void))address)();
}

#endif
