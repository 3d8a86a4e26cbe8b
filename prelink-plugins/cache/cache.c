/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache file; see cache.h. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cache/format.h"
#include "cache/seen.h"
#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "outfile.h"

const char *cache_find_tables(struct cache *cache)
{
	struct cache_header h;

	if (cache->size < sizeof h || memcmp(cache->data, CACHE_MAGIC, sizeof h.magic) != 0)
		return "it is not a cache of this program";
	memcpy(&h, cache->data, sizeof h);
	if (h.order != CACHE_ORDER || h.version != CACHE_VERSION)
		return "it is of another version of this program, or of another machine";
	if (h.size != cache->size)
		return "it is cut off, or something was added to it";
	if (h.crc != crc32_z(crc32_z(0, NULL, 0), cache->data + CRC_START, cache->size - CRC_START))
		return "its checksum is wrong";

	/* Each count has 32 bits and each record less than 256 bytes: the sum cannot wrap. */
	uint64_t at = sizeof h, objects = at, plugins, inputs, pool, strings;
	at += (uint64_t)h.object_count * sizeof *cache->object;
	plugins = at, at += (uint64_t)h.plugin_count * sizeof *cache->plugin;
	inputs = at, at += (uint64_t)h.input_count * sizeof *cache->input;
	pool = at, at += (uint64_t)h.pool_count * sizeof *cache->pool;
	strings = at, at += h.strings_size;
	if (at != cache->size || h.strings_size == 0 || cache->data[at - 1] != '\0')
		return "its tables do not fit it";
	cache->object = (const struct cache_object *)(cache->data + objects);
	cache->plugin = (const struct cache_plugin *)(cache->data + plugins);
	cache->input = (const struct cache_input *)(cache->data + inputs);
	cache->pool = (const uint32_t *)(cache->data + pool);
	cache->strings = (const char *)cache->data + strings;
	cache->object_count = h.object_count;
	cache->plugin_count = h.plugin_count;
	cache->input_count = h.input_count;
	cache->pool_count = h.pool_count;
	cache->strings_size = h.strings_size;
	cache->options = h.options;
	cache->crc = h.crc;
	return NULL;
}

static bool list_fits(struct cache_list list, size_t count)
{
	return list.first <= count && list.count <= count - list.first;
}

/* True if a whole string starts at AT: no two of them are the same bytes. */
static bool is_text(const struct cache *c, uint32_t at)
{
	return at < c->strings_size && (at == 0 || c->strings[at - 1] == '\0');
}

static bool object_is_sound(const struct cache *c, size_t i)
{
	const struct cache_object *o = &c->object[i];

	return is_text(c, o->path) && is_text(c, o->machine) && is_text(c, o->no_plan) &&
	       o->kind <= OBJECT_LOADER && o->skip < SKIP_COUNT && o->start <= o->end &&
	       list_fits(o->scope, c->pool_count) && list_fits(o->plugin, c->plugin_count) &&
	       cache_string(c, o->path)[0] == '/' &&
	       (i == 0 || strcmp(cache_string(c, o[-1].path), cache_string(c, o->path)) < 0);
}

static bool plugin_is_sound(const struct cache *c, const struct cache_plugin *p)
{
	return p->object < c->object_count && p->host < c->object_count && is_text(c, p->feature) &&
	       is_text(c, p->exclusive) && list_fits(p->scope, c->pool_count);
}

/* A file with the right checksum may still be hostile.  NULL, or what is wrong. */
static const char *check_tables(const struct cache *c)
{
	bool sound = true;

	for (size_t i = 0; i < c->pool_count && sound; i++)
		sound = c->pool[i] < c->object_count;
	for (size_t i = 0; i < c->object_count && sound; i++)
		sound = object_is_sound(c, i);
	for (size_t i = 0; i < c->plugin_count && sound; i++)
		sound = plugin_is_sound(c, &c->plugin[i]);
	for (size_t i = 0; i < c->input_count && sound; i++)
		sound = is_text(c, c->input[i].path) && cache_string(c, c->input[i].path)[0] == '/';
	return sound ? NULL : "it contradicts itself";
}

/* Appends what FD has up to SIZE bytes in all to CACHE, which has room for them.  0, or -1 with errno set. */
static int read_up_to(struct cache *cache, int fd, size_t size)
{
	while (cache->size < size) {
		ssize_t got = read(fd, cache->data + cache->size, size - cache->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		cache->size += (size_t)got;
	}
	return 0;
}

/* All of the regular file FD, if its header is a cache's of its size, or only that.
 * 0, or -1 with errno set. */
static int read_whole(struct cache *cache, int fd)
{
	struct cache_header h;
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size > LIMIT_CACHE) {
		errno = EOVERFLOW;
		return -1;
	}
	cache->data = xmalloc(sizeof h);
	if (read_up_to(cache, fd, sizeof h))
		return -1;
	if (cache->size < sizeof h)
		return 0;
	memcpy(&h, cache->data, sizeof h);
	if (memcmp(h.magic, CACHE_MAGIC, sizeof h.magic) != 0 || h.size < sizeof h ||
	    h.size != (uint64_t)st.st_size)
		return 0;
	cache->data = xreallocarray(cache->data, h.size, 1);
	return read_up_to(cache, fd, h.size);
}

