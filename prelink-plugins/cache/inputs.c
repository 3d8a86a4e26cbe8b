/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What else a run read; see inputs.h. */
#include "cache/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

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

static void stamp(struct cache_inputs *inputs, const struct root *root)
{
	inputs->stamp = xcalloc(inputs->path.count, sizeof *inputs->stamp);
	for (size_t i = 0; i < inputs->path.count; i++)
		inputs->stamp[i] = cache_stamp_now(root, inputs->path.path[i]);
}

static void keep(struct cache_inputs *inputs, const struct cache *old)
{
	inputs->stamp = xcalloc(old->input_count, sizeof *inputs->stamp);
	for (size_t i = 0; i < old->input_count; i++) {
		path_list_add(&inputs->path, cache_string(old, old->input[i].path));
		inputs->stamp[i] = old->input[i].stamp;
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
	for (size_t i = 0; i < gather->conf->file_count; i++)
		path_list_add(path, gather->conf->file[i]);
	path_list_add(path, "/etc/ld.so.cache");
	path_list_add(path, "/etc/ld.so.conf");
	path_list_sort(path);
	stamp(inputs, gather->root);
}

void cache_inputs_release(struct cache_inputs *inputs)
{
	path_list_release(&inputs->path);
	free(inputs->stamp);
	*inputs = (struct cache_inputs){ 0 };
}
