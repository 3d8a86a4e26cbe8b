/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading ld.so.cache; see ldcache.h.  Field names are those of glibc's sysdeps/generic/dl-cache.h. */
#include "search/ldcache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"

#define LD_SO_CACHE "/etc/ld.so.cache"
#define MAGIC_OLD "ld.so-1.7.0"
#define MAGIC_NEW "glibc-ld.so.cache1.1"

/* Entries of one name: for each kind of machine and processor.  What comes after so many is not looked at. */
enum { SAME_MAX = 128 };

/* Sizes and field offsets in bytes. */
enum {
	OLD_HEADER = 16, /* magic, a byte of padding, nlibs */
	OLD_NLIBS = 12,
	OLD_ENTRY = 12,
	NEW_HEADER = 48,
	NEW_NLIBS = 20,
	NEW_FLAGS = 28,
	NEW_EXTENSION = 32, /* extension_offset */
	NEW_ENTRY = 24,
	ENTRY_FLAGS = 0,
	ENTRY_KEY = 4,
	ENTRY_VALUE = 8,
	ENTRY_HWCAP = 16,       /* of a new entry */
	EXTENSION_HEADER = 8,   /* magic, count */
	EXTENSION_SECTION = 16, /* tag, flags, offset, size */
};

/* flags of the new header: its byte order. */
enum { ENDIAN_UNSET = 0, ENDIAN_INVALID = 1, ENDIAN_LITTLE = 2, ENDIAN_BIG = 3, ENDIAN_MASK = 3 };

#define EXTENSION_MAGIC 0xeaa42174u /* (uint32_t) -358342284 */
#define TAG_GLIBC_HWCAPS 1

/* In an entry's hwcap: the low half is an index into the glibc-hwcaps names, and ten bits above it the
 * level of the instruction set that the library says it needs. */
#define HWCAP_EXTENSION (1ULL << 62)
#define HWCAP_LEVEL_MASK 0x3ffu

static uint32_t get32(const struct ldcache *c, size_t offset)
{
	uint32_t v;

	memcpy(&v, c->data + offset, sizeof v);
	return c->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap32(v);
}

static uint64_t get64(const struct ldcache *c, size_t offset)
{
	uint64_t low = get32(c, offset), high = get32(c, offset + 4);

	return c->big_endian ? low << 32 | high : high << 32 | low;
}

static bool has(const struct ldcache *c, size_t offset, size_t size)
{
	return offset <= c->size && size <= c->size - offset;
}

static void find_extension(struct ldcache *c, size_t header)
{
	size_t at = get32(c, header + NEW_EXTENSION);

	if (at == 0 || at % 4 || !has(c, at, EXTENSION_HEADER) || get32(c, at) != EXTENSION_MAGIC)
		return;
	uint32_t count = get32(c, at + 4);
	if (count > (c->size - at - EXTENSION_HEADER) / EXTENSION_SECTION)
		return;
	for (uint32_t i = 0; i < count; i++) {
		size_t section = at + EXTENSION_HEADER + (size_t)i * EXTENSION_SECTION;
		uint32_t offset = get32(c, section + 8), size = get32(c, section + 12);

		if (!has(c, offset, size)) {
			c->hwcap_count = 0; /* then glibc believes none of them */
			return;
		}
		if (get32(c, section) == TAG_GLIBC_HWCAPS && offset % 4 == 0 && size % 4 == 0) {
			c->hwcaps = offset;
			c->hwcap_count = size / 4;
		}
	}
}

