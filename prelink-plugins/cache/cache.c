/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache file; see cache.h. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "diag.h"
#include "outfile.h"

#define CACHE_MAGIC "prelink-plugins\n"
#define CACHE_VERSION 2
#define CACHE_ORDER 0x01020304

/* The file opens with this; objects, plugins, inputs, the pool and the strings follow without gaps. */
struct header {
	char magic[16];
	uint32_t version, order; /* order: CACHE_ORDER in the byte order of the machine that wrote it */
	uint32_t crc;            /* CRC-32 of all that follows this field */
	uint32_t options;        /* fingerprint of the options that the result depends on */
	uint64_t size;           /* of the file, bytes */
	uint32_t object_count, plugin_count, input_count, pool_count, strings_size;
	uint32_t padding;
};
#define CRC_START (offsetof(struct header, crc) + sizeof(uint32_t))

/* --- reading --- */

/* Points CACHE's tables into its bytes.  NULL, or what is wrong with them. */
static const char *find_tables(struct cache *cache)
{
	struct header h;

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
	return NULL;
}

static bool list_fits(struct cache_list list, size_t count)
{
	return list.first <= count && list.count <= count - list.first;
}

static bool object_is_sound(const struct cache *c, size_t i)
{
	const struct cache_object *o = &c->object[i];

	return o->path < c->strings_size && o->machine < c->strings_size && o->no_plan < c->strings_size &&
	       o->kind <= OBJECT_LOADER && o->skip < SKIP_COUNT && o->start <= o->end &&
	       list_fits(o->scope, c->pool_count) && list_fits(o->plugin, c->plugin_count) &&
	       cache_string(c, o->path)[0] == '/' &&
	       (i == 0 || strcmp(cache_string(c, o[-1].path), cache_string(c, o->path)) < 0);
}

static bool plugin_is_sound(const struct cache *c, const struct cache_plugin *p)
{
	return p->object < c->object_count && p->host < c->object_count && p->feature < c->strings_size &&
	       p->exclusive < c->strings_size && list_fits(p->scope, c->pool_count);
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
		sound = c->input[i].path < c->strings_size;
	return sound ? NULL : "it contradicts itself";
}

