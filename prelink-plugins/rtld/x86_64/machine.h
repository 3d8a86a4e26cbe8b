/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64 for the run-time module: the kernel's calling convention (x86-64 psABI, appendix A.2.1), and the relocation
 * that wants the offset of a thread variable from the thread pointer. */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <elf.h>

#define SYS_WRITE 1
#define SYS_MMAP 9
#define MACHINE_R_TPOFF R_X86_64_TPOFF64

static inline long machine_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline long machine_syscall3(long number, long a, long b, long c)
{
	return machine_syscall6(number, a, b, c, 0, 0, 0);
}

#endif
