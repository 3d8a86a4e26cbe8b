/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* And back: the originals. */
#ifndef BACK_H
#define BACK_H

#include "path_list.h"
#include "rewrite/rewriting.h"

/* Puts the originals of listed objects that are prelinked in their place; sets `outcome` of each.  What was,
 * and has lost its undo record, is at least made independent of us (remains.h).  0, or -1 after a message for
 * each that is not its original now. */
int back_undo(struct rewriting *rewriting);

/* -o: writes the original of the one file that was named to options->undo_output, or to standard output if
 * that is "-".  What could never be prelinked, PLAIN (gather.h), is its own. */
void back_undo_elsewhere(const struct rewriting *rewriting, const struct path_list *plain);

#endif
