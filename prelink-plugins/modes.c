/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other runs than those that prelink; see modes.h. */
#include "modes.h"

#include <stdlib.h>
#include <string.h>

#include "advise/advise.h"
#include "alloc.h"
#include "bind/libraries.h"
#include "cache/compare.h"
#include "diag.h"
#include "layout/layout.h"
#include "rewrite/back.h"
#include "rewrite/name_module.h"
#include "rewrite/rewrite.h"
#include "rewrite/verify.h"
#include "say/bindings.h"
#include "say/print.h"
#include "say/report.h"
#include "say/status.h"
#include "scope/scope.h"
#include "store/store.h"

char *store_path(const struct run *run)
{
	return root_inside(&run->root, run->options.store_file ? run->options.store_file : SYSTEM_STORE);
}

void read_store(struct run *run)
{
	char *path = store_path(run), *outside = root_outside(&run->root, path);

	if (store_file_read(&run->store, &run->root, path) == 0 && run->store.why)
		diag_warn(outside, "the store counts as none: %s", run->store.why);
	else if (run->store.damaged)
		diag_error(outside,
			   "the store is damaged: programs whose plans in it are not whole start without "
			   "them; make it again");
	free(outside);
	free(path);
}

bool read_learned(struct run *run)
{
	run->learned.lock = -1;
	if (run->options.mode != MODE_STATUS || !run->options.store_file)
		return false;
	char *path = store_path(run), *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	bool seen = learned_look(&run->learned, &run->root, directory);

	free(directory);
	free(path);
	return seen;
}

void refuse_named(const struct run *run)
{
	for (size_t i = 0; i < run->table.count; i++) {
		const struct object *object = run->table.object[i];
		const char *cure = object_skip_cure(object->skip);

		if (object->named && object->skip && object->skip != SKIP_BLACKLISTED &&
		    object->skip != SKIP_MALFORMED && object->skip != SKIP_LIMIT)
			diag_error(object->shown, "it is left alone: %s%s%s", object_skip_text(object->skip),
				   cure ? "; " : "", cure ? cure : "");
	}
}

void undo(struct run *run)
{
	const struct options *options = &run->options;
	bool seen = gather_all(&run->gather) == 0; /* all that there is */

	if (options->undo_output) {
		added_read(&run->added, &run->root);
		back_undo_elsewhere(&run->rewriting, &run->gather.plain);
		return;
	}
	if (options->all) { /* it may know of places where the walk does not go */
		diag_lenient(true);
		cache_gather(&run->old, &run->gather, true);
		diag_lenient(false);
	}
	object_table_want(&run->table);
	if (back_undo(&run->rewriting) == 0 && seen && options->all && !options->dry_run &&
	    !options->no_update_cache)
		cache_remove(&run->root, run->cache_path);
	print_summary(&run->table, options);
}

void verify_files(struct run *run)
{
	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	layout_present(&run->table);
	object_table_want(&run->table);
	run->rewriting.bind = bind_libraries(&run->root, &run->table, run->options.jobs);
	added_read(&run->added, &run->root);
	verify(&run->rewriting, &run->gather.plain);
}

void show_bindings(struct run *run)
{
	struct bind *bind = bind_new(&run->root);

	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	bindings_print(bind, &run->table, run->options.json);
	bind_free(bind);
}

int show_status(struct run *run)
{
	gather_all(&run->gather);
	learned_apply(&run->learned, &run->table);
	scope_all(&run->table, &run->search);
	layout_present(&run->table);
	cache_mark_left(&run->old, &run->table);
	read_store(run);
	return status_print(&run->gather, &run->store, &run->options);
}

int give_advice(struct run *run)
{
	const struct options *options = &run->options;

	gather_all(&run->gather);
	for (size_t i = 0; options->all && i < options->file_count; i++) {
		char *path = root_inside(&run->root, options->file[i]);
		struct object *object = gather_find(&run->gather, path);

		if (object)
			object->listed = true;
		else
			diag_errno(path, "reading it");
		free(path);
	}
	scope_all(&run->table, &run->search);
	return advise(&run->root, &run->table, &run->search, options);
}

void report(struct run *run)
{
	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	json_t *advice = advise_texts(&run->root, &run->table, &run->search, &run->options);
	layout_present(&run->table);
	cache_mark_left(&run->old, &run->table);
	read_store(run);
	report_write(&run->old, &run->gather, &run->store, advice, run->options.report);
}

void move(struct run *run)
{
	gather_all(&run->gather);
	object_table_want(&run->table);
	rewrite_move(&run->rewriting);
	print_summary(&run->table, &run->options);
}

void audit(struct run *run)
{
	gather_all(&run->gather);
	scope_all(&run->table, &run->search);
	object_table_want(&run->table);
	name_module(&run->rewriting);
	refuse_named(run);
}
