/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The passes that change files; see apply.h. */
#include "apply.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "diag.h"
#include "plan/liblist.h"
#include "outfile.h"
#include "rewrite/rewrite.h"
#include "threads.h"
#include "rewrite/verify.h"

void apply_init(struct apply *apply, const struct root *root, struct object_table *table,
		const struct options *options)
{
	*apply = (struct apply){ .root = root, .table = table, .options = options };
}

void apply_release(struct apply *apply)
{
	if (apply->bind)
		plan_release(&apply->planner);
	bind_free(apply->bind);
	apply->bind = NULL;
}

/* --- hooks of the rewriter --- */

static void show_progress(void *context, const struct object *object, size_t done, size_t count)
{
	struct apply *apply = context;

	(void)count;
	progress_show(&apply->progress, object->path, done);
}

static int fill(void *context, const struct object *object, struct elf_image *image)
{
	const struct apply *apply = context;

	return apply->bind && bind_fill(apply->bind, object, image) < 0 ? -1 : 0;
}

/* For an ld.so; one thread at a time. */
static int fill_loader(void *context, const struct object *object, struct elf_image *image)
{
	const struct apply *apply = context;

	return liblist_fill_loader(apply->bind, apply->table->object[object->index], image);
}

/* Says, in one line, that PROGRAM got PLAN, or why not; PLAN may be NULL then. */
static void say_plan(const struct object *program, const struct plan *plan)
{
	flockfile(stdout); /* other threads have something to say, too */
	diag_put(stdout, program->path);
	printf(": %s", program->no_plan ? "no plan: " : "plan");
	if (program->no_plan)
		diag_put(stdout, program->no_plan);
	if (plan) {
		printf(": ");
		plan_print(plan, stdout);
	}
	putchar('\n');
	funlockfile(stdout);
}

/* The same for LIST. */
static void say_list(const char *path, const struct liblist *list, const char *why)
{
	flockfile(stdout);
	diag_put(stdout, path);
	printf(": %s%s", why ? "no list of libraries for ld.so: " : "list for ld.so: ", why ? why : "");
	if (list && !why)
		liblist_print(list, stdout);
	putchar('\n');
	funlockfile(stdout);
}

static const char no_module[] = "the run-time module is not installed";

static char *refusal_text(const struct plan_refusal *refusal)
{
	if (!refusal->why)
		return NULL;
	return refusal->about ? xasprintf("%s: %s", refusal->about->path, refusal->why) :
				xstrdup(refusal->why);
}

/* A plan, where the program is better off with one, and a list where ld.so takes one. */
static enum object_skip attach(void *context, const struct object *object, struct elf_image *image,
			       struct undo *undo, bool *changed)
{
	struct apply *apply = context;
	bool talk = apply->options->verbose && !apply->options->json;
	enum object_skip skip = SKIP_NOT;
	struct plan_refusal refusal = { 0 };
	const char *why_no_list = NULL;
	struct object *program = apply->table->object[object->index];
	struct plan *plan = apply->module ? plan_make(&apply->planner, program, &refusal) : NULL;
	struct liblist *list = liblist_make(&apply->planner, program, image, &why_no_list);

	if (!apply->module)
		refusal.why = no_module;
	else if (plan && !plan_pays(plan))
		refusal.why = "the run-time module would cost more than it saves";
	else if (plan)
		skip = plan_attach(plan, RUNTIME_MODULE, image, undo, liblist_guest(list), &refusal.why);
	*changed = !refusal.why;
	if (refusal.why && list && undo->front == 0) { /* the image is as it was */
		skip = liblist_attach(list, image, undo, &why_no_list);
		*changed = !why_no_list;
	}
	free(program->no_plan);
	program->no_plan = refusal_text(&refusal);
	if (talk)
		say_plan(program, plan);
	if (talk && (list || why_no_list))
		say_list(object->path, list, why_no_list);
	liblist_free(list);
	plan_free(plan);
	return *changed ? skip : SKIP_NOT;
}

