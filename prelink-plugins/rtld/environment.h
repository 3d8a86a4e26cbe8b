/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the run-time module is told by the environment and the kernel. */
#ifndef RTLD_ENVIRONMENT_H
#define RTLD_ENVIRONMENT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct environment {
	const char
		*off;  /* the variable, or what else, that makes the module stand aside; NULL: nothing does */
	bool verbose;  /* PRELINK_RTLD=verbose */
	bool only_map; /* PRELINK_RTLD=off: the store is mapped all the same, so that objects lie where they
			  do with it, and nothing is done */
	const char *store;        /* PRELINK_STORE: where the store is, if not in its usual place */
	const char *library_path; /* LD_LIBRARY_PATH, or NULL */
	const char *const *
		arguments; /* as the kernel put them, its environment behind; NULL where another start of them
				       * would be another one: set-id, or ld.so as a command */
	const char *
		name; /* AT_EXECFN: what execve(2) was given, or the script that named the program; or NULL */
	const char *learn;   /* PRELINK_LEARN: the file to which what is not planned is written; or NULL */
	ElfW(Addr) uid;      /* effective user */
	ElfW(Addr) vdso;     /* address of the kernel's object, or 0 */
	ElfW(Addr) phdr;     /* AT_PHDR: the program's headers */
	unsigned page_shift; /* AT_PAGESZ: a page has 1 << this bytes */
	uintptr_t hwcap[2];  /* AT_HWCAP and AT_HWCAP2: what the processor can do */
};

/* Reads what the kernel put behind the program's arguments, of which STACK_END, ld.so's __libc_stack_end, is
 * the count.  LOADER is ld.so's load bias. */
void environment_read(struct environment *environment, const uintptr_t *stack_end, ElfW(Addr) loader);

#endif
