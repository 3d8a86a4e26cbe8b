/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aarch64 for the run-time module: the kernel's calling convention (syscall(2)), what glibc's ld.so has of
 * its own there (sysdeps/aarch64), and how it asks an IFUNC resolver (dl-irel.h, sys/ifunc.h; SYSVABI64,
 * "GNU indirect functions").
 *
 * Where things are in Debian's glibcs (bytes, or pointers where it says entries):
 *
 *                               2.36   2.41   2.43
 *   link_map.l_info               64     64     64
 *   link_map.l_info entries       86     86     86
 *   link_map.l_phdr              752    752    752
 *   link_map.l_phnum             768    768    768
 *   link_map.l_scope_max         976    968    968
 *   link_map.l_scope             984    976    976
 *   link_map                    1232   1216   1216
 *   pthread                     1856   1824   1824 */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rela.h"

enum {
	MACHINE_EM = EM_AARCH64,
	MACHINE_CLASS = ELFCLASS64,
	MACHINE_R_TPOFF = R_AARCH64_TLS_TPREL,     /* a thread variable's offset from its pointer */
	MACHINE_R_JUMP_SLOT = R_AARCH64_JUMP_SLOT, /* a function that may be bound late */

	MACHINE_TAGS_LAZY = 44,    /* DT_NUM + DT_THISPROCNUM, which is 6, from 2.36 on ... */
	MACHINE_TAGS_RSEQ = 44,    /* ... and any of those may have a block for rseq(2) */
	MACHINE_TLS_BELOW = 0,     /* variant I: blocks lie above the thread pointer, behind two words */
	MACHINE_TLS_TAKEN = 16,    /* bytes that TLS_TCB_SIZE takes: those */
	MACHINE_DT_LATE = DT_NULL, /* no tag of its own gets it when an object is relocated */
	MACHINE_DYNAMIC_MOVED = 1, /* ld.so adds the load bias to addresses in dynamic sections */

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
};

#define MACHINE_R_TYPE(info) ELF64_R_TYPE(info)
#define MACHINE_R_SYM(info) ELF64_R_SYM(info)

/* True of the relocation types that ld.so takes in an object (glibc, sysdeps/aarch64/dl-machine.h). */
static inline bool machine_ldso_takes(uint32_t type)
{
	return type == R_AARCH64_NONE || type == R_AARCH64_ABS64 ||
	       (type >= R_AARCH64_COPY && type <= R_AARCH64_IRELATIVE);
}

static inline long machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* What the IFUNC resolver at ADDRESS chooses.  HWCAP: AT_HWCAP and AT_HWCAP2. */
static inline ElfW(Addr) machine_resolve(ElfW(Addr) address, const uintptr_t hwcap[2])
{
	const struct {
		uint64_t size, hwcap, hwcap2;
	} argument = { sizeof argument, hwcap[0], hwcap[1] };

	/* _IFUNC_ARG_HWCAP: there is a second argument. */
	return ((ElfW(Addr)(*)(uint64_t, const void *))address)(hwcap[0] | 1ull << 62, &argument);
}

#endif
