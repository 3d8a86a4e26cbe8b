/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files a cache is about; see seen.h. */
#include "cache/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cache/format.h"
#include "alloc.h"
#include "diag.h"

#define SEEN_MAGIC "prelink-seen\n\0\0\0"

static char *path_of(const char *cache_path)
{
	return xasprintf("%s.seen", cache_path);
}

static struct seen_header header_for(const struct cache *cache)
{
	struct seen_header h = {
		.version = CACHE_VERSION, .order = CACHE_ORDER, .cache = cache->crc, .size = cache->size
	};

	memcpy(h.magic, SEEN_MAGIC, sizeof h.magic);
	return h;
}

/* The checksum of the COUNT stamps behind H. */
static uint32_t checksum(const struct seen_header *h, const struct cache_stamp *stamp, size_t count)
{
	size_t start = offsetof(struct seen_header, crc) + sizeof h->crc;
	uLong crc = crc32_z(0, (const unsigned char *)h + start, sizeof *h - start);

	return (uint32_t)crc32_z(crc, (const unsigned char *)stamp, count * sizeof *stamp);
}

const struct cache_stamp *seen_object(const struct cache *cache, const struct cache_object *entry)
{
	return cache->seen ? &cache->seen[entry - cache->object] : NULL;
}

const struct cache_stamp *seen_input(const struct cache *cache, const struct cache_input *input)
{
	return cache->seen ? &cache->seen[cache->object_count + (size_t)(input - cache->input)] : NULL;
}

/* Reads the file FD into STAMP, COUNT of them.  NULL, or what is wrong with it; "" where
 * it is of another cache. */
static const char *read_stamps(const struct cache *cache, int fd, struct cache_stamp *stamp, size_t count)
{
	size_t size = count * sizeof *stamp;
	struct seen_header h, own = header_for(cache);
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || pread(fd, &h, sizeof h, 0) != sizeof h)
		return "it is cut off";
	if (memcmp(h.magic, own.magic, sizeof h.magic) != 0)
		return "it is not a file of this program";
	if (h.version != own.version || h.order != own.order || h.cache != own.cache || h.size != own.size)
		return "";
	if ((uint64_t)st.st_size != sizeof h + size || pread(fd, stamp, size, sizeof h) != (ssize_t)size)
		return "it is cut off, or something was added to it";
	return h.crc == checksum(&h, stamp, count) ? NULL : "its checksum is wrong";
}

void seen_read(struct cache *cache, const struct root *root, const char *path)
{
	size_t count = cache->object_count + cache->input_count;
	char *seen = path_of(path);
	int fd = root_open(root, seen, O_RDONLY);
	const char *wrong = fd < 0 && errno != ENOENT ? diag_reason(errno) : NULL;

	if (fd >= 0) {
		cache->seen = xcalloc(count + 1, sizeof *cache->seen);
		wrong = read_stamps(cache, fd, cache->seen, count);
		close(fd);
	}
	if (wrong) {
		char *outside = root_outside(root, seen);

		if (*wrong)
			diag_warn(outside, "it counts for nothing: %s; it will be made anew", wrong);
		free(outside);
		free(cache->seen);
		cache->seen = NULL;
	}
	free(seen);
}

int seen_write(const struct cache *cache, const struct root *root, const char *path)
{
	size_t count = cache->object_count + cache->input_count;
	struct seen_header h = header_for(cache);
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	if (epoch && *epoch)
		return seen_remove(root, path);
	h.crc = checksum(&h, cache->seen, count);
	char *seen = path_of(path);
	int status = cache_put_file(root, seen, &h, sizeof h, cache->seen, count * sizeof *cache->seen);

	free(seen);
	return status;
}

int seen_remove(const struct root *root, const char *path)
{
	char *seen = path_of(path);
	int status = cache_remove_file(root, seen);

	free(seen);
	return status;
}
