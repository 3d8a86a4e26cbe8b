/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the cache file begins: for who reads it (cache.c) and who makes it (build.c). */
#ifndef CACHE_FORMAT_H
#define CACHE_FORMAT_H

#include "cache/cache.h"

#define CACHE_MAGIC "prelink-plugins\n"
#define CACHE_VERSION 4
#define CACHE_ORDER 0x01020304

/* The file opens with this; objects, plugins, inputs, the pool and the strings follow without gaps. */
struct cache_header {
	char magic[16];
	uint32_t version, order; /* order: CACHE_ORDER in the byte order of the machine that wrote it */
	uint32_t crc;            /* CRC-32 of all that follows this field */
	uint32_t options;        /* fingerprint of the options that the result depends on */
	uint64_t size;           /* of the file, bytes */
	uint32_t object_count, plugin_count, input_count, pool_count, strings_size;
	uint32_t padding;
};
#define CRC_START (offsetof(struct cache_header, crc) + sizeof(uint32_t))

/* Points CACHE's tables into its bytes.  NULL, or what is wrong with them. */
const char *cache_find_tables(struct cache *cache);

/* A new file at PATH, of the HEAD_SIZE bytes at HEAD and the SIZE at REST.  0, or -1 after a message. */
int cache_put_file(const struct root *root, const char *path, const void *head, size_t head_size,
		   const void *rest, size_t size);
/* Removes the file at PATH, if there is one.  0, or -1 after a message. */
int cache_remove_file(const struct root *root, const char *path);

#endif
