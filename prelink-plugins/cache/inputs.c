/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What else a run read; see inputs.h. */
#include "cache/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "cache/seen.h"
#include "alloc.h"

/* The directory of PATH, or of the part before its first special character if it is a pattern. */
static void add_directory(struct path_list *list, const char *path)
{
	char *directory = xstrndup(path, strcspn(path, "*?[{\\"));
	char *slash = strrchr(directory, '/');

	if (slash) {
		slash[slash == directory] = '\0';
		path_list_add(list, directory);
	}
	free(directory);
}

static const struct cache_stamp never = { .size = UINT64_MAX }; /* no file is so large */

/* Manifests that could not be read are to be told again, and a directory that was changed since it was perhaps
 * read is to be read again: until then nothing is current. */
static void stamp(struct cache_inputs *inputs, const struct gather *gather)
{
	bool failed = gather->installed && gather->installed->failed;
	struct root_near near = { 0 };

	inputs->stamp = xcalloc(inputs->path.count, sizeof *inputs->stamp);
	for (size_t i = 0; i < inputs->path.count; i++) {
		struct cache_stamp *now = &inputs->stamp[i];

		*now = cache_stamp_now(gather->root, &near, inputs->path.path[i]);
		if ((failed && strcmp(inputs->path.path[i], INSTALLED_MANIFESTS) == 0) ||
		    ((inputs->flags[i] & CACHE_WALKED) && now->ctime > gather->started))
			*now = never;
	}
	root_near_release(&near);
}

static uint32_t flags_of(const struct gather *gather, const char *path)
{
	return (path_list_has(&gather->directories, path) ? CACHE_WALKED : 0) |
	       (path_list_has(&gather->again, path) ? CACHE_AGAIN : 0) |
	       (path_list_has(&gather->conf->files, path) ? CACHE_CONF : 0);
}

/* The manifests, where another one would be, and where there may be one more host. */
static void add_manifests(struct path_list *list, const struct installed *installed)
{
	for (size_t i = 0; i < installed->inputs.count; i++)
		path_list_add(list, installed->inputs.path[i]);
	for (size_t i = 0; i < installed->manifests.count; i++)
		for (size_t k = 0; k < installed->manifests.manifest[i].host_count; k++)
			add_directory(list, installed->manifests.manifest[i].host[k]);
}

static void keep(struct cache_inputs *inputs, const struct cache *old)
{
	inputs->stamp = xcalloc(old->input_count, sizeof *inputs->stamp);
	inputs->flags = xcalloc(old->input_count, sizeof *inputs->flags);
	for (size_t i = 0; i < old->input_count; i++) {
		const struct cache_stamp *seen = seen_input(old, &old->input[i]);

		path_list_add(&inputs->path, cache_string(old, old->input[i].path));
		inputs->stamp[i] = seen ? *seen : never;
		inputs->flags[i] = old->input[i].flags;
	}
}

void cache_inputs_collect(struct cache_inputs *inputs, const struct cache *old, const struct gather *gather)
{
	struct path_list *path = &inputs->path;
	const struct object_table *table = gather->table;

	if (!gather->options->all) {
		keep(inputs, old);
		return;
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct object *object = table->object[i];

		add_directory(path, object->path);
		if (object_is_program(object) && object_module(object))
			path_list_add(path, object_module(object));
		for (size_t j = 0; j < object->plugins.count; j++)
			if (object->plugins.entry[j].path)
				add_directory(path, object->plugins.entry[j].path);
	}
	for (size_t i = 0; i < gather->directories.count; i++)
		path_list_add(path, gather->directories.path[i]);
	for (size_t i = 0; i < gather->conf->files.count; i++)
		path_list_add(path, gather->conf->files.path[i]);
	if (gather->installed)
		add_manifests(path, gather->installed);
	path_list_add(path, "/etc/ld.so.cache");
	path_list_add(path, "/etc/ld.so.conf");
	path_list_sort(path);
	qsort(path->path, path->count, sizeof *path->path, path_compare_in_directory);
	inputs->flags = xcalloc(path->count, sizeof *inputs->flags);
	for (size_t i = 0; i < path->count; i++)
		inputs->flags[i] = flags_of(gather, path->path[i]);
	stamp(inputs, gather);
}

void cache_inputs_add(struct cache_inputs *inputs, const struct root *root, const char *path)
{
	size_t count = inputs->path.count;

	path_list_add(&inputs->path, path);
	inputs->stamp = xreallocarray(inputs->stamp, count + 1, sizeof *inputs->stamp);
	inputs->stamp[count] = cache_stamp_now(root, NULL, path);
	inputs->flags = xreallocarray(inputs->flags, count + 1, sizeof *inputs->flags);
	inputs->flags[count] = 0;
}

void cache_inputs_release(struct cache_inputs *inputs)
{
	path_list_release(&inputs->path);
	free(inputs->stamp);
	free(inputs->flags);
	*inputs = (struct cache_inputs){ 0 };
}

void cache_gather(const struct cache *cache, struct gather *gather, bool listed)
{
	const struct object_table *table = gather->table;
	size_t count = table->count; /* those behind are not sorted */

	for (size_t i = 0; i < cache->object_count; i++) {
		const char *path = cache_string(cache, cache->object[i].path);

		if (object_find_path(table->object, count, path))
			continue;
		struct object *object = gather_find(gather, path);
		if (object)
			object->listed |= listed;
	}
}
