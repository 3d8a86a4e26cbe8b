/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files a cache is about, CACHE.seen: the device, inode and times of each, in a file of its own beside
 * the cache.  So the cache has the same bytes wherever the same files are prelinked, and what holds on one
 * file system alone can be left out of an image, or removed at any time: nothing passes for unchanged then.
 *
 * It opens with a struct seen_header, which says what cache it belongs to; a struct cache_stamp for each of
 * its objects follows, then one for each of its inputs.  One of another cache counts for nothing; one that
 * is damaged is reported. */
#ifndef CACHE_SEEN_H
#define CACHE_SEEN_H

#include "cache/cache.h"

struct seen_header {
	char magic[16];
	uint32_t version, order; /* as in the cache's own header */
	uint32_t crc;            /* CRC-32 of all that follows this field */
	uint32_t cache;          /* the CRC-32 of the cache */
	uint64_t size;           /* of the cache, bytes */
};

/* What was seen of ENTRY, or of the input INPUT, of CACHE; NULL where that is not known. */
const struct cache_stamp *seen_object(const struct cache *cache, const struct cache_object *entry);
const struct cache_stamp *seen_input(const struct cache *cache, const struct cache_input *input);

/* Sets cache->seen of the cache that was read from PATH. */
void seen_read(struct cache *cache, const struct root *root, const char *path);
/* Replaces what there is beside PATH, where CACHE was written.  With SOURCE_DATE_EPOCH in the environment, as
 * for who makes an image, nothing is left there.  0, or -1 after a message. */
int seen_write(const struct cache *cache, const struct root *root, const char *path);
/* Removes it, if it is there.  0, or -1 after a message. */
int seen_remove(const struct root *root, const char *path);

#endif
