/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system calls that the run-time module makes, the same on every machine.  MACHINE/machine.h has their
 * numbers, and says how one is made.  Each returns a negative number where it fails. */
#ifndef RTLD_KERNEL_H
#define RTLD_KERNEL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "machine.h"

static inline int kernel_open(const char *path, int flags)
{
	return (int)machine_syscall(MACHINE_OPENAT, AT_FDCWD, (long)path, flags, 0600, 0, 0);
}

static inline void kernel_close(int fd)
{
	machine_syscall(MACHINE_CLOSE, fd, 0, 0, 0, 0, 0);
}

/* Of statx(2) all that is asked for is there. */
static inline long kernel_stat(int fd, struct statx *status)
{
	const unsigned wanted = STATX_TYPE | STATX_MODE | STATX_UID | STATX_SIZE;
	long result = machine_syscall(MACHINE_STATX, fd, (long)"", AT_EMPTY_PATH, wanted, (long)status, 0);

	return result < 0 || (status->stx_mask & wanted) != wanted ? -1 : 0;
}

/* The same of the file at PATH. */
static inline long kernel_stat_path(const char *path, struct statx *status)
{
	const unsigned wanted = STATX_TYPE | STATX_SIZE | STATX_INO;
	long result = machine_syscall(MACHINE_STATX, AT_FDCWD, (long)path, 0, wanted, (long)status, 0);

	return result < 0 || (status->stx_mask & wanted) != wanted ? -1 : 0;
}

static inline long kernel_read(int fd, void *bytes, size_t size)
{
	return machine_syscall(MACHINE_READ, fd, (long)bytes, (long)size, 0, 0, 0);
}

static inline long kernel_write(int fd, const void *bytes, size_t size)
{
	return machine_syscall(MACHINE_WRITE, fd, (long)bytes, (long)size, 0, 0, 0);
}

static inline long kernel_readlink(const char *path, char *target, size_t size)
{
	return machine_syscall(MACHINE_READLINKAT, AT_FDCWD, (long)path, (long)target, (long)size, 0, 0);
}

static inline long kernel_execve(const char *path, const char *const *arguments,
				 const char *const *environment)
{
	return machine_syscall(MACHINE_EXECVE, (long)path, (long)arguments, (long)environment, 0, 0, 0);
}

/* True if this process may not have as much of RESOURCE (RLIMIT_AS and the like) as there is. */
static inline bool kernel_limited(int resource)
{
	uint64_t limit[2] = { UINT64_MAX, UINT64_MAX }; /* struct rlimit64 */

	machine_syscall(MACHINE_PRLIMIT64, 0, resource, 0, (long)limit, 0, 0);
	return limit[0] != UINT64_MAX;
}

static inline void kernel_munmap(const void *at, size_t size)
{
	machine_syscall(MACHINE_MUNMAP, (long)at, (long)size, 0, 0, 0, 0);
}

/* NULL where it fails. */
static inline void *kernel_mmap(size_t size, int protection, int flags, int fd)
{
	const long block[6] = { 0, (long)size, protection, flags, fd, 0 };
	long at = MACHINE_MMAP_BLOCK ? machine_syscall(MACHINE_MMAP, (long)block, 0, 0, 0, 0, 0) :
				       machine_syscall(MACHINE_MMAP, 0, (long)size, protection, flags, fd, 0);

	return at < 0 && at > -4096 ? NULL : (void *)at;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Has SIZE bytes at AT, whole pages, ready to be written. */
static inline long kernel_populate(void *at, size_t size)
{
	return machine_syscall(MACHINE_MADVISE, (long)at, (long)size, MADV_POPULATE_WRITE, 0, 0, 0);
}

#endif
