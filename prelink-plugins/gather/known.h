/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an earlier run found in directories that are since as they were: the walk takes their objects and
 * directories from here, and neither reads them nor looks at the files in them that are none.  Only with -q,
 * which takes a file for the one it was where nothing about it says otherwise.
 *
 *     known_add_entry(&known, "/usr/lib/libfoo.so", false);      // all that there was
 *     known_add_directory(&known, "/usr/lib", device, inode);    // and where that is all there is
 *     known_sort(&known);
 *
 * The paths are inside the root, and their owner's. */
#ifndef KNOWN_H
#define KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A directory that need not be read. */
struct known_directory {
	const char *path;
	dev_t device;
	ino_t inode;
};

/* An object, or a directory that was walked. */
struct known_entry {
	const char *path;
	bool directory;
};

/* Zeroed, it is empty. */
struct known {
	struct known_directory *directory; /* by path; owned */
	struct known_entry *entry;         /* as path_compare_in_directory() has them; owned */
	size_t directory_count, entry_count;
};

void known_add_directory(struct known *known, const char *path, dev_t device, ino_t inode);
void known_add_entry(struct known *known, const char *path, bool directory);
void known_sort(struct known *known);
void known_release(struct known *known); /* it is empty then */

/* PATH, if it need not be read; NULL if it has to be. */
const struct known_directory *known_find(const struct known *known, const char *path);
/* What lies in the directory PATH; *COUNT of them. */
const struct known_entry *known_entries(const struct known *known, const char *path, size_t *count);

/* For qsort() of const char *: by the directory a path lies in, then by name. */
int path_compare_in_directory(const void *a, const void *b);

#endif
