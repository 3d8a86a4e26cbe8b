/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program's run time gets; see program.h. */
#include "rewrite/program.h"

#include <stdlib.h>

#include "alloc.h"
#include "diag.h"
#include "bind/loader.h"
#include "plan/cost.h"
#include "plan/liblist.h"
#include "rewrite/attach_list.h"
#include "rewrite/attach_plan.h"
#include "say/plan.h"

static const char no_module[] = "the run-time module is not installed";

/* --- who is concerned --- */

/* False, after a warning, where programs whose module is MODULE could not load it. */
static bool has_module(const struct root *root, const char *module)
{
	struct stat st;

	if (root_stat(root, module, &st) == 0)
		return true;
	char *outside = root_outside(root, module);

	diag_warn(outside,
		  "the run-time module is not there: programs go without a plan; `make install%s%s' of "
		  "prelink-plugins, or its package, puts it there",
		  *root->path ? " DESTDIR=" : "", root->path);
	free(outside);
	return false;
}

void program_sift(const struct rewriting *rewriting, struct object_list *list)
{
	const char *last = NULL; /* that was looked for */
	size_t count = list->count;
	bool there = false;

	list->count = 0;
	if (rewriting->options->libs_only)
		return;
	for (size_t i = 0; i < count; i++) {
		struct object *program = list->member[i];
		const char *module = object_module(program);

		if (module && module != last)
			there = has_module(rewriting->root, last = module);
		if (module && !there)
			program->no_plan = xstrdup(no_module);
		if (!program->no_plan || loader_helps(program))
			list->member[list->count++] = program;
	}
}

/* --- what is said of one --- */

/* Says, in one line, that PROGRAM got LIST, or why not; LIST may be NULL then. */
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

/* --- one program --- */

enum object_skip program_attach(struct rewriting *rewriting, struct object *program, struct elf_image *image,
				struct undo *undo, struct attached *change)
{
	bool talk = rewriting->options->verbose && !rewriting->options->json;
	enum object_skip skip = SKIP_NOT;
	struct plan_refusal refusal = { 0 };
	const char *why_no_list = NULL;
	bool module = !program->no_plan; /* program_sift() */
	struct plan *plan = module ? plan_make(rewriting->planner, program, &refusal) : NULL;
	struct liblist *list = liblist_make(rewriting->planner, program, image, &why_no_list);
	struct exec_guest guest;

	if (!module)
		refusal.why = no_module;
	else if (plan)
		refusal.why = plan_does_not_pay(plan);
	if (plan && !refusal.why)
		skip = plan_attach(plan, object_module(program), image, undo,
				   attach_list_guest(&guest, list, image), &refusal.why);
	change->changed = !refusal.why;
	if (refusal.why && list && undo->front == 0) { /* the image is as it was */
		skip = liblist_attach(list, image, undo, &why_no_list);
		change->changed = !why_no_list;
	}
	change->asked = true;
	change->no_plan = plan_refusal_text(&refusal);
	if (talk)
		plan_say(program, change->no_plan, plan);
	if (talk && (list || why_no_list))
		say_list(program->path, list, why_no_list);
	liblist_free(list);
	plan_free(plan);
	return change->changed ? skip : SKIP_NOT;
}

enum object_skip program_replay(struct rewriting *rewriting, struct object *program, struct elf_image *image,
				struct undo *undo, struct attached *change)
{
	struct planner *planner = rewriting->planner;
	struct liblist *list = liblist_present(planner, program);
	const char *why;
	struct exec_guest guest;
	enum object_skip skip = plan_replay(planner, program, image, undo,
					    attach_list_guest(&guest, list, image), &why);

	if (why && list && undo->front == 0)
		skip = liblist_attach(list, image, undo, &why);
	liblist_free(list);
	change->changed = !why;
	return skip;
}
