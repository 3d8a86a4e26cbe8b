/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink: the table of contents of the program.  Each pass is a file of its own with one entry point; each
 * says for itself what went wrong, passes over the object concerned, and goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bind.h"
#include "bindings.h"
#include "cache.h"
#include "conf.h"
#include "diag.h"
#include "gather.h"
#include "layout.h"
#include "libsearch.h"
#include "object.h"
#include "options.h"
#include "outfile.h"
#include "plan.h"
#include "print.h"
#include "report.h"
#include "rewrite.h"
#include "root.h"
#include "scope.h"
#include "verify.h"

/* What a run works on. */
struct run {
	struct options options;
	struct root root;
	struct conf conf;
	struct cache old;          /* what the last run left */
	char *cache_path;          /* inside the root */
	struct object_table table;
	struct gather gather;
	struct search search;
	struct bind *bind;         /* NULL before the bind pass */
	struct planner planner;    /* set up with it */
	struct progress progress;
};

/* --- what the passes are given --- */

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

/* Everything besides the objects that the result depends on, for -q: directories that were walked, that have
 * something in them which was found or may match a note, and files that say where to look. */
static void collect_inputs(const struct run *run, struct path_list *inputs)
{
	for (size_t i = 0; i < run->table.count; i++) {
		const struct object *object = run->table.object[i];

		add_directory(inputs, object->path);
		for (size_t j = 0; j < object->plugins.count; j++)
			if (object->plugins.entry[j].path)
				add_directory(inputs, object->plugins.entry[j].path);
	}
	for (size_t i = 0; i < run->gather.directories.count; i++)
		path_list_add(inputs, run->gather.directories.path[i]);
	for (size_t i = 0; i < run->conf.file_count; i++)
		path_list_add(inputs, run->conf.file[i]);
	path_list_add(inputs, "/etc/ld.so.cache");
	path_list_add(inputs, "/etc/ld.so.conf");
	path_list_sort(inputs);
}

static void show_progress(void *context, const struct object *object, size_t done, size_t count)
{
	struct run *run = context;

	(void)count;
	progress_show(&run->progress, object->path, done);
}

static int fill(void *context, const struct object *object, struct elf_image *image)
{
	const struct run *run = context;

	return run->bind && bind_fill(run->bind, object, image) < 0 ? -1 : 0;
}

/* Where programs find the run-time module, inside the root. */
#define MODULE PKGLIBDIR "/prelink-rtld.so"

/* The program hook: a plan, where the program is better off with one. */
static enum object_skip attach_plan(void *context, const struct object *object, struct elf_image *image,
				    struct undo *undo, bool *changed)
{
	struct run *run = context;
	enum object_skip skip = SKIP_NOT;
	const char *why = NULL;
	struct plan *plan = plan_make(&run->planner, run->table.object[object->index], &why);

	if (plan && !plan_pays(plan))
		why = "the run-time module would cost more than it saves";
	else if (plan)
		skip = plan_attach(plan, MODULE, image, undo, &why);
	if (run->options.verbose && plan)
		plan_print(plan, object->path, stdout);
	if (run->options.verbose && why)
		printf("%s: no plan: %s\n", object->path, why);
	plan_free(plan);
	*changed = !why;
	return why ? SKIP_NOT : skip;
}

/* The same when verifying: with the plan that the file carries. */
static enum object_skip replay_plan(void *context, const struct object *object, struct elf_image *image,
				    struct undo *undo, bool *changed)
{
	struct run *run = context;
	const char *why;
	enum object_skip skip = plan_replay(&run->planner, run->table.object[object->index], image, undo, &why);

	*changed = !why;
	return skip;
}

static struct rewrite rewrite_of(struct run *run)
{
	return (struct rewrite){ .root = &run->root, .dry_run = run->options.dry_run, .jobs = run->options.jobs,
				 .context = run, .fill = fill, .progress = show_progress };
}

/* Objects of the table for which WANTED holds; the array is the caller's. */
static struct object_list select_objects(const struct run *run,
					 bool (*wanted)(const struct run *, const struct object *))
{
	struct object_list list = { 0 };

	for (size_t i = 0; i < run->table.count; i++)
		if (wanted(run, run->table.object[i]))
			object_list_add(&list, run->table.object[i]);
	return list;
}

static bool is_to_rewrite(const struct run *run, const struct object *object)
{
	if (object->skip != SKIP_NOT || object->outcome != OUTCOME_NONE)
		return false;
	return object->kind == OBJECT_LIBRARY ? object->has_slot : !run->options.libs_only;
}

