/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64 for the run-time module: the kernel's calling convention (x86-64 psABI, appendix A.2.1), and the relocations
 * that want the offset of a thread variable from the thread pointer, and a function that may be bound late. */
#ifndef RTLD_MACHINE_H
#define RTLD_MACHINE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_EM EM_X86_64
#define MACHINE_CLASS ELFCLASS64

#define SYS_WRITE 1
#define SYS_OPEN 2
#define SYS_CLOSE 3
#define SYS_FSTAT 5
#define SYS_MMAP 9
#define SYS_READLINK 89
#define MACHINE_R_TPOFF R_X86_64_TPOFF64
#define MACHINE_R_JUMP_SLOT R_X86_64_JUMP_SLOT
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

/* The kernel's struct stat of this machine (asm/stat.h), as far as it is looked at. */
struct machine_stat {
	uint64_t st_dev, st_ino, st_nlink;
	uint32_t st_mode, st_uid, st_gid, st_unused;
	uint64_t st_rdev;
	int64_t st_size;
	uint64_t st_rest[12];
};
#define MACHINE_IS_REGULAR(st) (((st).st_mode & 0170000) == 0100000)
#define MACHINE_OTHERS_WRITE(st) ((st).st_mode & 022)

static inline int machine_open(const char *path, int flags)
{
	return (int)machine_syscall3(SYS_OPEN, (long)path, flags, 0600);
}
static inline void machine_close(int fd)
{
	machine_syscall3(SYS_CLOSE, fd, 0, 0);
}
static inline long machine_fstat(int fd, struct machine_stat *st)
{
	return machine_syscall3(SYS_FSTAT, fd, (long)st, 0);
}
static inline long machine_write(int fd, const void *bytes, size_t size)
{
	return machine_syscall3(SYS_WRITE, fd, (long)bytes, (long)size);
}
static inline long machine_readlink(const char *path, char *target, size_t size)
{
	return machine_syscall3(SYS_READLINK, (long)path, (long)target, (long)size);
}
/* NULL where it fails. */
static inline const void *machine_mmap(size_t size, int protection, int flags, int fd)
{
	long at = machine_syscall6(SYS_MMAP, 0, (long)size, protection, flags, fd, 0);

	return at < 0 && at > -4096 ? NULL : (const void *)at;
}

#endif
