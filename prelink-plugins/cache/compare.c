/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a cache is still true; see compare.h. */
#include "cache/compare.h"

#include <stdlib.h>
#include <string.h>

#include "cache/seen.h"
#include "alloc.h"

static bool same_stamp(const struct cache_stamp *a, const struct cache_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

/* False, too, where nothing was RECORDED. */
static bool is_as_recorded(const struct root *root, struct root_near *near, const char *path,
			   const struct cache_stamp *recorded)
{
	struct cache_stamp now = cache_stamp_now(root, near, path);

	return recorded && same_stamp(&now, recorded);
}

static bool same_options(const struct cache *cache, const struct options *options)
{
	return cache->data && cache->options == cache_fingerprint(options);
}

/* True if all inputs are as recorded; SAME: which of them. */
static bool inputs_are_current(const struct cache *cache, const struct root *root, bool *same)
{
	struct root_near near = { 0 };
	bool all = true;

	for (size_t i = 0; i < cache->input_count; i++) {
		same[i] = is_as_recorded(root, &near, cache_string(cache, cache->input[i].path),
					 seen_input(cache, &cache->input[i]));
		all &= same[i];
	}
	root_near_release(&near);
	return all;
}

/* True if CONF, which says what to walk, is in the files in which it was, SAME as recorded. */
static bool conf_is_current(const struct cache *cache, const struct conf *conf, const bool *same)
{
	size_t count = 0;

	for (size_t i = 0; i < cache->input_count; i++) {
		if (!(cache->input[i].flags & CACHE_CONF))
			continue;
		if (!same[i])
			return false;
		count++;
	}
	return count == conf->files.count; /* none was added */
}

/* What CACHE knows of directories that are the SAME as recorded. */
static void fill_known(struct known *known, const struct cache *cache, const bool *same)
{
	for (size_t i = 0; i < cache->input_count; i++) {
		const struct cache_input *input = &cache->input[i];
		const char *path = cache_string(cache, input->path);

		if (!(input->flags & CACHE_WALKED))
			continue;
		known_add_entry(known, path, true);
		if (same[i] && !(input->flags & CACHE_AGAIN)) {
			const struct cache_stamp *seen = seen_input(cache, input);

			known_add_directory(known, path, seen->dev, seen->ino);
		}
	}
	for (size_t i = 0; i < cache->object_count; i++)
		known_add_entry(known, cache_string(cache, cache->object[i].path), false);
	known_sort(known);
}

static bool objects_are_current(const struct cache *cache, const struct root *root)
{
	struct root_near near = { 0 };
	bool same = true;

	for (size_t i = 0; i < cache->object_count && same; i++)
		same = is_as_recorded(root, &near, cache_string(cache, cache->object[i].path),
				      seen_object(cache, &cache->object[i]));
	root_near_release(&near);
	return same;
}

bool cache_is_current(const struct cache *cache, const struct root *root, const struct options *options,
		      const struct conf *conf, struct known *known)
{
	if (!cache->object_count || !cache->input_count || !same_options(cache, options))
		return false;
	bool *same = xcalloc(cache->input_count, sizeof *same),
	     current = inputs_are_current(cache, root, same);

	if (!conf_is_current(cache, conf, same))
		current = false;
	else if (!current || !(current = objects_are_current(cache, root)))
		fill_known(known, cache, same);
	free(same);
	return current;
}

static bool input_is_current(const struct cache *cache, const struct root *root, const char *path)
{
	for (size_t i = 0; i < cache->input_count; i++)
		if (strcmp(cache_string(cache, cache->input[i].path), path) == 0)
			return is_as_recorded(root, NULL, path, seen_input(cache, &cache->input[i]));
	return false;
}

/* Reasons that lie in the file alone. */
static bool is_refusal(uint32_t skip)
{
	return skip == SKIP_DEBUG_INFO || skip == SKIP_RELOCATION || skip == SKIP_TRAILING_DATA ||
	       skip == SKIP_NO_SECTIONS || skip == SKIP_MALFORMED;
}

/* True if OBJECT is still the file that the last run left. */
static bool is_file_left(const struct cache *cache, const struct object *object,
			 const struct cache_object *entry)
{
	const struct cache_stamp *seen = seen_object(cache, entry);
	struct cache_stamp now = cache_stamp_of(&object->st);

	return seen && same_stamp(&now, seen);
}

void cache_recall_refusals(const struct cache *cache, const struct object_table *table,
			   const struct options *options)
{
	for (size_t i = 0; i < table->count && !options->force; i++) {
		struct object *object = table->object[i];
		const struct cache_object *entry = cache_find(cache, object->path);

		if (entry && object->skip == SKIP_NOT && is_refusal(entry->skip) &&
		    is_file_left(cache, object, entry))
			object_leave(object, (enum object_skip)entry->skip);
	}
}

/* OBJECT is the file that the last run left, and is to be where it is. */
static bool is_itself_unchanged(const struct cache *cache, const struct object *object,
				const struct cache_object *entry)
{
	bool had_slot = entry->flags & CACHE_HAS_SLOT;

	return is_file_left(cache, object, entry) && entry->kind == object->kind &&
	       entry->skip == object->skip && object->prelinked == !!(entry->flags & CACHE_PRELINKED) &&
	       object->has_slot == had_slot &&
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

/* True if what the programs' plans are for is as it was, or still not there. */
static bool same_modules(const struct cache *cache, const struct object_table *table, const struct root *root)
{
	const char *last = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct object *object = table->object[i];
		const char *module = object_is_program(object) ? object_module(object) : NULL;

		if (module && module != last && !input_is_current(cache, root, module))
			return false;
		last = module ? module : last;
	}
	return true;
}

void cache_mark_unchanged(const struct cache *cache, const struct object_table *table,
			  const struct root *root, const struct options *options)
{
	struct comparison c = { cache, NULL };

	if (options->force || !same_options(cache, options))
		return;
	bool programs = same_modules(cache, table, root);

	c.entry = xcalloc(table->count, sizeof *c.entry);
	for (size_t i = 0; i < table->count; i++) {
		const struct cache_object *entry = cache_find(cache, table->object[i]->path);
		bool same = entry && is_itself_unchanged(cache, table->object[i], entry);

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

		if (entry && is_file_left(cache, object, entry))
			mark(cache, entry, object);
	}
}
