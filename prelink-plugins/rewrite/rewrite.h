/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an object and its slot to a new file, and back.
 *
 * A file that is prelinked already is undone in memory first, so that what is written depends only on
 * the original, the slot and the values; where that is what the file holds already, nothing is
 * written.  Before anything is replaced, the new file is undone in memory and compared with the
 * original.  All functions work on one object and may run in several threads on different ones. */
#ifndef REWRITE_H
#define REWRITE_H

#include "rewrite/undo.h"

/* What is the same for all objects of a run.  Hooks may be NULL; they are called from several threads at
 * once. */
struct rewrite {
	const struct root *root;
	bool dry_run;  /* do everything but replace files */
	unsigned jobs; /* threads, at least 1 */
	void *context; /* for the hooks */

	/* Writes into IMAGE, which is the library OBJECT moved to its slot, the values of symbolic
	 * relocations.  May change only words that such relocations name.  0, or -1 after a message. */
	int (*fill)(void *context, const struct object *object, struct elf_image *image);

	/* Changes the executable OBJECT in IMAGE, which is a copy of the original (see exec_room.h), and
	 * says in UNDO what was done.  SKIP_NOT, or why not; *CHANGED false where it is to stay as it
	 * is. */
	enum object_skip (*program)(void *context, const struct object *object, struct elf_image *image,
				    struct undo *undo, bool *changed);

	/* OBJECT is done, DONE of COUNT now. */
	void (*progress)(void *context, const struct object *object, size_t done, size_t count);
};

/* Moves each of the COUNT libraries that have a slot there, has the program hook change each executable,
 * and replaces their files; objects with `skip` set are passed over.  Sets `outcome` of each, and `skip`
 * where one is left alone.  0, or -1 after a message for each that failed. */
int rewrite_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count);

/* Replaces each of the COUNT objects that is prelinked by its original.  Sets `outcome` of each.  0, or
 * -1 after a message for each that failed. */
int undo_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count);

/* Rewrites ORIGINAL, mapped from FD or a copy of what was (-1: neither), into OUT, for OBJECT with its
 * slot.  OUT's bytes are those of the new file; what its headers were decoded to is not.  *CHANGED is false
 * where the object is to stay as the original is; OUT then holds nothing.
 * On refusal gives the reason in WHY (static), OUT holds nothing, and a message was printed only if
 * something failed. */
enum object_skip rewrite_image(const struct rewrite *rewrite, const struct object *object,
			       const struct elf_image *original, int fd, struct elf_image *out, bool *changed,
			       const char **why);

/* Files of at most so many bytes are cheaper to read than to map, for who does not change them. */
enum { READ_MAX = 128 << 10 };

/* Opens the file of OBJECT in IMAGE, which is read where it has at most MAX bytes and mapped where it has
 * more (elf_image_read()), and gives the descriptor, or -1 after a message.  A file that is not the one that
 * was gathered is refused.  image->path is the path with the root in front; object_close() releases it with
 * the rest. */
int object_open(const struct root *root, const struct object *object, size_t max, struct elf_image *image);
void object_close(struct elf_image *image, int fd);

/* Makes ORIGINAL the original of PRESENT (mapped from FD), which is undone in memory where it is
 * prelinked.  0, or -1 after a message. */
int original_init(struct elf_image *original, const struct elf_image *present, int fd);

#endif
