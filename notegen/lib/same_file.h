/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a file is still the one that was looked at. */
#ifndef SAME_FILE_H
#define SAME_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/* True if A and B were taken of the same file, with the same contents as far as device, inode, size and mtime
 * tell: for what is looked at twice in one run.  ctime does not count there: links, modes and owners change
 * it while the bytes stay, and a run makes and removes links itself. */
static inline bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The same, and ctime: for what was known in an earlier run, and for what is about to be replaced.  Whoever
 * unpacks or copies files can set mtime to what it was before, but nobody can set ctime. */
static inline bool same_untouched(const struct stat *a, const struct stat *b)
{
	return same_file(a, b) && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

#endif
