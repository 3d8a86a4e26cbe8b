/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Giving the originals back; see back.h. */
#include "rewrite/back.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "diag.h"
#include "rewrite/original.h"
#include "rewrite/replace.h"

static int prepare(struct rewriting *rewriting, struct object *object, struct outfile *out)
{
	struct elf_image present;
	int result = -1, fd = object_open(rewriting->root, object, SIZE_MAX, &present);

	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		object->outcome = OUTCOME_UNCHANGED;
		result = 0;
	} else if (undo_image(&present) == 0) {
		result = replace_write(rewriting, object, out, &present);
		out->some_names = true; /* a mount that hides one does not keep the others prelinked */
		object->outcome = OUTCOME_UNDONE;
	}
	object_close(&present, fd);
	return result;
}

int back_undo(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_to_undo);
	int status = replace_files(rewriting, &list, prepare, rewriting->options->jobs, "undoing");

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

void back_undo_elsewhere(const struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);
	struct elf_image present, original;
	struct root everywhere;
	int fd;

	if (list.count && root_open_tree(&everywhere, NULL) == 0) {
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
