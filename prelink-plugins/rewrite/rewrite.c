/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is rewritten, and what becomes of one; see rewrite.h. */
#include "rewrite/rewrite.h"

#include <stdlib.h>

#include "diag.h"
#include "elf_copy.h"
#include "layout/layout.h"
#include "plan/liblist.h"
#include "rewrite/image.h"
#include "rewrite/original.h"
#include "rewrite/program.h"
#include "rewrite/replace.h"

/* --- one object --- */

/* OBJECT is left alone, because of the verdict's `skip` or since there is nothing to do to it. */
static int leave_alone(const struct rewriting *rewriting, const struct object *object, struct outfile *out,
		       const struct elf_image *present, const struct elf_image *original,
		       struct verdict *verdict, const char *why)
{
	if (verdict->skip == SKIP_MALFORMED)
		return diag_error(present->path, "rewriting it: %s; it is left as it was",
				  why ? why : object_skip_text(verdict->skip));
	if (verdict->skip || !undo_present(present))
		return 0;
	/* A program that no longer gains anything. */
	verdict->outcome = OUTCOME_UNDONE;
	struct undo_record record;
	undo_record_read(present, &record);
	return replace_write(rewriting, object, out, original, &record.original_crc);
}

/* Rewrites OBJECT, whose file is PRESENT, mapped from FD, and whose original is ORIGINAL. */
static int rewrite_present(struct rewriting *rewriting, struct object *object, struct outfile *out,
			   const struct elf_image *present, const struct elf_image *original, int fd,
			   struct verdict *verdict)
{
	struct new_image new;
	int result = 0;

	verdict->skip = image_make(&new, rewriting, object, original, fd, image_time(object));
	verdict->change = new.change;
	if (verdict->skip || !new.changed)
		return leave_alone(rewriting, object, out, present, original, verdict, new.why);
	if (new.image.size == present->size && elf_image_same(&new.image, present, present->size)) {
		verdict->outcome = OUTCOME_UNCHANGED;
	} else {
		result = replace_write(rewriting, object, out, &new.image, NULL);
		verdict->outcome = OUTCOME_PRELINKED;
	}
	elf_image_release(&new.image);
	return result;
}

static int prepare(struct rewriting *rewriting, struct object *object, struct outfile *out,
		   struct verdict *verdict)
{
	struct elf_image present, undone;
	int result = -1, fd;

	if (object->skip || (!object_is_program(object) && !object_moves(object)))
		return 0;
	fd = object_open(rewriting->root, object, &present);
	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		result = rewrite_present(rewriting, object, out, &present, &present, fd, verdict);
	} else if (original_init(&undone, &present, fd, false) == 0) {
		result = rewrite_present(rewriting, object, out, &present, &undone, fd, verdict);
		elf_image_release(&undone);
	}
	object_close(&present, fd);
	return result;
}

/* --- all of them --- */

/* Rewrites each object of which IS is true. */
static void rewrite_those(struct rewriting *rewriting, bool (*is)(const struct object *object), unsigned jobs,
			  const char *what)
{
	struct object_list list = object_table_select(rewriting->table, is);

	replace_files(rewriting, &list, prepare, jobs, what);
	free(list.member);
}

void rewrite_libraries(struct rewriting *rewriting)
{
	rewrite_those(rewriting, object_is_library_to_rewrite, rewriting->options->jobs,
		      "prelinking libraries");
	/* One at a time: an ld.so is bound while it is filled in, and BIND is one thread's. */
	rewrite_those(rewriting, object_is_loader_to_rewrite, 1, NULL);
}

void rewrite_programs(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_program_to_rewrite);
	struct planner planner;

	program_sift(rewriting, &list);
	if (list.count) {
		plan_init(&planner, rewriting->root, rewriting->bind);
		planner.placed.foretold = rewriting->options->dry_run;
		plan_look(&planner, list.member, list.count);
		rewriting->planner = &planner;
		rewriting->program = program_attach;
		replace_files(rewriting, &list, prepare, rewriting->options->jobs, "prelinking programs");
		rewriting->planner = NULL;
		plan_release(&planner);
	}
	free(list.member);
}

void rewrite_move(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);
	GElf_Addr address = rewriting->options->reloc_address;

	for (size_t i = 0; i < list.count; i++) {
		struct object *object = list.member[i];
		struct object_list one = { &object, 1 };

		if (object->kind != OBJECT_LIBRARY) {
			diag_error(object->shown, "moving: only libraries can be moved");
		} else if (object->skip) {
			diag_error(object->shown, "moving: it is left alone: %s",
				   object_skip_text(object->skip));
		} else if (address % object->align) {
			diag_error(object->shown, "moving: its address has to be a multiple of 0x%llx",
				   (unsigned long long)object->align);
		} else {
			layout_at(object, address);
			replace_files(rewriting, &one, prepare, 1, NULL);
		}
	}
	free(list.member);
}
