/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Giving the originals back; see back.h. */
#include "rewrite/back.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "elf_copy.h"
#include "mapfault.h"
#include "rewrite/original.h"
#include "rewrite/output.h"
#include "rewrite/packaged.h"
#include "rewrite/replace.h"

/* PRESENT, mapped from FD, has lost its record.  If it asks for the run-time module, it does so no longer. */
static int disarm(const struct rewriting *rewriting, const struct object *object, struct outfile *out,
		  const struct elf_image *present, int fd)
{
	struct dynamic dynamic;
	struct elf_image harmless;

	if (dynamic_init(&dynamic, present) || elf_image_clone(&harmless, present, fd, 0, 0))
		return -1;
	remains_disarm(&harmless, &dynamic, object_module(object));
	int result = replace_write(rewriting, object, out, &harmless, NULL);

	elf_image_release(&harmless);
	return result;
}

/* Says what is left in OBJECT's file, and what is done about it; what another prelink
 * did, where that was named. */
static void say_remains(const struct rewriting *rewriting, const struct object *object)
{
	const char *text = remains_text(object->remains), *cure = remains_cure(object->remains);

	switch (object->remains) {
	case REMAINS_NOTHING: break;
	case REMAINS_UNUSED:
		diag_warn(object->shown, "undoing: %s: nothing uses the plan that is left in it; %s", text,
			  cure);
		break;
	case REMAINS_STAMP:
		diag_error(object->shown, "undoing: %s: it stays as it is, and works without us; %s", text,
			   cure);
		break;
	case REMAINS_MODULE:
		diag_error(object->shown,
			   "undoing: %s: DT_AUDIT %s taken out of it, so that it starts as any other; %s",
			   text, rewriting->options->dry_run ? "would be" : "was", cure);
		break;
	case REMAINS_OTHERS:
		if (object->named)
			diag_error(object->shown, "undoing: %s: it stays as it is; %s", text, cure);
		break;
	}
}

static int prepare(struct rewriting *rewriting, struct object *object, struct outfile *out,
		   struct verdict *verdict)
{
	struct elf_image present;

	verdict->outcome = OUTCOME_UNCHANGED;
	/* What somebody made of the file since it was gathered makes no difference to who undoes. */
	if (root_stat(rewriting->root, object->path, &object->st) || !S_ISREG(object->st.st_mode))
		return 0;
	int result = 0, fd = object_open(rewriting->root, object, &present);

	if (fd < 0)
		return -1;
	if (undo_present(&present)) {
		struct undo_record record;

		undo_record_read(&present, &record);
		result = undo_image(&present, false) ?
				 -1 :
				 replace_write(rewriting, object, out, &present, &record.original_crc);
		out->some_names = true; /* a mount that hides one does not keep the others prelinked */
		verdict->outcome = OUTCOME_UNDONE;
	} else if (object->remains == REMAINS_MODULE) {
		result = disarm(rewriting, object, out, &present, fd);
		verdict->outcome = OUTCOME_UNDONE;
	}
	if (result == 0)
		say_remains(rewriting, object);
	object_close(&present, fd);
	return result;
}

/* What was disarmed is not its original: -1 where there is anything that is not, which was said.  Another
 * prelink's files are none of ours, but for those that were named; they are said once. */
static int count_left(const struct object_list *list)
{
	const struct object *others = NULL;
	size_t count = 0;
	int result = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct object *object = list->member[i];
		bool other = object->remains == REMAINS_OTHERS && !object->named;

		if (object->remains > REMAINS_UNUSED && !other)
			object->outcome = OUTCOME_FAILED;
		if (object->outcome == OUTCOME_FAILED)
			result = -1;
		if (other && count++ == 0)
			others = object;
	}
	if (count)
		diag_warn(others->shown, "%s, and %zu other files: they stay as they are; %s",
			  remains_text(REMAINS_OTHERS), count - 1, remains_cure(REMAINS_OTHERS));
	return result;
}

/* Those of ALL that belong to strangers, who can put such a file anywhere that is theirs and keep
 * it from being undone: of them it is said what is left, but it is no error, and keeps nobody
 * from removing the package. */
static struct object_list take_strangers(const struct root *root, struct object_list *all)
{
	struct object_list strangers = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < all->count; i++)
		if (root_trusts(root, all->member[i]->st.st_uid))
			all->member[kept++] = all->member[i];
		else
			object_list_add(&strangers, all->member[i]);
	all->count = kept;
	return strangers;
}