static bool is_to_undo(const struct run *run, const struct object *object)
{
	(void)run;
	return object->listed && object->prelinked;
}

/* --- prelink --- */

static bool is_library_to_rewrite(const struct run *run, const struct object *object)
{
	return is_to_rewrite(run, object) && object->kind == OBJECT_LIBRARY;
}

static bool is_program_to_rewrite(const struct run *run, const struct object *object)
{
	return is_to_rewrite(run, object) && object->kind != OBJECT_LIBRARY;
}

/* What the symbols of each library resolve to in its own scope. */
static void bind(struct run *run)
{
	struct object_list list = select_objects(run, is_to_rewrite);

	run->bind = bind_new(&run->root);
	plan_init(&run->planner, &run->root, run->bind);
	progress_begin(&run->progress, "binding", list.count);
	for (size_t i = 0; i < list.count; i++) {
		if (list.member[i]->kind == OBJECT_LIBRARY && bind_natural(run->bind, list.member[i]))
			list.member[i]->outcome = OUTCOME_FAILED;
		progress_show(&run->progress, list.member[i]->path, i + 1);
	}
	progress_end(&run->progress);
	bind_rest(run->bind);
	free(list.member);
}

static void rewrite(struct run *run)
{
	struct object_list list = select_objects(run, is_library_to_rewrite);
	struct rewrite how = rewrite_of(run);

	progress_begin(&run->progress, "prelinking", list.count);
	rewrite_objects(&how, list.member, list.count);
	progress_end(&run->progress);
	free(list.member);
}

/* Programs come when the libraries are what they will be: a plan names them by checksum. */
static void plan(struct run *run)
{
	struct object_list list = select_objects(run, is_program_to_rewrite);
	struct rewrite how = rewrite_of(run);
	struct stat st;

	if (list.count && !run->options.dry_run && root_stat(&run->root, MODULE, &st)) {
		diag_warn(MODULE, "the run-time module is not installed there: programs go without a plan");
	} else if (!run->options.dry_run) {
		how.program = attach_plan;
		progress_begin(&run->progress, "planning", list.count);
		rewrite_objects(&how, list.member, list.count);
		progress_end(&run->progress);
	}
	free(list.member);
}

/* The new cache: to disk, unless this is a dry run; and what was asked for of it to standard output. */
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
	print_summary(&run->table, options);
	cache_release(&cache);
	path_list_release(&inputs);
}

static void prelink(struct run *run)
{
	const struct options *options = &run->options;

	if (options->all && options->quick && cache_is_current(&run->old, &run->root, options)) {
		print_current(&run->old, options);
		return;
	}

	/* Every object that is named, each file read once. */
	gather_all(&run->gather);

	/* What each needs and, with --with-plugins, may load; in ld.so's order. */
	scope_all(&run->table, &run->search);

	/* Beyond this point no object is added to the table. */
	cache_forget_changed(&run->old, &run->table, &run->root);

	/* A slot for every library and plugin. */
	layout(&run->table, &run->old, options);

	/* Beyond this point no address changes; what has all it should have is passed over. */
	cache_mark_unchanged(&run->old, &run->table, options);

	/* What every relocation of a library resolves to. */
	bind(run);

	/* Each object moved to its slot, its values filled in, and put in place of the old file. */
	rewrite(run);

	/* Beyond this point no library changes. */

	/* What each program's run time has still to do, written into the program. */
	plan(run);

	/* Beyond this point no file changes. */
	conclude(run);
}

/* --- the other modes --- */

/* Reads what the cache knows and the configuration no longer names, for -ua. */
static void gather_cached(struct run *run)
{
	for (size_t i = 0; i < run->old.object_count; i++) {
		if (!(run->old.object[i].flags & CACHE_PRELINKED))
			continue;
		struct object *object = gather_find(&run->gather, cache_string(&run->old,
									       run->old.object[i].path));
		if (object)
			object->listed = true;
	}
}

