/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink: the table of contents of the program.  Each pass is a file of its own with one entry point; each
 * says for itself what went wrong, passes over the object concerned, and goes on.  Runs that do not prelink, but
 * undo, verify or tell, are in modes.c. */
#include <stdio.h>
#include <stdlib.h>

#include "advise/advise.h"
#include "alloc.h"
#include "bind/libraries.h"
#include "bind/loader.h"
#include "cache/build.h"
#include "cache/compare.h"
#include "diag.h"
#include "layout/layout.h"
#include "mapfault.h"
#include "modes.h"
#include "rewrite/rewrite.h"
#include "say/print.h"
#include "scope/scope.h"
#include "store/store.h"

/* The new cache: to disk, unless this is a dry run; and what was asked for of it to standard output. */
static void conclude(struct run *run)
{
	const struct options *options = &run->options;
	struct cache cache;

	cache_build(&cache, &run->table, &run->inputs, &run->root, options);
	if (cache_is_kept(&run->root, run->cache_path, options))
		cache_write(&cache, &run->root, run->cache_path);
	if (options->dry_run || options->verbose || options->json)
		print_tables(&cache, &run->table, NULL, options);
	print_summary(&run->table, options);
	if (options->all && !options->json)
		print_walk(&run->gather.directories, &run->table);
	cache_release(&cache);
}

static void prelink(struct run *run)
{
	const struct options *options = &run->options;

	/* gather: every object that is named, each file read once; and those that an
	 * earlier run has placed. */
	gather_all(&run->gather);
	cache_gather(&run->old, &run->gather, false);

	/* search, scope: what each needs and may load; in ld.so's order. */
	scope_all(&run->table, &run->search);

	/* Beyond this point no object is added to the table, and what is to be rewritten is known. */
	object_table_want(&run->table);
	cache_inputs_collect(&run->inputs, &run->old, &run->gather);
	cache_recall_refusals(&run->old, &run->table, options);

	/* layout: a slot for every library and plugin, and a place for an ld.so that
	 * knows prelinking itself. */
	layout(&run->table, &run->old, options);
	loader_set_slots(&run->table);

	/* Beyond this point no address changes; what has all it should have is passed over. */
	cache_mark_unchanged(&run->old, &run->table, &run->root, options);

	/* bind: what every relocation of a library resolves to. */
	run->rewriting.bind = bind_libraries(&run->root, &run->table, options->jobs);

	/* rebase, rewrite: each library moved to its slot, its values filled in, its file replaced. */
	rewrite_libraries(&run->rewriting);

	/* Beyond this point no library changes. */

	/* plan, rewrite: what each program's run time has still to do, its file replaced by one with that. */
	rewrite_programs(&run->rewriting);

	/* Beyond this point no file changes. */
	refuse_named(run);
	conclude(run);
}

/* --- prelink --store, --learn --- */

/* The plans of all that is in the table, and nothing else, into the store at PATH.
 * 0, or -1 after a message. */
static int write_store(struct run *run, const char *path)
{
	/* What each needs and may load; in ld.so's order. */
	scope_all(&run->table, &run->search);

	/* Beyond this point no object is added to the table. */
	object_table_want(&run->table);

	/* What every relocation resolves to, in each program, wherever its objects lie. */
	return store_programs(&run->root, &run->table, &run->options, path);
}

/* True for runs that do nothing where nothing has changed. */
static bool is_quick(const struct options *options)
{
	return options->mode == MODE_PRELINK && options->all && options->quick;
}

static void prelink_store(struct run *run)
{
	const struct options *options = &run->options;
	char *path = store_path(run);

	gather_all(&run->gather);
	int status = write_store(run, path);

	if (is_quick(options) && !options->dry_run && status == 0) { /* what the next one asks for */
		struct cache cache;

		cache_inputs_collect(&run->inputs, &run->old, &run->gather);
		cache_inputs_add(&run->inputs, &run->root, path);
		cache_build(&cache, &run->table, &run->inputs, &run->root, options);
		cache_write(&cache, &run->root, run->cache_path);
		cache_release(&cache);
	}
	free(path);
}

/* What prelink-run has seen since the last time: its programs, and what they loaded. */
static void learn(struct run *run)
{
	char *directory = root_inside(&run->root, run->options.learn);
	char *path = xasprintf("%s/store", directory);
	struct learned learned;

	if (learned_read(&learned, &run->root, directory) == 0) {
		for (size_t i = 0; i < run->options.file_count; i++)
			learned_forget(&learned, &run->root, run->options.file[i]);
		for (size_t i = 0; i < learned.count; i++) {
			struct object *object = gather_find(&run->gather, learned.program[i].path);

			if (object)
				object->listed = true;
		}
		learned_apply(&learned, &run->table);
		if (learned_write(&learned, &run->root, directory) == 0)
			write_store(run, path);
	}
	learned_release(&learned);
	free(path);
	free(directory);
}