int back_undo(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_to_undo), strangers = { 0 };

	if (rewriting->options->all)
		strangers = take_strangers(rewriting->root, &list);
	replace_files(rewriting, &list, prepare, rewriting->options->jobs, "undoing");
	int result = count_left(&list);

	diag_lenient(true); /* which is this thread's alone */
	replace_files(rewriting, &strangers, prepare, 1, NULL);
	count_left(&strangers);
	diag_lenient(false);
	free(strangers.member);
	free(list.member);
	return result;
}

/* The file that -o names. */
struct elsewhere {
	struct root root; /* the system's own, whatever --root is */
	struct outfile file;
};

static int elsewhere_begin(struct elsewhere *out, const struct options *options)
{
	if (root_open_tree(&out->root, NULL))
		return -1;
	char *path = root_inside(&out->root, options->undo_output);
	int result = outfile_begin(&out->file, &out->root, path, NULL);

	free(path);
	if (result)
		root_release(&out->root);
	return result;
}

/* All bytes were written if RESULT is 0; the file takes after the one that has STATUS. */
static void elsewhere_end(struct elsewhere *out, int result, const struct stat *status)
{
	out->file.like = status;
	if (result == 0)
		outfile_commit(&out->file);
	else
		outfile_abandon(&out->file);
	root_release(&out->root);
}

static bool is_standard_output(const struct options *options)
{
	return strcmp(options->undo_output, "-") == 0;
}

static int write_piece(void *context, const unsigned char *data, size_t size)
{
	struct elsewhere *out = context;

	return outfile_write(&out->file, data, size);
}

/* PACKAGED, of a file with STATUS, to the file that -o names; releases it. */
static void put_elsewhere(const struct options *options, struct packaged *packaged, const struct stat *status)
{
	struct elsewhere out;

	if (!options->dry_run && elsewhere_begin(&out, options) == 0)
		elsewhere_end(&out, packaged_each(packaged, &out, write_piece), status);
	packaged_release(packaged);
}

/* The original of OBJECT to where -o says. */
static void undo_object_elsewhere(const struct rewriting *rewriting, const struct object *object)
{
	const struct options *options = rewriting->options;
	struct elf_image present, original;
	struct packaged packaged;
	int fd;

	if (object->remains > REMAINS_UNUSED) {
		diag_error(object->shown, "undoing: %s; %s", remains_text(object->remains),
			   remains_cure(object->remains));
		return;
	}
	if ((fd = object_open(rewriting->root, object, &present)) < 0)
		return;
	if (original_init(&original, &present, fd, false) == 0) {
		if (mapfault_count()) {
			/* It was said: what is here is zeros. */
		} else if (is_standard_output(options)) {
			output_packaged(rewriting->added, object->path, &object->st, &original, DIGEST_NONE,
					object->shown);
		} else if (packaged_init(&packaged, rewriting->added, object->path, &object->st, &original) ==
			   0) {
			put_elsewhere(options, &packaged, &object->st);
		}
		elf_image_release(&original);
	}
	object_close(&present, fd);
}

/* The file at PATH, which is its own original, likewise. */
static void copy_elsewhere(const struct rewriting *rewriting, const char *path)
{
	const struct options *options = rewriting->options;
	char *shown = root_outside(rewriting->root, path);
	struct packaged packaged;
	struct elsewhere out;
	struct stat st;
	int fd = -1, noted = 0;

	if (is_standard_output(options))
		output_file(rewriting->root, rewriting->added, path, DIGEST_NONE, shown);
	else if ((fd = root_open(rewriting->root, path, O_RDONLY)) < 0 || fstat(fd, &st))
		diag_errno(shown, "opening it to copy it");
	else if ((noted = packaged_open(&packaged, rewriting->added, path, &st, fd, shown)) > 0)
		put_elsewhere(options, &packaged, &st);
	else if (noted == 0 && !options->dry_run && elsewhere_begin(&out, options) == 0)
		elsewhere_end(&out, outfile_copy(&out.file, fd, (uint64_t)st.st_size), &st);
	if (fd >= 0)
		close(fd);
	free(shown);
}

void back_undo_elsewhere(const struct rewriting *rewriting, const struct path_list *plain)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);

	if (list.count)
		undo_object_elsewhere(rewriting, list.member[0]);
	else if (plain->count)
		copy_elsewhere(rewriting, plain->path[0]);
	free(list.member);
}
