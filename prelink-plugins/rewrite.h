/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an object and its slot to a new file, and back.
 *
 * A file that is prelinked already is undone in memory first, so that what is written depends only on
 * the original, the slot and the values; where that is what the file holds already, nothing is
 * written.  Before anything is replaced, the new file is undone in memory and compared with the
 * original.  All functions work on one object and may run in several threads on different ones. */
#ifndef REWRITE_H
#define REWRITE_H

#include "undo.h"

/* What is the same for all objects of a run.  Hooks may be NULL. */
struct rewrite {
	const struct root *root;
	bool dry_run;    /* do everything but replace the file */
	bool privileged; /* also objects that are set-id or carry capabilities, or lie in a directory that
			    others can write */
	void *context;   /* for the hooks */

	/* Writes into IMAGE, which is OBJECT moved to its slot, the values of symbolic relocations.  May
	 * change only words that such relocations name.  0, or -1 after a message. */
	int (*fill)(void *context, const struct object *object, struct elf_image *image);

	/* Changes the executable OBJECT in IMAGE, which is a copy of the original (see exec_room.h), and
	 * says in UNDO what was done.  SKIP_NOT; or why not; *CHANGED false where it is to stay as it
	 * is. */
	enum object_skip (*program)(void *context, const struct object *object, struct elf_image *image,
				    struct undo *undo, bool *changed);
};

/* Moves OBJECT to its slot (libraries), or has the program hook change it, and replaces the file.  Sets
 * object->outcome, and object->skip where it is left alone.  0, or -1 after a message. */
int rewrite_object(const struct rewrite *rewrite, struct object *object);

/* Replaces OBJECT, if it is prelinked, by its original.  Sets object->outcome.  0, or -1. */
int undo_object(const struct rewrite *rewrite, struct object *object);

/* A file that has been rewritten in memory. */
struct rewritten {
	struct elf_image image; /* all but its end; the header says already what follows */
	unsigned char *tail;    /* the end; owned */
	size_t tail_size;       /* bytes */
};

/* Rewrites ORIGINAL, mapped from FD or a copy of what was (-1: neither), into OUT, for OBJECT with its
 * slot.  *CHANGED is false where the object is to stay as the original is; OUT then holds nothing.
 * On refusal gives the reason in WHY (static), OUT holds nothing, and a message was printed only if
 * something failed. */
enum object_skip rewrite_image(const struct rewrite *rewrite, const struct object *object,
			       const struct elf_image *original, int fd, struct rewritten *out, bool *changed,
			       const char **why);

/* True if PRESENT is byte for byte what OUT is. */
bool rewritten_equals(const struct rewritten *out, const struct elf_image *present);
void rewritten_release(struct rewritten *out);

/* Opens the file of OBJECT, as it is now, in IMAGE, and gives the descriptor, or -1 after a message.  A
 * file that is not the one that was gathered is refused. */
int object_open(const struct root *root, const struct object *object, struct elf_image *image);

/* Makes ORIGINAL the original of PRESENT (mapped from FD), which is undone in memory where it is
 * prelinked.  0, or -1 after a message. */
int original_init(struct elf_image *original, const struct elf_image *present, int fd);

#endif
