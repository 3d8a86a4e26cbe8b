/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking a program up in a store; see known.h. */
#include "run/known.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtld/identity.h"
#include "rtld/store_format.h"

/* More program headers or dynamic entries than any program has: not looked at. */
enum { PHDR_MAX = 64, DYNAMIC_MAX = 256 };

/* The digest of the dynamic section of the program FD; false where it can have no plan, being none of this
 * machine's, or without an interpreter. */
static bool digest_of(int fd, uint64_t *digest)
{
	static ElfW(Dyn) dynamic[DYNAMIC_MAX];
	ElfW(Phdr) phdr[PHDR_MAX];
	ElfW(Ehdr) ehdr;
	const ElfW(Phdr) *found = NULL;
	bool interpreted = false;

	if (pread(fd, &ehdr, sizeof ehdr, 0) != sizeof ehdr || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    ehdr.e_phnum > PHDR_MAX || ehdr.e_phentsize != sizeof *phdr ||
	    pread(fd, phdr, ehdr.e_phnum * sizeof *phdr, (off_t)ehdr.e_phoff) !=
		    (ssize_t)(ehdr.e_phnum * sizeof *phdr))
		return false;
	for (size_t i = 0; i < ehdr.e_phnum; i++) {
		interpreted |= phdr[i].p_type == PT_INTERP;
		if (phdr[i].p_type == PT_DYNAMIC)
			found = &phdr[i];
	}
	if (!found || !interpreted)
		return false;
	/* Until DT_NULL, as ld.so reads it, also beyond PT_DYNAMIC. */
	ssize_t got = pread(fd, dynamic, sizeof dynamic, (off_t)found->p_offset);
	*digest = IDENTITY_START;
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *dynamic; i++) {
		if (dynamic[i].d_tag == DT_NULL)
			return true;
		*digest = identity_add_dynamic(*digest, (uint64_t)dynamic[i].d_tag, dynamic[i].d_un.d_val);
	}
	return false;
}

static bool store_has(int fd, uint64_t digest)
{
	struct store_header header;
	struct store_program program;

	if (pread(fd, &header, sizeof header, 0) != sizeof header || header.magic != STORE_MAGIC)
		return false;
	uint32_t low = 0, high = header.program.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		off_t at = (off_t)header.program.offset + (off_t)middle * (off_t)sizeof program;

		if (pread(fd, &program, sizeof program, at) != sizeof program)
			return false;
		if (program.dynamic == digest)
			return true;
		if (program.dynamic < digest)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

bool known(const char *directory, const char *program)
{
	char path[PATH_MAX + 8];
	struct stat seen;
	uint64_t digest = 0;
	int fd = open_regular(program);
	bool possible = fd >= 0 && digest_of(fd, &digest);

	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof path, "%s/seen", directory);
	if (stat(path, &seen) == 0 && seen.st_size > 0)
		return false;
	if (!possible)
		return true;
	snprintf(path, sizeof path, "%s/store", directory);
	fd = open_regular(path);
	bool has = fd >= 0 && store_has(fd, digest);
	if (fd >= 0)
		close(fd);
	return has;
}
