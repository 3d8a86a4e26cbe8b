/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64 for the run-time module: the kernel's calling convention (x86-64 psABI, appendix A.2.1). */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#define SYS_WRITE 1

static inline long machine_syscall3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
