/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink: the table of contents of the program.  Each pass is a file of its own with one entry point; each
 * says for itself what went wrong, passes over the object concerned, and goes on. */
#include <stdlib.h>

#include "cache.h"
#include "conf.h"
#include "diag.h"
#include "gather.h"
#include "layout.h"
#include "object.h"
#include "options.h"
#include "print.h"
#include "root.h"

/* What a run works on. */
struct run {
	struct options options;
	struct root root;
	struct conf conf;
	struct cache old;          /* what the last run left */
	char *cache_path;          /* inside the root */
	struct object_table table;
	struct gather gather;
};

/* Everything besides the objects that the result depends on: -q looks at these. */
static void collect_inputs(const struct run *run, struct path_list *inputs)
{
	for (size_t i = 0; i < run->gather.directories.count; i++)
		path_list_add(inputs, run->gather.directories.path[i]);
	for (size_t i = 0; i < run->conf.file_count; i++)
		path_list_add(inputs, run->conf.file[i]);
	path_list_add(inputs, "/etc/ld.so.cache");
	path_list_add(inputs, "/etc/ld.so.conf");
	path_list_sort(inputs);
}

/* The new cache: to disk, or in a dry run to standard output only. */
static void conclude(struct run *run)
{
	const struct options *options = &run->options;
	struct path_list inputs = { 0 };
	struct cache cache;

	collect_inputs(run, &inputs);
	cache_build(&cache, &run->table, &run->old, &inputs, &run->root, options);
	if (!options->dry_run && !options->no_update_cache)
		cache_write(&cache, &run->root, run->cache_path);
	if (options->dry_run || options->verbose || options->json)
		print_tables(&cache, &run->table, options);
	cache_release(&cache);
	path_list_release(&inputs);
}

static void prelink(struct run *run)
{
	const struct options *options = &run->options;

	if (options->all && options->quick && cache_is_current(&run->old, &run->root, options))
		return;

	/* Every file that we are asked for, and is an object. */
	gather_all(&run->gather);

	/* Beyond this point no object is added to the table. */
	cache_forget_changed(&run->old, &run->table, &run->root);

	/* A slot for every library and plugin. */
	layout(&run->table, &run->old, options);

	/* Beyond this point no address changes. */
	cache_mark_unchanged(&run->old, &run->table, options);

	conclude(run);
	print_summary(&run->table, options);
}

static void run_mode(struct run *run)
{
	const struct options *options = &run->options;

	cache_read(&run->old, &run->root, run->cache_path, options->mode == MODE_PRELINK);
	if (options->mode == MODE_PRINT) {
		print_tables(&run->old, NULL, options);
		return;
	}
	if (conf_read(&run->conf, &run->root, options))
		return;
	object_table_init(&run->table);
	gather_init(&run->gather, &run->table, &run->root, &run->conf, options);
	switch (options->mode) {
	case MODE_PRELINK: prelink(run); break;
	default: break;
	}
	gather_release(&run->gather);
	object_table_release(&run->table);
}

int main(int argc, char **argv)
{
	struct run run = { 0 };

	diag_tool = "prelink";
	options_parse(&run.options, argc, argv);
	if (root_open_tree(&run.root, run.options.root) == 0) {
		run.cache_path = root_inside(&run.root, run.options.cache);
		run_mode(&run);
		conf_release(&run.conf);
		cache_release(&run.old);
		free(run.cache_path);
		root_release(&run.root);
	}
	options_release(&run.options);
	return diag_failed() ? 1 : 0;
}