/* True for what may replace files: one such run at a time. */
static bool writes(const struct options *options)
{
	return !options->dry_run && !options->store && !options->undo_output &&
	       (options->mode == MODE_PRELINK || options->mode == MODE_UNDO ||
		options->mode == MODE_RELOC_ONLY);
}

/* -q: says so and returns true where nothing has changed since the last run, files and manifests included. */
static bool is_done_already(struct run *run)
{
	const struct options *options = &run->options;

	if (!is_quick(options) || (options->store && options->dry_run) || run->conf.outside ||
	    !cache_is_current(&run->old, &run->root, options, &run->conf, &run->known))
		return false;
	if (!options->store)
		print_current(&run->old, options);
	else if (options->verbose)
		puts("nothing has changed since the store was made");
	return true;
}

/* 1 where the answer to what was asked is no. */
static int run_mode(struct run *run)
{
	const struct options *options = &run->options;
	int result = 0;
	bool needed = options->mode == MODE_REPORT;

	if (options->mode == MODE_PRINT) {
		read_store(run);
		needed = !run->store.bytes; /* one of the two there has to be */
	}
	if (writes(options) && root_lock(&run->root))
		return 1;
	if (cache_read(&run->old, &run->root, run->cache_path, needed) && needed)
		return 1;
	if (options->mode == MODE_PRINT)
		return print_tables(&run->old, NULL, &run->store, options) ? 1 : 0;
	if (conf_read(&run->conf, &run->root, options))
		return 1;
	if (is_done_already(run))
		return 0;
	/* What prelink-run has seen needs no manifest. */
	if (!read_learned(run) && options->with_plugins && options->mode != MODE_LEARN)
		installed_read(&run->installed, &run->root);
	object_table_init(&run->table);
	gather_init(&run->gather, &run->table, &run->root, &run->conf, options, &run->installed);
	run->gather.known = &run->known;
	run->rewriting = (struct rewriting){
		.root = &run->root, .table = &run->table, .options = options, .added = &run->added
	};
	if (search_init(&run->search, &run->gather) == 0) {
		switch (options->mode) {
		case MODE_PRELINK: run->options.store ? prelink_store(run) : prelink(run); break;
		case MODE_UNDO: undo(run); break;
		case MODE_VERIFY: run->options.store ? prelink_store(run) : verify_files(run); break;
		case MODE_RELOC_ONLY: move(run); break;
		case MODE_BINDINGS: show_bindings(run); break;
		case MODE_STATUS: result = show_status(run); break;
		case MODE_REPORT: report(run); break;
		case MODE_ADVISE: result = give_advice(run); break;
		case MODE_AUDIT: audit(run); break;
		case MODE_LEARN: learn(run); break;
		case MODE_PRINT: break;
		}
		bind_free(run->rewriting.bind);
		search_release(&run->search);
		added_release(&run->added);
	}
	cache_inputs_release(&run->inputs);
	gather_release(&run->gather);
	known_release(&run->known);
	object_table_release(&run->table);
	installed_release(&run->installed);
	learned_release(&run->learned);
	return result;
}

/* Where it is remembered what the last run saw: a store has its own, beside it. */
static char *cache_path(const struct run *run)
{
	if (!run->options.store || run->options.mode != MODE_PRELINK)
		return root_inside(&run->root, run->options.cache);
	char *store = store_path(run), *path = xasprintf("%s.cache", store);

	free(store);
	return path;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	int result = 0;

	diag_tool = "prelink";
	mapfault_catch();
	options_parse(&run.options, argc, argv);
	if (!advise_knows(run.options.advise)) {
		options_release(&run.options);
		return 2;
	}
	if (root_open_tree(&run.root, run.options.root) == 0) {
		options_resolve(&run.options, &run.root);
		run.cache_path = cache_path(&run);
		result = run_mode(&run);
		conf_release(&run.conf);
		cache_release(&run.old);
		store_file_release(&run.store);
		free(run.cache_path);
		root_release(&run.root);
	}
	options_release(&run.options);
	if ((fflush(stdout) || ferror(stdout)) && !diag_failed())
		diag_errno(NULL, "writing to standard output");
	return diag_failed() ? 1 : result;
}
