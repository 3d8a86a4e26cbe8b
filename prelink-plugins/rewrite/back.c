/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Giving the originals back; see back.h. */
#include "rewrite/back.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "diag.h"
#include "elf_copy.h"
#include "rewrite/original.h"
#include "rewrite/replace.h"

/* PRESENT, mapped from FD, has lost its record.  If it asks for the run-time module, it does so no longer. */
static int disarm(const struct rewriting *rewriting, const struct object *object, struct outfile *out,
		  const struct elf_image *present, int fd)
{
	struct dynamic dynamic;
	struct elf_image harmless;

	if (dynamic_init(&dynamic, present) || elf_image_clone(&harmless, present, fd, 0, 0, false))
		return -1;
	remains_disarm(&harmless, &dynamic, object_module(object));
	int result = replace_write(rewriting, object, out, &harmless);

	elf_image_release(&harmless);
	return result;
}

#define LOST "it was prelinked, and strip or the like took its undo record away"
#define CURE "reinstall it from its package"

/* Says what is left in OBJECT's file, and what is done about it. */
static void say_remains(const struct rewriting *rewriting, const struct object *object)
{
	const char *was = rewriting->options->dry_run ? "would be" : "was";

	switch (object->remains) {
	case REMAINS_NOTHING: break;
	case REMAINS_UNUSED:
		diag_warn(object->shown,
			  "undoing: " LOST ": nothing uses the plan that is left in it; " CURE);
		break;
	case REMAINS_STAMP:
		diag_error(object->shown,
			   "undoing: " LOST ": it stays as it is, and works without us; " CURE);
		break;
	case REMAINS_MODULE:
		diag_error(object->shown,
			   "undoing: " LOST
			   ": DT_AUDIT %s taken out of it, so that it starts as any other; " CURE,
			   was);
		break;
	}
}

static int prepare(struct rewriting *rewriting, struct object *object, struct outfile *out)
{
	struct elf_image present;

	object->outcome = OUTCOME_UNCHANGED;
	/* What somebody made of the file since it was gathered makes no difference to who undoes. */
	if (root_stat(rewriting->root, object->path, &object->st) || !S_ISREG(object->st.st_mode))
		return 0;
	int result = 0, fd = object_open(rewriting->root, object, SIZE_MAX, &present);

	if (fd < 0)
		return -1;
	if (undo_present(&present)) {
		result = undo_image(&present) ? -1 : replace_write(rewriting, object, out, &present);
		out->some_names = true; /* a mount that hides one does not keep the others prelinked */
		object->outcome = OUTCOME_UNDONE;
	} else if (object->remains == REMAINS_MODULE) {
		result = disarm(rewriting, object, out, &present, fd);
		object->outcome = OUTCOME_UNDONE;
	}
	if (result == 0)
		say_remains(rewriting, object);
	object_close(&present, fd);
	return result;
}

/* What was disarmed is not its original: -1 where there is anything that is not, which was said. */
static int count_left(const struct object_list *list)
{
	int result = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct object *object = list->member[i];

		if (object->remains > REMAINS_UNUSED)
			object->outcome = OUTCOME_FAILED;
		if (object->outcome == OUTCOME_FAILED)
			result = -1;
	}
	return result;
}

int back_undo(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_to_undo);
	replace_files(rewriting, &list, prepare, rewriting->options->jobs, "undoing");
	int result = count_left(&list);

	free(list.member);
	return result;
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

void back_undo_elsewhere(const struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);
	struct elf_image present, original;
	struct root everywhere;
	int fd;

	if (list.count && list.member[0]->remains > REMAINS_UNUSED)
		diag_error(list.member[0]->shown, "undoing: " LOST "; " CURE);
	else if (list.count && root_open_tree(&everywhere, NULL) == 0) {
		char *path = root_inside(&everywhere, rewriting->options->undo_output);

		if ((fd = object_open(rewriting->root, list.member[0], READ_MAX, &present)) >= 0) {
			if (original_init(&original, &present, fd) == 0) {
				if (!rewriting->options->dry_run)
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