int cache_read(struct cache *cache, const struct root *root, const char *path, bool must)
{
	const char *wrong = NULL;
	int fd = root_open(root, path, O_RDONLY);

	*cache = (struct cache){ .strings = "", .strings_size = 1 };
	if (fd < 0 && errno == ENOENT && !must)
		return 0;
	if (fd < 0 || read_whole(cache, fd))
		wrong = diag_reason(errno);
	if (!wrong)
		wrong = cache_find_tables(cache);
	if (!wrong)
		wrong = check_tables(cache);
	if (fd >= 0)
		close(fd);
	if (!wrong) {
		seen_read(cache, root, path);
		return 0;
	}
	char *outside = root_outside(root, path);
	if (must)
		diag_error(outside, "the cache is of no use: %s; prelink -a makes it anew", wrong);
	else
		diag_warn(outside, "the cache is of no use: %s; it will be made anew", wrong);
	free(outside);
	cache_release(cache);
	*cache = (struct cache){ .strings = "", .strings_size = 1 };
	return must ? -1 : 0;
}

void cache_release(struct cache *cache)
{
	free(cache->data);
	free(cache->seen);
	*cache = (struct cache){ 0 };
}

const struct cache_object *cache_find(const struct cache *cache, const char *path)
{
	size_t low = 0, high = cache->object_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, cache_string(cache, cache->object[middle].path));

		if (order == 0)
			return &cache->object[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- stamps --- */

struct cache_stamp cache_stamp_of(const struct stat *st)
{
	return (struct cache_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
		.ctime = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
	};
}

struct cache_stamp cache_stamp_now(const struct root *root, struct root_near *near, const char *path)
{
	struct stat st;

	return root_stat_near(root, near, path, &st) ? (struct cache_stamp){ 0 } : cache_stamp_of(&st);
}

static uint32_t text_crc(uint32_t crc, const char *text)
{
	return (uint32_t)crc32_z(crc, (const unsigned char *)text, strlen(text) + 1);
}

uint32_t cache_fingerprint(const struct options *o)
{
	char *flags = xasprintf("%d %d %d %d %llu %d", o->with_plugins, o->with_unsafe, o->libs_only,
				o->conserve_memory, (unsigned long long)o->layout_page_size, o->freeze_all);
	uint32_t crc = text_crc(0, flags);

	free(flags);
	crc = text_crc(crc, o->dynamic_linker ? o->dynamic_linker : "");
	crc = text_crc(crc, o->ld_library_path ? o->ld_library_path : "");
	for (size_t i = 0; i < o->blacklist_count; i++)
		crc = text_crc(crc, o->blacklist[i]);
	for (size_t i = 0; i < o->freeze_count; i++)
		crc = text_crc(crc, o->freeze[i]);
	return crc;
}

/* --- the file --- */

int cache_put_file(const struct root *root, const char *path, const void *head, size_t head_size,
		   const void *rest, size_t size)
{
	struct outfile out;

	if (outfile_begin(&out, root, path, NULL))
		return -1;
	if (outfile_write(&out, head, head_size) || outfile_write(&out, rest, size)) {
		outfile_abandon(&out);
		return -1;
	}
	return outfile_commit(&out);
}

int cache_remove_file(const struct root *root, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = xstrndup(path, (size_t)(slash - path) + 1);
	int fd = root_open(root, directory, O_PATH | O_DIRECTORY), status = 0;

	if (fd < 0 ? errno != ENOENT : unlinkat(fd, slash + 1, 0) && errno != ENOENT) {
		char *outside = root_outside(root, path);

		status = diag_errno(outside, "removing the cache");
		free(outside);
	}
	if (fd >= 0)
		close(fd);
	free(directory);
	return status;
}

int cache_write(const struct cache *cache, const struct root *root, const char *path)
{
	struct cache again = { .data = cache->data, .size = cache->size };
	const char *wrong = cache_find_tables(&again);

	if (!wrong)
		wrong = cache->size > LIMIT_CACHE ? "it is too large" : check_tables(&again);
	if (wrong) {
		char *outside = root_outside(root, path);

		diag_error(outside,
			   "the new cache could not be read back: %s; the old one stays, please report this",
			   wrong);
		free(outside);
		return -1;
	}
	if (cache_put_file(root, path, cache->data, sizeof(struct cache_header),
			   cache->data + sizeof(struct cache_header),
			   cache->size - sizeof(struct cache_header)))
		return -1;
	return seen_write(cache, root, path);
}

int cache_remove(const struct root *root, const char *path)
{
	return cache_remove_file(root, path) | seen_remove(root, path);
}
