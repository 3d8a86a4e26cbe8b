/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting the plugin note into ELF files and taking it out.
 *
 *     struct editor editor = { .root = &root, .verbose = true };
 *     for (...)
 *             editor_set_note(&editor, path, &list);
 *     editor_finish(&editor);
 *
 * Files are written one by one and replaced in groups (see outfile.h): that a file was changed is only
 * certain, and only said, when its group is through. */
#ifndef EDIT_H
#define EDIT_H

#include "added.h"
#include "note.h"
#include "outfile.h"
#include "root.h"

#define EDITOR_GROUP 32

/* One file, whatever its names. */
struct file_id {
	dev_t device;
	ino_t inode;
};

struct editor {
	const struct root *root;
	bool dry_run;        /* say what would be done, and change nothing */
	bool verbose;        /* say on standard output what is done */
	struct added *added; /* where changes are written down, NULL: nowhere */
	const char *wanted;  /* SHA-256 that the next file is to have, or it is left; NULL: any */

	/* Set by edit.c. */
	struct outfile out[EDITOR_GROUP];
	char *said[EDITOR_GROUP]; /* what to say of it; owned */
	size_t count;
	struct file_id *seen; /* files that had their turn */
	size_t seen_count;
};

/* Opens the ELF file PATH (inside the tree, no symbolic link in it) into IMAGE, whose messages call it
 * OUTSIDE, and says in ST what it was.  Returns the file's descriptor, or -1 after a message. */
int edit_open(const struct root *root, const char *path, const char *outside, struct elf_image *image,
	      struct stat *st);

/* Makes LIST what the note of the file PATH (real, inside the tree) says; LIST NULL: takes the note out.
 * A file where that is so already is not touched, and a file met again under another name is passed
 * over.  0, or -1 after a message. */
int editor_set_note(struct editor *editor, const char *path, const struct plugin_list *list);

/* Ends what is under way.  0, or -1 after a message for each file that could not be replaced. */
int editor_finish(struct editor *editor);

#endif