/* All of the regular file FD.  0, or -1 with errno set. */
static int read_whole(struct cache *cache, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size > INT32_MAX) {
		errno = EFBIG;
		return -1;
	}
	cache->data = xmalloc((size_t)st.st_size);
	while (cache->size < (size_t)st.st_size) {
		ssize_t got = read(fd, cache->data + cache->size, (size_t)st.st_size - cache->size);

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

int cache_read(struct cache *cache, const struct root *root, const char *path, bool must)
{
	const char *wrong = NULL;
	int fd = root_open(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);

	*cache = (struct cache){ .strings = "", .strings_size = 1 };
	if (fd < 0 && errno == ENOENT && !must)
		return 0;
	if (fd < 0 || read_whole(cache, fd))
		wrong = strerror(errno);
	if (!wrong)
		wrong = find_tables(cache);
	if (!wrong)
		wrong = check_tables(cache);
	if (fd >= 0)
		close(fd);
	if (!wrong)
		return 0;
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

/* --- comparing with what is there --- */

static struct cache_stamp stamp_of(const struct stat *st)
{
	return (struct cache_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
		.ctime = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
	};
}

static bool same_stamp(const struct cache_stamp *a, const struct cache_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

/* The stamp of PATH now; all 0 where it does not exist. */
static struct cache_stamp stamp_now(const struct root *root, const char *path)
{
	struct stat st;

	return root_stat(root, path, &st) ? (struct cache_stamp){ 0 } : stamp_of(&st);
}

static bool is_as_recorded(const struct root *root, const char *path, const struct cache_stamp *recorded)
{
	struct cache_stamp now = stamp_now(root, path);

	return same_stamp(&now, recorded);
}

static uint32_t text_crc(uint32_t crc, const char *text)
{
	return (uint32_t)crc32_z(crc, (const unsigned char *)text, strlen(text) + 1);
}

/* What the result depends on besides files. */
static uint32_t options_fingerprint(const struct options *o)
{
	char *flags = xasprintf("%d %d %d %d %llu", o->with_plugins, o->with_unsafe, o->libs_only,
				o->conserve_memory, (unsigned long long)o->layout_page_size);
	uint32_t crc = text_crc(0, flags);

	free(flags);
	crc = text_crc(crc, o->dynamic_linker ? o->dynamic_linker : "");
	crc = text_crc(crc, o->ld_library_path ? o->ld_library_path : "");
	for (size_t i = 0; i < o->blacklist_count; i++)
		crc = text_crc(crc, o->blacklist[i]);
	return crc;
}

static bool same_options(const struct cache *cache, const struct options *options)
{
	struct header h;

	if (!cache->data)
		return false;
	memcpy(&h, cache->data, sizeof h);
	return h.options == options_fingerprint(options);
}

bool cache_is_current(const struct cache *cache, const struct root *root, const struct options *options)
{
	if (!cache->object_count || !cache->input_count || !same_options(cache, options))
		return false;
	for (size_t i = 0; i < cache->input_count; i++)
		if (!is_as_recorded(root, cache_string(cache, cache->input[i].path), &cache->input[i].stamp))
			return false;
	for (size_t i = 0; i < cache->object_count; i++)
		if (!is_as_recorded(root, cache_string(cache, cache->object[i].path),
				    &cache->object[i].stamp))
			return false;
	return true;
}

bool cache_input_is_current(const struct cache *cache, const struct root *root, const char *path)
{
	for (size_t i = 0; i < cache->input_count; i++)
		if (strcmp(cache_string(cache, cache->input[i].path), path) == 0)
			return is_as_recorded(root, path, &cache->input[i].stamp);
	return false;
}

/* Reasons that lie in the file alone. */
static bool is_refusal(uint32_t skip)
{
	return skip == SKIP_DEBUG_INFO || skip == SKIP_RELOCATION || skip == SKIP_TRAILING_DATA ||
	       skip == SKIP_NO_SECTIONS || skip == SKIP_MALFORMED;
}

/* True if OBJECT is still the file that the last run left. */
static bool is_file_left(const struct object *object, const struct cache_object *entry)
{
	struct cache_stamp now = stamp_of(&object->st);

	return same_stamp(&now, &entry->stamp);
}

void cache_recall_refusals(const struct cache *cache, const struct object_table *table,
			   const struct options *options)
{
	for (size_t i = 0; i < table->count && !options->force; i++) {
		struct object *object = table->object[i];
		const struct cache_object *entry = cache_find(cache, object->path);

		if (entry && object->skip == SKIP_NOT && is_refusal(entry->skip) &&
		    is_file_left(object, entry))
			object->skip = (enum object_skip)entry->skip;
	}
}

/* OBJECT is the file that the last run left, and is to be where it is. */
static bool is_itself_unchanged(const struct object *object, const struct cache_object *entry)
{
	bool had_slot = entry->flags & CACHE_HAS_SLOT;

	return is_file_left(object, entry) && entry->kind == object->kind && entry->skip == object->skip &&
	       object->prelinked == !!(entry->flags & CACHE_PRELINKED) && object->has_slot == had_slot &&
	       (!had_slot || (object->slot == entry->start && object->start == entry->start));
}

/* OBJECT is as the last run left it. */
static void mark(const struct cache *cache, const struct cache_object *entry, struct object *object)
{
	const char *no_plan = cache_string(cache, entry->no_plan);

	object->outcome = OUTCOME_UNCHANGED;
	if (*no_plan && !object->no_plan)
		object->no_plan = xstrdup(no_plan);
}

/* What cache_mark_unchanged() knows about each object of the table. */
struct comparison {
	const struct cache *cache;
	uint32_t *entry; /* by index in the table: index in the cache, or UINT32_MAX: changed */
};

static bool same_list(const struct comparison *c, const struct object_list *list, struct cache_list recorded)
{
	if (list->count != recorded.count)
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (c->entry[list->member[i]->index] != c->cache->pool[recorded.first + i])
			return false;
	return true;
}

static bool is_unchanged(const struct comparison *c, const struct object *object)
{
	if (c->entry[object->index] == UINT32_MAX)
		return false;
	const struct cache_object *entry = &c->cache->object[c->entry[object->index]];

	if (!same_list(c, &object->scope, entry->scope) || object->plugin_count != entry->plugin.count)
		return false;
	for (size_t i = 0; i < object->plugin_count; i++) {
		const struct cache_plugin *recorded = &c->cache->plugin[entry->plugin.first + i];

		if (c->entry[object->plugin[i].plugin->index] != recorded->object ||
		    !same_list(c, &object->plugin[i].scope, recorded->scope))
			return false;
	}
	return true;
}

void cache_mark_unchanged(const struct cache *cache, const struct object_table *table,
			  const struct options *options, bool programs)
{
	struct comparison c = { cache, NULL };

	if (options->force || !same_options(cache, options))
		return;
	c.entry = xcalloc(table->count, sizeof *c.entry);
	for (size_t i = 0; i < table->count; i++) {
		const struct cache_object *entry = cache_find(cache, table->object[i]->path);
		bool same = entry && is_itself_unchanged(table->object[i], entry);

		c.entry[i] = same ? (uint32_t)(entry - cache->object) : UINT32_MAX;
	}
	for (size_t i = 0; i < table->count; i++)
		if ((programs || table->object[i]->kind == OBJECT_LIBRARY) &&
		    is_unchanged(&c, table->object[i]))
			mark(cache, &cache->object[c.entry[i]], table->object[i]);
	free(c.entry);
}

void cache_mark_left(const struct cache *cache, const struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];
		const struct cache_object *entry = cache_find(cache, object->path);

		if (entry && is_file_left(object, entry))
			mark(cache, entry, object);
	}
}

/* --- making one --- */

/* A table that grows; all counts stay below 2^32, which insert() sees to. */
struct growing {
	unsigned char *data;
	size_t count, room; /* records */
};

struct builder {
	struct growing object, plugin, input, pool, strings;
	uint32_t *index;  /* by index in the table: index among the cache's objects */
	uint32_t *bucket; /* hash table of the lists in the pool: index into `list` + 1, 0 empty */
	struct cache_list *list;
	size_t list_count, bucket_count; /* bucket_count: a power of two */
};

/* Room for COUNT records of SIZE bytes; returns the index of the first. */
static uint32_t grow(struct growing *g, size_t count, size_t size)
{
	size_t first = g->count;

	if (count > UINT32_MAX - first) {
		diag_error(NULL, "the cache would have more than 2^32 records; prelink fewer files at once");
		exit(EXIT_FAILURE);
	}
	if (first + count > g->room) {
		g->room = first + count > 2 * g->room ? first + count : 2 * g->room;
		g->data = xreallocarray(g->data, g->room, size);
	}
	g->count += count;
	return (uint32_t)first;
}

static uint32_t add_string(struct builder *b, const char *text)
{
	size_t size = text && *text ? strlen(text) + 1 : 0;

	if (!size)
		return 0; /* the pool starts with an empty string */
	uint32_t at = grow(&b->strings, size, 1);
	memcpy(b->strings.data + at, text, size);
	return at;
}

static void rehash(struct builder *b)
{
	free(b->bucket);
	b->bucket_count = b->bucket_count ? 2 * b->bucket_count : 1024;
	b->bucket = xcalloc(b->bucket_count, sizeof *b->bucket);
	for (size_t i = 0; i < b->list_count; i++) {
		const uint32_t *member = (const uint32_t *)b->pool.data + b->list[i].first;
		size_t at = crc32_z(0, (const unsigned char *)member, b->list[i].count * sizeof *member);

		while (b->bucket[at &= b->bucket_count - 1])
			at++;
		b->bucket[at] = (uint32_t)i + 1;
	}
}

/* LIST in the pool; lists that are equal (the same plugin in many programs) are there once. */
static struct cache_list add_list(struct builder *b, const struct object_list *list)
{
	struct cache_list new = { grow(&b->pool, list->count, sizeof(uint32_t)), (uint32_t)list->count };
	uint32_t *member = (uint32_t *)b->pool.data + new.first;
	size_t size = list->count * sizeof *member;

	for (size_t i = 0; i < list->count; i++)
		member[i] = b->index[list->member[i]->index];
	if (2 * (b->list_count + 1) > b->bucket_count)
		rehash(b);
	size_t at = crc32_z(0, (const unsigned char *)member, size);
	for (; b->bucket[at &= b->bucket_count - 1]; at++) {
		struct cache_list old = b->list[b->bucket[at] - 1];

		if (old.count == new.count &&
		    memcmp((uint32_t *)b->pool.data + old.first, member, size) == 0) {
			b->pool.count = new.first;
			return old;
		}
	}
	if ((b->list_count & (b->list_count - 1)) == 0)
		b->list = xreallocarray(b->list, b->list_count ? 2 * b->list_count : 1, sizeof *b->list);
	b->list[b->list_count++] = new;
	b->bucket[at] = (uint32_t)b->list_count;
	return new;
}

static struct cache_list add_plugins(struct builder *b, const struct object *object)
{
	struct cache_list result = { grow(&b->plugin, object->plugin_count, sizeof(struct cache_plugin)),
				     (uint32_t)object->plugin_count };
	const struct plugin_entry *entry = NULL;
	uint32_t feature = 0, exclusive = 0;

	for (size_t i = 0; i < object->plugin_count; i++) {
		const struct plugin_scope *plugin = &object->plugin[i];

		if (plugin->entry && plugin->entry != entry) {
			entry = plugin->entry;
			feature = add_string(b, entry->feature);
			exclusive = add_string(b, entry->exclusive);
		}
		struct cache_plugin record = { .object = b->index[plugin->plugin->index],
					       .host = b->index[plugin->host->index],
					       .feature = plugin->entry ? feature : 0,
					       .exclusive = plugin->entry ? exclusive : 0,
					       .scope = add_list(b, &plugin->scope) };
		memcpy(b->plugin.data + (result.first + i) * sizeof record, &record, sizeof record);
	}
	return result;
}

/* What a later run has to find to pass over OBJECT: all 0, which no file has, where it failed. */
static struct cache_stamp stamp_left(const struct object *object, const struct root *root)
{
	if (object->outcome == OUTCOME_FAILED)
		return (struct cache_stamp){ 0 };
	if (object->outcome == OUTCOME_NONE || object->outcome == OUTCOME_UNCHANGED)
		return stamp_of(&object->st);
	return stamp_now(root, object->path);
}

static struct cache_object describe(struct builder *b, const struct object *object, const struct root *root,
				    bool dry_run)
{
	/* What the rewriter refused is not at the slot that was meant for it. */
	bool has_slot = object->has_slot && object->skip == SKIP_NOT;
	/* A dry run leaves what is to move where it is. */
	bool prelinked = dry_run ? object->prelinked && (!object->has_slot || object->slot == object->start) :
				   object->prelinked || object->outcome == OUTCOME_PRELINKED;
	struct cache_object record = {
		.stamp = stamp_left(object, root),
		.path = add_string(b, object->path),
		.machine = add_string(b, object->arch ? object->arch->name : NULL),
		.kind = object->kind,
		.skip = object->skip,
		.no_plan = add_string(b, object->no_plan),
		.flags = (has_slot ? CACHE_HAS_SLOT : 0) | (prelinked ? CACHE_PRELINKED : 0) |
			 (object->wanted ? CACHE_WANTED : 0),
	};
	if (has_slot) {
		record.start = object->slot;
		record.end = object->slot + (object->end - object->start);
	} else if (object->kind == OBJECT_EXEC || (object->kind == OBJECT_LIBRARY && object->start)) {
		record.start = object->start;
		record.end = object->end;
	}
	record.scope = add_list(b, &object->scope);
	record.plugin = add_plugins(b, object);
	return record;
}

void cache_inputs_stamp(struct cache_inputs *inputs, const struct root *root)
{
	inputs->stamp = xcalloc(inputs->path.count, sizeof *inputs->stamp);
	for (size_t i = 0; i < inputs->path.count; i++)
		inputs->stamp[i] = stamp_now(root, inputs->path.path[i]);
}

void cache_inputs_keep(struct cache_inputs *inputs, const struct cache *old)
{
	inputs->stamp = xcalloc(old->input_count, sizeof *inputs->stamp);
	for (size_t i = 0; i < old->input_count; i++) {
		path_list_add(&inputs->path, cache_string(old, old->input[i].path));
		inputs->stamp[i] = old->input[i].stamp;
	}
}

void cache_inputs_release(struct cache_inputs *inputs)
{
	path_list_release(&inputs->path);
	free(inputs->stamp);
	*inputs = (struct cache_inputs){ 0 };
}

static int compare_objects(const void *a, const void *b)
{
	return strcmp((*(struct object *const *)a)->path, (*(struct object *const *)b)->path);
}

static void count_uses(struct builder *b)
{
	struct cache_object *object = (struct cache_object *)b->object.data;
	const uint32_t *pool = (const uint32_t *)b->pool.data;

	for (size_t i = 0; i < b->object.count; i++)
		if (object[i].kind == OBJECT_EXEC || object[i].kind == OBJECT_PIE)
			for (uint32_t j = 1; j < object[i].scope.count; j++)
				object[pool[object[i].scope.first + j]].uses++;
}

static void add_inputs(struct builder *b, const struct cache_inputs *inputs)
{
	grow(&b->input, inputs->path.count, sizeof(struct cache_input));
	for (size_t i = 0; i < inputs->path.count; i++) {
		struct cache_input record = { .stamp = inputs->stamp[i],
					      .path = add_string(b, inputs->path.path[i]) };

		memcpy(b->input.data + i * sizeof record, &record, sizeof record);
	}
}

static void *append(void *to, const struct growing *g, size_t size)
{
	if (g->count)
		memcpy(to, g->data, g->count * size);
	return (unsigned char *)to + g->count * size;
}

/* Puts the tables together into the file's bytes. */
static void assemble(struct cache *cache, const struct builder *b, const struct options *options)
{
	struct header h = { .version = CACHE_VERSION,
			    .order = CACHE_ORDER,
			    .options = options_fingerprint(options),
			    .object_count = (uint32_t)b->object.count,
			    .plugin_count = (uint32_t)b->plugin.count,
			    .input_count = (uint32_t)b->input.count,
			    .pool_count = (uint32_t)b->pool.count,
			    .strings_size = (uint32_t)b->strings.count };

	memcpy(h.magic, CACHE_MAGIC, sizeof h.magic);
	h.size = sizeof h + b->object.count * sizeof(struct cache_object) +
		 b->plugin.count * sizeof(struct cache_plugin) + b->input.count * sizeof(struct cache_input) +
		 b->pool.count * sizeof(uint32_t) + b->strings.count;
	cache->size = h.size;
	cache->data = xmalloc(h.size);
	memcpy(cache->data, &h, sizeof h);
	void *at = cache->data + sizeof h;
	at = append(at, &b->object, sizeof(struct cache_object));
	at = append(at, &b->plugin, sizeof(struct cache_plugin));
	at = append(at, &b->input, sizeof(struct cache_input));
	at = append(at, &b->pool, sizeof(uint32_t));
	append(at, &b->strings, 1);
	h.crc = (uint32_t)crc32_z(0, cache->data + CRC_START, cache->size - CRC_START);
	memcpy(cache->data, &h, sizeof h);
	find_tables(cache);
}

void cache_build(struct cache *cache, const struct object_table *table, const struct cache_inputs *inputs,
		 const struct root *root, const struct options *options)
{
	struct builder b = { 0 };
	struct object **sorted = xcalloc(table->count, sizeof *sorted);

	*cache = (struct cache){ 0 };
	b.index = xcalloc(table->count, sizeof *b.index);
	b.strings.data = xcalloc(1, 1);
	b.strings.count = b.strings.room = 1;
	grow(&b.object, table->count, sizeof(struct cache_object));
	memcpy(sorted, table->object, table->count * sizeof *sorted);
	qsort(sorted, table->count, sizeof *sorted, compare_objects);
	for (size_t i = 0; i < table->count; i++)
		b.index[sorted[i]->index] = (uint32_t)i;
	for (size_t i = 0; i < table->count; i++) {
		struct cache_object record = describe(&b, sorted[i], root, options->dry_run);

		memcpy(b.object.data + i * sizeof record, &record, sizeof record);
	}
	count_uses(&b);
	add_inputs(&b, inputs);
	assemble(cache, &b, options);
	free(sorted);
	free(b.index);
	free(b.bucket);
	free(b.list);
	free(b.object.data);
	free(b.plugin.data);
	free(b.input.data);
	free(b.pool.data);
	free(b.strings.data);
}

int cache_write(const struct cache *cache, const struct root *root, const char *path)
{
	struct outfile out;

	if (outfile_begin(&out, root, path, NULL))
		return -1;
	if (outfile_write(&out, cache->data, cache->size)) {
		outfile_abandon(&out);
		return -1;
	}
	return outfile_commit(&out);
}

int cache_remove(const struct root *root, const char *path)
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
