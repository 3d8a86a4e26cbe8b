/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs were seen to load: the input of a user's own store.
 *
 * The run-time module appends to the file `seen` in the store's directory what had no plan (rtld/learn.h);
 * `learned` is what has come of it so far.  Both are text: "P FILE" names a program, "L PATH" after it the
 * LD_LIBRARY_PATH of its last start, "O FILE" lines what it loaded with dlopen.  Whoever can write them can
 * only make a program of the same user's slow. */
#ifndef LEARNED_H
#define LEARNED_H

#include "object.h"

/* One program, and what it loads. */
struct learned_program {
	char *path;
	char *library_path;      /* NULL: none */
	struct path_list object; /* sorted */
};

struct learned {
	struct learned_program *program; /* by ascending path */
	size_t count;
	int lock;    /* of DIRECTORY: one at a time learns */
	off_t taken; /* bytes of what was put aside that were read */
};

/* Waits until nobody else learns in DIRECTORY (inside ROOT); then reads both files there; `seen` is put
 * aside.  What is no longer there is left out.  0, or -1 after a message. */
int learned_read(struct learned *learned, const struct root *root, const char *directory);

/* Only looks at `learned` in DIRECTORY: what programs were seen to load, not how they were started.  False
 * where nothing was learnt there. */
bool learned_look(struct learned *learned, const struct root *root, const char *directory);

/* Forgets the program that NAME, from the command line, names.  Says so where it was not known. */
void learned_forget(struct learned *learned, const struct root *root, const char *name);

/* Writes `learned`, and removes what was put aside; where a program has written to that since, it is seen
 * again.  0, or -1 after a message. */
int learned_write(const struct learned *learned, const struct root *root, const char *directory);

/* Adds what was seen to the notes of the programs in TABLE, and says how each was started. */
void learned_apply(const struct learned *learned, struct object_table *table);

void learned_release(struct learned *learned);

#endif
