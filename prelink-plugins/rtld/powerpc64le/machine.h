/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* powerpc64le for the run-time module: the kernel's calling convention (Linux,
 * Documentation/arch/powerpc/syscall64-abi.rst), what glibc's ld.so has of its own there
 * (sysdeps/powerpc/powerpc64), and how it asks an IFUNC resolver.
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.36
 *   link_map.l_info               64
 *   link_map.l_info entries       84
 *   link_map.l_phdr              736
 *   link_map.l_phnum             752
 *   link_map.l_scope_max         960
 *   link_map.l_scope             968
 *   link_map                    1192
 *   pthread                     1856 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rela.h"

enum {
	MACHINE_EM = EM_PPC64,
	MACHINE_CLASS = ELFCLASS64,
	MACHINE_R_TPOFF = R_PPC64_TPREL64,      /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_PPC64_JMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 42, /* DT_NUM + DT_THISPROCNUM, which is 4, from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 42, /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 0,  /* variant I: blocks lie above the thread pointer minus 0x7000 */
	MACHINE_TLS_TAKEN = 0,  /* bytes that TLS_TCB_SIZE takes: what ld.so has of its own lies below */
	MACHINE_DT_LATE =
		DT_PPC64_GLINK, /* which gets it when an object is relocated (elf_machine_runtime_setup()) */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

	MACHINE_READ = 3,
	MACHINE_WRITE = 4,
	MACHINE_CLOSE = 6,
	MACHINE_MMAP = 90,
	MACHINE_MUNMAP = 91,
	MACHINE_PRLIMIT64 = 325,
	MACHINE_MADVISE = 205,
	MACHINE_OPENAT = 286,
	MACHINE_READLINKAT = 296,
	MACHINE_EXECVE = 11,
	MACHINE_STATX = 383,
	MACHINE_MMAP_BLOCK = 0, /* mmap takes its arguments as any call */
};

#define MACHINE_R_TYPE(info) ELF64_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF64_R_SYM(info)

/* True of the relocation types that ld.so takes in data (glibc, sysdeps/powerpc/powerpc64/dl-machine.h; those
 * of instructions are not among them). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_PPC64_NONE | 1ull << R_PPC64_ADDR32 | 1ull << R_PPC64_COPY |
			       1ull << R_PPC64_GLOB_DAT | 1ull << R_PPC64_JMP_SLOT |
			       1ull << R_PPC64_RELATIVE | 1ull << R_PPC64_UADDR32 | 1ull << R_PPC64_REL32 |
			       1ull << R_PPC64_ADDR64 | 1ull << R_PPC64_UADDR64 | 1ull << R_PPC64_REL64;

	return type == R_PPC64_DTPMOD64 || type == R_PPC64_DTPREL64 || type == R_PPC64_TPREL64 ||
	       type == R_PPC64_IRELATIVE || type == R_PPC64_JMP_IREL || (type < 64 && taken >> type & 1);
}

/* The kernel says by a bit of the condition register that the call failed. */
static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = number, r3 __asm__("r3") = a, r4 __asm__("r4") = b;
	register long r5 __asm__("r5") = c, r6 __asm__("r6") = d, r7 __asm__("r7") = e, r8 __asm__("r8") = f;

	__asm__ volatile("sc\n\tbns+ 1f\n\tneg 3, 3\n1:"
			 : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
			 :
			 : "r9", "r10", "r11", "r12", "cr0", "ctr", "xer", "memory");
	return r3;
}

/* What the IFUNC resolver at ADDRESS, a global entry, chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	return ((ElfW(Addr)(*)(unsigned long))address)(hwcap[0]);
}

#endif
