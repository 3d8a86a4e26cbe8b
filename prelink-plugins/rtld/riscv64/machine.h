/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* riscv64 for the run-time module: the kernel's calling convention (syscall(2)), what glibc's ld.so has of
 * its own there (sysdeps/riscv), and how it asks an IFUNC resolver (dl-irel.h, sys/hwprobe.h).
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.41   2.43
 *   link_map.l_info               64     64
 *   link_map.l_info entries       80     80
 *   link_map.l_phdr              704    704
 *   link_map.l_phnum             720    720
 *   link_map.l_scope_max         920    920
 *   link_map.l_scope             928    928
 *   link_map                    1152   1152
 *   pthread                     1824   1824 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rela.h"

#ifndef R_RISCV_TLSDESC
#define R_RISCV_TLSDESC 12
#endif

enum {
	MACHINE_EM = EM_RISCV,
	MACHINE_CLASS = ELFCLASS64,
	MACHINE_R_TPOFF = R_RISCV_TLS_TPREL64,   /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_RISCV_JUMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 38,    /* DT_NUM from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 38,    /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 0,     /* variant I: blocks lie above the thread pointer, from there on */
	MACHINE_TLS_TAKEN = 0,     /* bytes that TLS_TCB_SIZE takes: what ld.so has of its own lies below */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED =
		0, /* ld.so leaves dynamic sections as they are in the files (dl-relocate-ld.h) */

	MACHINE_MADVISE = 233,
	MACHINE_OPENAT = 56,
	MACHINE_CLOSE = 57,
	MACHINE_READ = 63,
	MACHINE_WRITE = 64,
	MACHINE_READLINKAT = 78,
	MACHINE_EXECVE = 221,
	MACHINE_MMAP = 222,
	MACHINE_MUNMAP = 215,
	MACHINE_PRLIMIT64 = 261,
	MACHINE_STATX = 291,
	MACHINE_MMAP_BLOCK = 0, /* mmap takes its arguments as any call */

	MACHINE_HWPROBE = 258, /* riscv_hwprobe(2) */
};

#define MACHINE_R_TYPE(info) ELF64_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF64_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/riscv/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	const uint64_t taken = 1ull << R_RISCV_NONE | 1ull << R_RISCV_64 | 1ull << R_RISCV_RELATIVE |
			       1ull << R_RISCV_COPY | 1ull << R_RISCV_JUMP_SLOT |
			       1ull << R_RISCV_TLS_DTPMOD64 | 1ull << R_RISCV_TLS_DTPREL64 |
			       1ull << R_RISCV_TLS_TPREL64 | 1ull << R_RISCV_TLSDESC |
			       1ull << R_RISCV_IRELATIVE;

	return type < 64 && taken >> type & 1;
}

static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

/* __riscv_hwprobe() of glibc 2.40 and later: 0, or what went wrong as a positive number. */
static inline int machine_hwprobe(void *pairs, size_t pair_count, size_t cpu_size, unsigned long *cpus,
				  unsigned flags)
{
	return (int)-machine_syscall(MACHINE_HWPROBE, (long)pairs, (long)pair_count, (long)cpu_size,
				     (long)cpus, flags, 0);
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	/* The third argument is for what may come; before glibc 2.40 there is but the first. */
	return ((ElfW(Addr)(*)(uint64_t, void *, void *))address)(hwcap[0], (void *)machine_hwprobe, NULL);
}

#endif
