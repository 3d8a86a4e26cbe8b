/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All names of a file that has several: hard links know nothing of each other, so they are looked for,
 * first in the directory of the name that is known, then once in the whole tree. */
#ifndef HARDLINKS_H
#define HARDLINKS_H

#include <sys/stat.h>

#include "path_list.h"
#include "root.h"

/* Adds to NAMES (sorted, absolute inside the tree) every name of the file that PATH (real, inside the tree)
 * names and ST describes; names that a bind mount shows once more count once.  0 when st_nlink of them were
 * found, or -1 after a message.  Not all may be found because something was mounted over one: SOME says that
 * then what can be found will do (0, and the message all the same).  The walk of the tree is remembered for
 * later calls; safe to call from several threads. */
int hardlinks_find(const struct root *root, const char *path, const struct stat *st, bool some,
		   struct path_list *names);

#endif