/* The same when verifying: with what the file carries. */
static enum object_skip replay(void *context, const struct object *object, struct elf_image *image,
			       struct undo *undo, bool *changed)
{
	struct apply *apply = context;
	const char *why;
	struct object *program = apply->table->object[object->index];
	struct liblist *list = liblist_present(&apply->planner, program);
	enum object_skip skip = plan_replay(&apply->planner, program, image, undo, liblist_guest(list), &why);

	if (why && list && undo->front == 0)
		skip = liblist_attach(list, image, undo, &why);
	liblist_free(list);
	*changed = !why;
	return skip;
}

static struct rewrite rewrite_of(struct apply *apply)
{
	return (struct rewrite){ .root = apply->root,
				 .dry_run = apply->options->dry_run,
				 .jobs = apply->options->jobs,
				 .context = apply,
				 .fill = fill,
				 .progress = show_progress };
}

/* --- the passes --- */

static bool is_program_for_list(const struct object *object)
{
	return object_is_program_to_rewrite(object) && liblist_helps(object);
}

/* What the threads of apply_bind() share. */
struct binding_work {
	struct apply *apply;
	struct object_list list;
	size_t next, done; /* under lock */
	pthread_mutex_t lock;
};

static void bind_some(void *argument)
{
	struct binding_work *work = argument;
	struct bind *bind = bind_share(work->apply->bind);

	pthread_mutex_lock(&work->lock);
	while (work->next < work->list.count) {
		struct object *object = work->list.member[work->next++];

		pthread_mutex_unlock(&work->lock);
		if (bind_natural(bind, object))
			object->outcome = OUTCOME_FAILED;
		pthread_mutex_lock(&work->lock);
		progress_show(&work->apply->progress, object->path, ++work->done);
	}
	pthread_mutex_unlock(&work->lock);
	bind_free(bind);
}

void apply_bind(struct apply *apply)
{
	struct binding_work work = {
		.apply = apply, .list = object_table_select(apply->table, object_is_library_to_rewrite)
	};

	apply->bind = bind_new(apply->root);
	plan_init(&apply->planner, apply->root, apply->bind);
	pthread_mutex_init(&work.lock, NULL);
	progress_begin(&apply->progress, "binding", work.list.count);
	threads_run(apply->options->jobs, bind_some, &work);
	progress_end(&apply->progress);
	pthread_mutex_destroy(&work.lock);
	struct object_list loaders = object_table_select(apply->table, object_is_loader_to_rewrite);
	for (size_t i = 0; i < loaders.count; i++)
		liblist_check_loader(apply->bind, loaders.member[i]);
	free(loaders.member);
	bind_rest(apply->bind, true);
	free(work.list.member);
}

void apply_libraries(struct apply *apply)
{
	struct object_list list = object_table_select(apply->table, object_is_library_to_rewrite);
	struct rewrite how = rewrite_of(apply);

	progress_begin(&apply->progress, "prelinking libraries", list.count);
	rewrite_objects(&how, list.member, list.count);
	progress_end(&apply->progress);
	free(list.member);
	list = object_table_select(apply->table, object_is_loader_to_rewrite);
	how.fill = fill_loader;
	how.jobs = 1;
	rewrite_objects(&how, list.member, list.count);
	free(list.member);
}

/* False, after a warning, where programs could not load the run-time module. */
static bool has_module(const struct apply *apply)
{
	struct stat st;

	if (root_stat(apply->root, RUNTIME_MODULE, &st) == 0)
		return true;
	char *outside = root_outside(apply->root, RUNTIME_MODULE);
	diag_warn(outside, "the run-time module is not there: programs go without a plan; install it there");
	free(outside);
	return false;
}