/* -o: the original of OBJECT to a file anywhere. */
static void undo_elsewhere(struct run *run, const struct object *object)
{
	struct elf_image present, original;
	struct outfile out;
	struct root everywhere;
	int fd;

	if (root_open_tree(&everywhere, NULL))
		return;
	char *path = root_inside(&everywhere, run->options.undo_output);
	if ((fd = object_open(&run->root, object, &present)) >= 0) {
		if (original_init(&original, &present, fd) == 0) {
			if (!run->options.dry_run && outfile_begin(&out, &everywhere, path, NULL) == 0) {
				struct timespec times[2] = { object->st.st_atim, object->st.st_mtim };

				if (fchmod(out.fd, object->st.st_mode & 0777) || futimens(out.fd, times))
					diag_warn(path, "its mode and times are not those of the original");
				if (outfile_write(&out, original.data, original.size) == 0)
					outfile_commit(&out);
				else
					outfile_abandon(&out);
			}
			elf_image_release(&original);
		}
		object_close(&present, fd);
	}
	free(path);
	root_release(&everywhere);
}

static void undo(struct run *run)
{
	const struct options *options = &run->options;
	struct rewrite how = rewrite_of(run);

	gather_all(&run->gather);
	for (size_t i = 0; options->undo_output && i < run->table.count; i++) {
		if (run->table.object[i]->listed) {
			undo_elsewhere(run, run->table.object[i]);
			return;
		}
	}
	if (options->all)
		gather_cached(run);
	struct object_list list = select_objects(run, is_to_undo);

	progress_begin(&run->progress, "undoing", list.count);
	bool undone = undo_objects(&how, list.member, list.count) == 0;
	progress_end(&run->progress);
	free(list.member);
	if (options->all && undone && !options->dry_run && !options->no_update_cache)
		cache_remove(&run->root, run->cache_path);
	print_summary(&run->table, options);
}

static void verify(struct run *run)
{
	struct rewrite how = rewrite_of(run);

	how.program = replay_plan;

	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	for (size_t i = 0; i < run->table.count; i++) {
		struct object *object = run->table.object[i];

		object->has_slot = object->kind == OBJECT_LIBRARY && object->prelinked;
		object->slot = object->start;
	}
	bind(run);
	for (size_t i = 0; i < run->table.count; i++)
		if (run->table.object[i]->listed)
			verify_object(&how, run->table.object[i], true, run->options.digest, stdout);
}

/* --bindings: what the symbols of each program resolve to when it starts. */
static void show_bindings(struct run *run)
{
	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	run->bind = bind_new(&run->root);
	bindings_print(run->bind, &run->table, run->options.json);
}

/* -r: one library to one address. */
static void move(struct run *run)
{
	struct rewrite how = rewrite_of(run);

	gather_all(&run->gather);
	for (size_t i = 0; i < run->table.count; i++) {
		struct object *object = run->table.object[i];

		if (!object->listed)
			continue;
		if (object->kind != OBJECT_LIBRARY)
			diag_error(object->path, "moving: only libraries can be moved");
		else if (object->skip)
			diag_error(object->path, "moving: it %s", object_skip_text(object->skip));
		else if (run->options.reloc_address % object->align)
			diag_error(object->path, "moving: its address has to be a multiple of 0x%llx",
				   (unsigned long long)object->align);
		else {
			object->has_slot = true;
			object->slot = run->options.reloc_address;
			rewrite_objects(&how, &object, 1);
		}
	}
	print_summary(&run->table, &run->options);
}

static void run_mode(struct run *run)
{
	const struct options *options = &run->options;
	bool print = options->mode == MODE_PRINT, report = options->mode == MODE_REPORT;

	if (cache_read(&run->old, &run->root, run->cache_path, print || report) == 0) {
		if (print)
			print_tables(&run->old, NULL, options);
		if (report)
			report_write(&run->old, &run->root, options->report);
	}
	if (print || report || conf_read(&run->conf, &run->root, options))
		return;
	object_table_init(&run->table);
	gather_init(&run->gather, &run->table, &run->root, &run->conf, options);
	if (search_init(&run->search, &run->gather) == 0) {
		switch (options->mode) {
		case MODE_PRELINK: prelink(run); break;
		case MODE_UNDO: undo(run); break;
		case MODE_VERIFY: verify(run); break;
		case MODE_RELOC_ONLY: move(run); break;
		case MODE_BINDINGS: show_bindings(run); break;
		case MODE_PRINT: case MODE_REPORT: break;
		}
		if (run->bind)
			plan_release(&run->planner);
		bind_free(run->bind);
		search_release(&run->search);
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
	if ((fflush(stdout) || ferror(stdout)) && !diag_failed())
		diag_errno(NULL, "writing to standard output");
	return diag_failed() ? 1 : 0;
}
