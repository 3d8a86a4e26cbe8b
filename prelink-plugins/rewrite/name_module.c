/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DT_AUDIT into programs; see name_module.h. */
#include "rewrite/name_module.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "elf/static_tls.h"
#include "elf_copy.h"
#include "rewrite/exec_room.h"
#include "rewrite/original.h"
#include "rewrite/replace.h"

enum { FRONT = 64 << 10 }; /* bytes of memory before a program's copy, for what is put in front */

/* True if PRESENT names an audit module, be it ours. */
static bool is_audited(const struct elf_image *present, const struct dynamic *dynamic)
{
	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;

		dynamic_entry(dynamic, present, i, &entry);
		if (entry.d_tag == DT_AUDIT || entry.d_tag == DT_DEPAUDIT)
			return true;
	}
	return false;
}

/* Counts in NEED the thread variables of LIBRARY.  0, or -1 after a message. */
static int count_tls(const struct rewriting *rewriting, const struct object *library,
		     struct static_tls_need *need)
{
	struct elf_image image;
	int fd = object_open(rewriting->root, library, &image);

	if (fd < 0)
		return -1;
	const GElf_Phdr *tls = static_tls_find(&image);
	struct dynamic dynamic;
	if (tls && dynamic_init(&dynamic, &image) == 0)
		static_tls_count(need, tls, dynamic.value[DT_FLAGS] & DF_STATIC_TLS);
	object_close(&image, fd);
	return 0;
}

/* The alignment that the thread variables of PROGRAM must have, in bytes; 0 where
 * there is none that will do. */
static uint64_t tls_align(const struct rewriting *rewriting, const struct object *program,
			  const struct elf_image *present)
{
	struct static_tls_need need = { 0 };

	for (size_t i = 0; i < program->scope.count; i++) {
		const struct object *object = program->scope.member[i];

		if (object->kind == OBJECT_LIBRARY && count_tls(rewriting, object, &need))
			return 0;
	}
	return static_tls_align(static_tls_find(present), &need);
}

/* Names MODULE in IMAGE, a copy of a program.  NULL, or why not. */
static const char *put_name(struct elf_image *image, const struct arch *arch, const char *module,
			    uint64_t align)
{
	const struct exec_want want = { .strings = strlen(module) + 1, .tags = 1, .tls_align = align };
	struct undo undo = { .arch = arch };
	const char *why = NULL;
	struct exec_room room;
	enum object_skip skip = exec_room_make(&room, image, &undo, &want, &why);

	if (!skip && !room.tls_raised)
		why = room.tls_why;
	else if (!skip) {
		uint64_t name = exec_room_string(&room, module);

		if (!name || exec_room_tag(&room, DT_AUDIT, name) || exec_room_end(&room))
			why = "there is not enough room for the module's name";
	}
	rebase_words_release(&undo.words);
	return why ? why : skip ? object_skip_text(skip) : NULL;
}

/* Makes what is to replace PRESENT, which is PROGRAM's file FD.  NULL, or why there is nothing to be made. */
static const char *make(const struct rewriting *rewriting, const struct object *program, struct outfile *out,
			const struct elf_image *present, int fd)
{
	const char *module = program->arch ? program->arch->module[program->big_endian] : NULL;
	uint64_t align = module ? tls_align(rewriting, program, present) : 0;
	struct elf_image copy;

	if (!module)
		return "its machine has no run-time module";
	if (!align)
		return "its libraries need more static thread-local storage than an audit module leaves";
	if (elf_image_clone(&copy, present, fd, FRONT, 0))
		return "it could not be copied";
	const char *why = put_name(&copy, program->arch, module, align);
	if (!why && replace_write(rewriting, program, out, &copy, NULL))
		why = "the new file could not be written";
	elf_image_release(&copy);
	return why;
}

/* Of one program; replace_prepare. */
static int prepare(struct rewriting *rewriting, struct object *program, struct outfile *out,
		   struct verdict *verdict)
{
	struct elf_image present;
	struct dynamic dynamic;
	int result = 0, fd = object_open(rewriting->root, program, &present);

	if (fd < 0)
		return -1;
	if (dynamic_init(&dynamic, &present) == 0 && is_audited(&present, &dynamic)) {
		verdict->outcome = OUTCOME_UNCHANGED;
	} else {
		const char *why = make(rewriting, program, out, &present, fd);
		verdict->outcome = OUTCOME_PRELINKED;
		if (why)
			result = diag_error(program->shown,
					    "naming the run-time module in it: %s; it is left as it was",
					    why);
	}
	object_close(&present, fd);
	return result;
}

static bool is_concerned(const struct object *object)
{
	return object->listed && object_is_program(object) && !object->skip;
}

/* A program that lacks a library cannot be looked at as a whole. */
static bool lacks_library(const struct object *object)
{
	return object->listed && object_is_program(object) && object->missing;
}

void name_module(struct rewriting *rewriting)
{
	struct object_list lacking = object_table_select(rewriting->table, lacks_library);
	struct object_list list = object_table_select(rewriting->table, is_concerned);

	for (size_t i = 0; i < lacking.count; i++)
		diag_error(
			lacking.member[i]->shown,
			"naming the run-time module in it: it needs %s, which is not found here; it is left as it was; "
			"--ld-library-path says where to look",
			lacking.member[i]->missing);
	replace_files(rewriting, &list, prepare, rewriting->options->jobs, "naming the run-time module");
	for (size_t i = 0; i < list.count && rewriting->options->verbose; i++)
		if (list.member[i]->outcome == OUTCOME_PRELINKED) {
			diag_put(stdout, list.member[i]->shown);
			puts(": names the run-time module");
		}
	free(lacking.member);
	free(list.member);
}
