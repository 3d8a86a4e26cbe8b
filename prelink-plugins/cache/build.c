/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a cache of a run; see build.h. */
#include "cache/build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cache/format.h"
#include "alloc.h"
#include "diag.h"

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
	if (first + count > g->room)
		g->data = alloc_grow(g->data, first + count, &g->room, size);
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
	ALLOC_NEXT(b->list, b->list_count);
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
static struct cache_stamp stamp_left(const struct object *object, const struct root *root,
				     struct root_near *near)
{
	if (object->outcome == OUTCOME_FAILED)
		return (struct cache_stamp){ 0 };
	if (object->outcome == OUTCOME_NONE || object->outcome == OUTCOME_UNCHANGED)
		return cache_stamp_of(&object->st);
	return cache_stamp_now(root, near, object->path);
}

static struct cache_object describe(struct builder *b, const struct object *object, bool dry_run)
{
	/* What the rewriter refused is not at the slot that was meant for it. */
	bool placed = object->has_slot && !object->missed, has_slot = placed && object->skip == SKIP_NOT;
	/* A dry run leaves what is to move where it is. */
	bool prelinked = dry_run ? object->prelinked && (!placed || object->slot == object->start) :
				   object->prelinked || object->outcome == OUTCOME_PRELINKED;
	struct cache_object record = {
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
		struct cache_input record = { add_string(b, inputs->path.path[i]), inputs->flags[i] };

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
	struct cache_header h = { .version = CACHE_VERSION,
				  .order = CACHE_ORDER,
				  .options = cache_fingerprint(options),
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
	cache_find_tables(cache);
}

/* A file that somebody replaced after it was gathered may be in the table twice, by two inodes.  True if the
 * object at I is another file at the path of the one before it. */
static bool is_replaced(struct object *const *sorted, size_t i)
{
	return i > 0 && strcmp(sorted[i - 1]->path, sorted[i]->path) == 0;
}

void cache_build(struct cache *cache, const struct object_table *table, const struct cache_inputs *inputs,
		 const struct root *root, const struct options *options)
{
	struct builder b = { 0 };
	struct root_near near = { 0 };
	struct object **sorted = xcalloc(table->count, sizeof *sorted);

	size_t count = 0;

	*cache = (struct cache){ 0 };
	b.index = xcalloc(table->count, sizeof *b.index);
	b.strings.data = xcalloc(1, 1);
	b.strings.count = b.strings.room = 1;
	memcpy(sorted, table->object, table->count * sizeof *sorted);
	qsort(sorted, table->count, sizeof *sorted, object_compare_paths);
	for (size_t i = 0; i < table->count; i++) {
		count += !is_replaced(sorted, i);
		b.index[sorted[i]->index] = (uint32_t)count - 1;
	}
	grow(&b.object, count, sizeof(struct cache_object));
	cache->seen = xcalloc(count + inputs->path.count + 1, sizeof *cache->seen);
	for (size_t i = 0; i < table->count; i++) {
		struct cache_object record = describe(&b, sorted[i], options->dry_run);
		uint32_t at = b.index[sorted[i]->index];

		memcpy(b.object.data + at * sizeof record, &record, sizeof record);
		if (!is_replaced(sorted, i))
			cache->seen[at] = stamp_left(sorted[i], root, &near);
		else /* neither is what a later run will find */
			cache->seen[at] = (struct cache_stamp){ 0 };
	}
	for (size_t i = 0; i < inputs->path.count; i++)
		cache->seen[count + i] = inputs->stamp[i];
	root_near_release(&near);
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

bool cache_is_kept(const struct root *root, const char *path, const struct options *options)
{
	if (options->dry_run || options->no_update_cache)
		return false;
	if (geteuid() == 0 || strcmp(options->cache, DEFAULT_CACHE) != 0)
		return true;
	char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY);
	bool may = fd >= 0 && faccessat(fd, ".", W_OK, AT_EACCESS) == 0;

	if (fd >= 0)
		close(fd);
	free(directory);
	return may;
}
