/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /etc/prelink.cache: what the last run found and did, for -q, for -p, and so that an unchanged object
 * keeps its slot and is not done again.
 *
 * A cache is a claim about files, never trusted for more than saving work: an entry counts only while its
 * file has the device, inode, size and times that were recorded, which lie beside it (seen.h): what is in it
 * depends on what was prelinked alone.  The file carries a version and a CRC-32; one that is damaged, of
 * another version or another byte order is reported and taken as empty.
 *
 * In memory it is the file as it lies on disk: fixed records that refer to one another by index, a pool of
 * such indices and a pool of strings, every index checked once, when it is read.  The same form is made of
 * the table of objects (build.h) before it is written, so what -n and -v print of a run and what -p
 * prints later is one thing, printed by one function (print.h). */
#ifndef CACHE_H
#define CACHE_H

#include "object.h"
#include "options.h"

/* When a file or directory was last seen, and as what. */
struct cache_stamp {
	uint64_t dev, ino, size; /* size in bytes */
	int64_t mtime, ctime;    /* nanoseconds since 1970 */
};

/* A run of the pool of indices: objects, in an order that matters. */
struct cache_list {
	uint32_t first, count;
};

struct cache_object {
	uint64_t start, end; /* addresses it takes: from its slot on, or where an ET_EXEC lies; 0, 0
				     where it has none */
	uint32_t path;       /* string: inside the root */
	uint32_t machine;    /* string: name of the arch, "" where we know none */
	uint32_t kind;       /* enum object_kind */
	uint32_t skip;       /* enum object_skip */
	uint32_t flags;      /* CACHE_* */
	uint32_t uses;       /* programs that have it in their start-up scope */
	uint32_t no_plan;    /* string: of a program, why it has no plan; "" where it has one */
	uint32_t padding;
	struct cache_list scope;  /* objects, itself first */
	struct cache_list plugin; /* records of the plugin table; not in the pool */
};
enum {
	CACHE_HAS_SLOT = 1,  /* start is a slot */
	CACHE_PRELINKED = 2, /* the file carries our undo record */
	CACHE_WANTED = 4,    /* the last run was about it: named, or needed by what was named */
};

/* One plugin of one program. */
struct cache_plugin {
	uint32_t object;             /* index */
	uint32_t host;               /* index of the object whose note names it */
	uint32_t feature, exclusive; /* strings, "" where not given */
	struct cache_list scope;     /* objects, the plugin first */
};

/* Something else that the run depended on: a directory that was read, a configuration file. */
struct cache_input {
	uint32_t path;  /* string */
	uint32_t flags; /* enum cache_input_flags */
};
enum cache_input_flags {
	CACHE_WALKED = 1, /* by gather: its objects, and the directories walked below it, are all here */
	CACHE_AGAIN = 2,  /* gather->again has it */
	CACHE_CONF = 4,   /* it is prelink.conf, or included */
};

struct cache {
	unsigned char *data; /* the file's bytes; owned; NULL: an empty cache */
	size_t size;
	const struct cache_object *object; /* sorted by path */
	const struct cache_plugin *plugin;
	const struct cache_input *input;
	const uint32_t *pool;
	const char *strings;
	size_t object_count, plugin_count, input_count, pool_count, strings_size;
	uint32_t options; /* cache_fingerprint() of the run that made it */
	uint32_t crc;     /* of the file */

	/* Of the objects as the run left them, then of the inputs; all 0 of what failed, or was not there.
	 * Owned; NULL: nothing is known of them. */
	struct cache_stamp *seen;
};

static inline const char *cache_string(const struct cache *cache, uint32_t at)
{
	return cache->strings + at;
}

/* Reads the cache file at PATH inside the root, and what is beside it.  One that is not there is empty; so
 * is, after a warning, one that is no good.  If it MUST be there both are errors.  0, or -1 after a message;
 * CACHE can be used either way. */
int cache_read(struct cache *cache, const struct root *root, const char *path, bool must);

/* The entry of PATH, NULL where there is none. */
const struct cache_object *cache_find(const struct cache *cache, const char *path);

/* The stamp of a file whose status is ST; and of PATH as it is now (NEAR: root_stat_near()), all 0
 * where it does not exist. */
struct cache_stamp cache_stamp_of(const struct stat *st);
struct cache_stamp cache_stamp_now(const struct root *root, struct root_near *near, const char *path);

/* A number for the options that the result depends on besides files. */
uint32_t cache_fingerprint(const struct options *options);

/* Replaces the cache file at PATH, and what is beside it, if CACHE is one that cache_read() takes.
 * 0, or -1 after a message. */
int cache_write(const struct cache *cache, const struct root *root, const char *path);

/* Removes both, if they are there.  0, or -1 after a message. */
int cache_remove(const struct root *root, const char *path);

void cache_release(struct cache *cache);

#endif
