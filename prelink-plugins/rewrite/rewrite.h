/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rewrite: each object that has a slot, or gains by a plan, gets a new file.
 *
 * A file that is prelinked already is undone in memory first, so that what is written depends only on
 * the original, the slot and the values; where that is what the file holds already, nothing is
 * written.  Objects with `skip` set, or an `outcome` already, are passed over; those that are done get their
 * `outcome`, and `skip` where they are left alone.  What goes wrong with one has been said. */
#ifndef REWRITE_H
#define REWRITE_H

#include "rewrite/rewriting.h"

/* Moves each library that has a slot there (rebase.h), with the values that bind found; and each ld.so that
 * has a place (liblist.h). */
void rewrite_libraries(struct rewriting *rewriting);

/* Gives each program a plan (plan.h) where it is better off with one, and a list where its ld.so takes one.
 * After the libraries: a plan names them by checksum. */
void rewrite_programs(struct rewriting *rewriting);

/* -r: moves the listed libraries to options->reloc_address, and fills nothing in. */
void rewrite_move(struct rewriting *rewriting);

#endif