void apply_programs(struct apply *apply)
{
	struct object_list list = object_table_select(apply->table, object_is_program_to_rewrite);
	struct rewrite how = rewrite_of(apply);
	bool wanted = list.count && !apply->options->libs_only && !apply->options->dry_run;

	apply->module = wanted && has_module(apply);
	if (wanted && !apply->module) {
		for (size_t i = 0; i < list.count; i++)
			list.member[i]->no_plan = xstrdup(no_module);
		free(list.member);
		list = object_table_select(apply->table, is_program_for_list);
	}
	how.program = attach;
	if (wanted && list.count) {
		plan_look(&apply->planner, list.member, list.count);
		progress_begin(&apply->progress, "prelinking programs", list.count);
		rewrite_objects(&how, list.member, list.count);
		progress_end(&apply->progress);
	}
	free(list.member);
}

void apply_move(struct apply *apply)
{
	struct object_list list = object_table_select(apply->table, object_is_listed);
	struct rewrite how = rewrite_of(apply);

	for (size_t i = 0; i < list.count; i++) {
		struct object *object = list.member[i];

		if (object->kind != OBJECT_LIBRARY)
			diag_error(object->path, "moving: only libraries can be moved");
		else if (object->skip)
			diag_error(object->path, "moving: it is left alone: %s",
				   object_skip_text(object->skip));
		else if (apply->options->reloc_address % object->align)
			diag_error(object->path, "moving: its address has to be a multiple of 0x%llx",
				   (unsigned long long)object->align);
		else {
			object->has_slot = true;
			object->slot = apply->options->reloc_address;
			rewrite_objects(&how, &object, 1);
		}
	}
	free(list.member);
}

/* --- and back --- */

int apply_undo(struct apply *apply)
{
	struct object_list list = object_table_select(apply->table, object_is_to_undo);
	struct rewrite how = rewrite_of(apply);

	progress_begin(&apply->progress, "undoing", list.count);
	int status = undo_objects(&how, list.member, list.count);
	progress_end(&apply->progress);
	free(list.member);
	return status;
}

/* ORIGINAL, which OBJECT was, to PATH inside ROOT, with the mode and times of OBJECT. */
static void write_original(const struct root *root, const char *path, const struct elf_image *original,
			   const struct object *object)
{
	const struct timespec times[2] = { object->st.st_atim, object->st.st_mtim };
	struct outfile out;

	if (outfile_begin(&out, root, path, NULL))
		return;
	if (fchmod(out.fd, object->st.st_mode & 0777) || futimens(out.fd, times))
		diag_warn(path, "its mode and times are not those of the original");
	if (outfile_write(&out, original->data, original->size) == 0)
		outfile_commit(&out);
	else
		outfile_abandon(&out);
}

void apply_undo_elsewhere(struct apply *apply)
{
	struct object_list list = object_table_select(apply->table, object_is_listed);
	struct elf_image present, original;
	struct root everywhere;
	int fd;

	if (list.count && root_open_tree(&everywhere, NULL) == 0) {
		char *path = root_inside(&everywhere, apply->options->undo_output);

		if ((fd = object_open(apply->root, list.member[0], READ_MAX, &present)) >= 0) {
			if (original_init(&original, &present, fd) == 0) {
				if (!apply->options->dry_run)
					write_original(&everywhere, path, &original, list.member[0]);
				elf_image_release(&original);
			}
			object_close(&present, fd);
		}
		free(path);
		root_release(&everywhere);
	}
	free(list.member);
}

void apply_verify(struct apply *apply)
{
	struct rewrite how = rewrite_of(apply);

	how.program = replay;
	/* Where they are is where they were to go. */
	for (size_t i = 0; i < apply->table->count; i++) {
		struct object *object = apply->table->object[i];

		object->has_slot = object->kind == OBJECT_LIBRARY && object->prelinked;
		object->slot = object->prelinked || object->kind != OBJECT_LOADER ? object->start : 0;
	}
	object_table_want(apply->table);
	apply_bind(apply);
	struct object_list list = object_table_select(apply->table, object_is_listed);
	for (size_t i = 0; i < list.count; i++) {
		how.fill = list.member[i]->kind == OBJECT_LOADER ? fill_loader : fill;
		verify_object(&how, list.member[i], true, apply->options->digest, stdout);
	}
	free(list.member);
}