/* The new format at file offset HEADER. */
static bool find_new(struct ldcache *c, size_t header)
{
	if (!has(c, header, NEW_HEADER) || memcmp(c->data + header, MAGIC_NEW, strlen(MAGIC_NEW)) != 0)
		return false;
	unsigned order = c->data[header + NEW_FLAGS] & ENDIAN_MASK;
	if (order == ENDIAN_INVALID)
		return false;
	c->big_endian = order == ENDIAN_BIG ||
			(order == ENDIAN_UNSET && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	uint32_t count = get32(c, header + NEW_NLIBS);
	if (count > (c->size - header - NEW_HEADER) / NEW_ENTRY)
		return false;
	c->table = header + NEW_HEADER;
	c->entry_size = NEW_ENTRY;
	c->count = count;
	c->strings = header;
	find_extension(c, header);
	return true;
}

static bool find_old(struct ldcache *c)
{
	if (!has(c, 0, OLD_HEADER) || memcmp(c->data, MAGIC_OLD, strlen(MAGIC_OLD)) != 0)
		return false;
	c->big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__; /* the format does not say */
	uint32_t count = get32(c, OLD_NLIBS);
	if (count > (c->size - OLD_HEADER) / OLD_ENTRY)
		return false;
	size_t strings = OLD_HEADER + (size_t)count * OLD_ENTRY;
	if (find_new(c, (strings + 7) & ~(size_t)7))
		return true;
	c->table = OLD_HEADER;
	c->entry_size = OLD_ENTRY;
	c->count = count;
	c->strings = strings;
	return true;
}

/* Reads all of FD.  0 or -1 with errno set. */
static int read_all(struct ldcache *c, int fd, size_t size)
{
	ssize_t got;

	c->data = xmalloc(size + 1);
	while (c->size < size && (got = read(fd, c->data + c->size, size - c->size)) != 0) {
		if (got > 0)
			c->size += (size_t)got;
		else if (errno != EINTR)
			return -1;
	}
	c->data[c->size] = '\0'; /* so that every string in it ends */
	return 0;
}

int ldcache_open(struct ldcache *cache, const struct root *root)
{
	int fd = root_open(root, LD_SO_CACHE, O_RDONLY), status = 0;
	struct stat st;

	*cache = (struct ldcache){ 0 };
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	char *path = root_outside(root, LD_SO_CACHE);
	cache->present = true;
	bool no_file = fd < 0 && (errno == EISDIR || errno == EMEDIUMTYPE);

	if (!no_file && (fd < 0 || fstat(fd, &st))) {
		status = diag_errno(path, "reading the cache of libraries");
	} else if (no_file || st.st_size > LIMIT_LD_CACHE) {
		diag_warn(path, "no cache of libraries: passed over, as ld.so does; run ldconfig");
	} else if (read_all(cache, fd, (size_t)st.st_size)) {
		status = diag_errno(path, "reading the cache of libraries");
	} else if (!find_new(cache, 0) && !find_old(cache)) {
		cache->count = 0;
		diag_warn(path, "unknown format or damaged: passed over, as ld.so does; run ldconfig");
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}

void ldcache_release(struct ldcache *cache)
{
	free(cache->data);
	*cache = (struct ldcache){ 0 };
}

/* The string INDEX counts to, NULL if that is outside of the file, or longer than any path: many
 * could be one of megabytes. */
static const char *string_at(const struct ldcache *c, uint32_t index)
{
	const char *text = index < c->size - c->strings ? (const char *)c->data + c->strings + index : NULL;

	return text && strnlen(text, PATH_MAX) < PATH_MAX ? text : NULL;
}

static size_t entry_at(const struct ldcache *c, uint32_t index)
{
	return c->table + (size_t)index * c->entry_size;
}

static const char *key_at(const struct ldcache *c, uint32_t index)
{
	return string_at(c, get32(c, entry_at(c, index) + ENTRY_KEY));
}

/* The number at *TEXT, which is left behind it.  Wraps as ld.so's does. */
static int number(const char **text)
{
	uint32_t value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		value = value * 10 + (uint32_t)(**text - '0');
	return (int)value;
}

/* The order of the table: runs of digits compare as numbers, and come after everything else
 * (_dl_cache_libcmp). */
static int compare(const char *a, const char *b)
{
	while (*a) {
		bool digit_a = *a >= '0' && *a <= '9', digit_b = *b >= '0' && *b <= '9';

		if (digit_a && digit_b) {
			int left = number(&a), right = number(&b);

			if (left != right)
				return left < right ? -1 : 1;
		} else if (digit_a != digit_b) {
			return digit_a ? 1 : -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++, b++;
		}
	}
	return *a - *b;
}

/* Rank of glibc-hwcaps name INDEX among those that can be used: 1 is best, 0 none. */
static uint32_t named_rank(const struct ldcache *c, const struct ldcache_key *key, uint32_t index)
{
	uint32_t at;

	if (index >= c->hwcap_count)
		return 0;
	at = get32(c, c->hwcaps + (size_t)index * 4); /* counts from the start of the file */
	if (at >= c->size)
		return 0;
	for (size_t i = 0; i < key->named_count; i++)
		if (strcmp((const char *)c->data + at, key->named[i]) == 0)
			return (uint32_t)i + 1;
	return 0;
}

/* What an entry is worth to this machine. */
enum worth { WORTH_NOTHING, WORTH_PLAIN, WORTH_NAMED };

static enum worth entry_worth(const struct ldcache *c, const struct ldcache_key *key, size_t entry,
			      uint32_t *rank)
{
	uint64_t hwcap;

	if (c->entry_size < NEW_ENTRY)
		return WORTH_PLAIN;
	hwcap = get64(c, entry + ENTRY_HWCAP);
	if (((hwcap >> 32) & ~(uint64_t)HWCAP_LEVEL_MASK) == HWCAP_EXTENSION >> 32) {
		/* Levels count from 0 and each has a name, but for the first. */
		if (key->named_count && ((hwcap >> 32) & HWCAP_LEVEL_MASK) > key->named_count)
			return WORTH_NOTHING;
		*rank = named_rank(c, key, (uint32_t)hwcap);
		return *rank ? WORTH_NAMED : WORTH_NOTHING;
	}
	if (hwcap & ~(key->hwcap | key->platform_mask))
		return WORTH_NOTHING;
	if ((hwcap & key->platform_mask) && (hwcap & key->platform_mask) != key->platform)
		return WORTH_NOTHING;
	return WORTH_PLAIN;
}

/* The best of the entries from FIRST on whose key is NAME (search_cache of dl-cache.c): entries in
 * glibc-hwcaps subdirectories come first, and the one of best rank wins; else the first plain one, but
 * one for exactly this kind of machine beats one for any. */
static const char *best_entry(const struct ldcache *c, const struct ldcache_key *key, uint32_t first,
			      const char *name)
{
	const char *best = NULL;
	uint32_t best_rank = 0, rank = 0;

	for (uint32_t i = first; i < c->count && i - first < SAME_MAX; i++) {
		const char *text = key_at(c, i), *value;
		size_t entry = entry_at(c, i);
		uint32_t flags = get32(c, entry + ENTRY_FLAGS);

		if (!text || compare(name, text) != 0)
			break;
		value = string_at(c, get32(c, entry + ENTRY_VALUE));
		/* Where the machine has no flag of its own (3), glibc takes any ELF library (1) too. */
		if (!value || (flags != key->flags && !(key->flags == 3 && flags == 1)))
			continue;
		enum worth worth = entry_worth(c, key, entry, &rank);
		if (worth == WORTH_NAMED) {
			if (!best || rank < best_rank) {
				best = value;
				best_rank = rank;
			}
		} else if (worth == WORTH_PLAIN) {
			if (best && best_rank)
				break;
			best = value;
			if (flags == key->flags)
				break;
		} else if (best_rank && c->entry_size == NEW_ENTRY &&
			   !(get64(c, entry + ENTRY_HWCAP) & HWCAP_EXTENSION)) {
			break; /* the named ones are over */
		}
	}
	return best;
}

const char *ldcache_lookup(const struct ldcache *cache, const struct ldcache_key *key, const char *name)
{
	/* As unsigned halves: [left, right). */
	uint32_t left = 0, right = cache->count;

	while (left < right) {
		uint32_t middle = left + (right - left) / 2;
		const char *text = key_at(cache, middle);

		if (!text)
			return NULL;
		int order = compare(name, text);
		if (order == 0) {
			for (int more = SAME_MAX; more && middle > 0; more--, middle--)
				if (!(text = key_at(cache, middle - 1)) || compare(name, text) != 0)
					break;
			return best_entry(cache, key, middle, name);
		}
		if (order < 0) /* the table is in descending order */
			left = middle + 1;
		else
			right = middle;
	}
	return NULL;
}
