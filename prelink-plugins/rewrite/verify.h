/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verifying prelinked files: is each what prelinking its original gives?  And what was the original?
 *
 * Package managers compare files with what they installed; with this they can compare the original's
 * digest instead.
 *
 *     layout_present(&table);                 // where they are is where they were to go
 *     object_table_want(&table);
 *     rewriting.bind = bind_libraries(...);
 *     verify(&rewriting, &gather.plain); */
#ifndef VERIFY_H
#define VERIFY_H

#include "path_list.h"
#include "rewrite/rewriting.h"

/* Undoes each named object's file in memory, rewrites the result in memory at the same address, and compares.
 * Prints the original, or as options->digest says its digest and path, as it was given, in the form of
 * md5sum(1).  A file that is not prelinked is its own original, and so is what could never be: PLAIN
 * (gather.h).  Nothing but a message is printed of one that is not what it should be. */
void verify(struct rewriting *rewriting, const struct path_list *plain);

#endif
