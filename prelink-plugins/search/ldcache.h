/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /etc/ld.so.cache, asked as ld.so asks it (glibc's elf/dl-cache.c).
 *
 * All forms that glibc reads: the new format ("glibc-ld.so.cache1.1"), of either byte order, with or
 * without the extension that names glibc-hwcaps subdirectories; the old one ("ld.so-1.7.0"); and a new
 * one that hides behind the string table of an old one.  Nothing in the file is trusted: what points
 * outside of it does not exist. */
#ifndef LDCACHE_H
#define LDCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root.h"

struct ldcache {
	unsigned char *data; /* the file and a NUL; NULL where there is none; owned */
	size_t size;         /* bytes, without that NUL */
	bool big_endian;
	bool present;      /* the file is there, whatever is in it */
	size_t table;      /* file offset of the first entry */
	size_t entry_size; /* bytes: 12 in the old format, 24 in the new one */
	uint32_t count;    /* entries; 0 where nothing can be used */
	size_t strings;    /* file offset that string indices count from */
	size_t hwcaps;     /* file offset of the array of names of glibc-hwcaps subdirectories */
	uint32_t hwcap_count;
};

#define LDCACHE_TLS (1ULL << 63)

/* Which entries are for whom; ldso.h fills it. */
struct ldcache_key {
	uint32_t flags;           /* of the machine's entries (arch.h) */
	const char *const *named; /* glibc-hwcaps subdirectories that the processor can use, best first */
	size_t named_count;
	uint64_t hwcap;    /* bits of the old capabilities that it has, platform's not included, and
					LDCACHE_TLS; 0 for a glibc that no longer knows them */
	uint64_t platform; /* its one bit among platform_mask, or 0 */
	uint64_t platform_mask;
};

/* Reads the tree's cache.  0, also where there is none or where it is unusable (said in a warning:
 * ld.so passes over such a file in silence), -1 after a message. */
int ldcache_open(struct ldcache *cache, const struct root *root);
void ldcache_release(struct ldcache *cache);

/* The path that ld.so would try for NAME, NULL where the cache has none.  Points into the cache. */
const char *ldcache_lookup(const struct ldcache *cache, const struct ldcache_key *key, const char *name);

#endif
