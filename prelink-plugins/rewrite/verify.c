/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verifying prelinked files; see verify.h. */
#include "rewrite/verify.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "elf_copy.h"
#include "elf/stamp.h"
#include "rewrite/image.h"
#include "rewrite/original.h"
#include "rewrite/output.h"
#include "rewrite/program.h"

/* Rewrites ORIGINAL at the address where PRESENT is, and compares. */
static int redo_and_compare(struct rewriting *rewriting, struct object *object,
			    const struct elf_image *present, const struct elf_image *original, int fd)
{
	uint64_t time = image_time(object);
	struct new_image redone;
	struct dynamic dynamic;

	/* The stamp is the file's, whatever has touched it since. */
	if (dynamic_init(&dynamic, present) == 0 && dynamic_stamp(&dynamic).time)
		time = dynamic_stamp(&dynamic).time;
	enum object_skip skip = image_make(&redone, rewriting, object, original, fd, time);

	if (skip || !redone.changed)
		return diag_error(present->path,
				  "verifying: its original would not be prelinked: %s; undo "
				  "it and prelink it again",
				  !skip      ? "nothing to gain" :
				  redone.why ? redone.why :
					       object_skip_text(skip));
	bool same = redone.image.size == present->size &&
		    elf_image_same(&redone.image, present, present->size);

	elf_image_release(&redone.image);
	if (!same)
		return diag_error(present->path,
				  "verifying: prelinking its original again gives another file: "
				  "a dependency has changed, or another version of this "
				  "program wrote it; prelink it again");
	return 0;
}

/* Undoes OBJECT's file in memory, rewrites the result in memory at the same address, and compares; prints the
 * original or its digest, with NAME. */
static int verify_object(struct rewriting *rewriting, struct object *object, const char *name)
{
	struct elf_image present, original;
	int result = -1, fd = object_open(rewriting->root, object, &present);

	if (fd < 0)
		return -1;
	if (object->remains > REMAINS_UNUSED) {
		diag_error(present.path, "verifying: %s: what it was cannot be told; %s",
			   remains_text(object->remains), remains_cure(object->remains));
	} else if (original_init(&original, &present, fd, true) == 0) {
		result = undo_present(&present) ?
				 redo_and_compare(rewriting, object, &present, &original, fd) :
				 0;
		if (result == 0)
			result = output_packaged(rewriting->added, object->path, &object->st, &original,
						 rewriting->options->digest, name);
		elf_image_release(&original);
	}
	object_close(&present, fd);
	return result;
}

/* All that was met in the directory REAL, which was given as NAME. */
static void verify_directory(struct rewriting *rewriting, const char *real, const char *name)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);
	size_t length = strcmp(real, "/") == 0 ? 0 : strlen(real), given = strlen(name);

	while (given && name[given - 1] == '/')
		given--;
	for (size_t i = 0; i < list.count; i++) {
		const char *path = list.member[i]->path;

		if (strncmp(path, real, length) != 0 || path[length] != '/')
			continue;
		char *shown = xasprintf("%.*s%s", (int)given, name, path + length);

		verify_object(rewriting, list.member[i], shown);
		free(shown);
	}
	free(list.member);
}

/* What was named on the command line; what is not there, or damaged, was said when it was gathered. */
static void verify_named(struct rewriting *rewriting, const struct path_list *plain, const char *name)
{
	const struct root *root = rewriting->root;
	char *inside = root_inside(root, name), *real = root_real(root, inside);
	struct stat st;

	if (real && root_stat(root, real, &st) == 0) {
		struct object *object = object_table_find(rewriting->table, st.st_dev, st.st_ino);

		if (S_ISDIR(st.st_mode))
			verify_directory(rewriting, real, name);
		else if (object)
			verify_object(rewriting, object, name);
		else if (path_list_has(plain, real))
			output_file(root, rewriting->added, real, rewriting->options->digest, name);
	}
	free(real);
	free(inside);
}

void verify(struct rewriting *rewriting, const struct path_list *plain)
{
	const struct options *options = rewriting->options;
	struct planner planner;

	plan_init(&planner, rewriting->root, rewriting->bind);
	rewriting->planner = &planner;
	rewriting->program = program_replay;
	for (size_t i = 0; i < options->file_count; i++)
		verify_named(rewriting, plain, options->file[i]);
	rewriting->planner = NULL;
	plan_release(&planner);
}
