/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program gets what its run time has to have: a plan for the run-time module, where it is better off with
 * one, and a list of its libraries, where its ld.so takes one. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "rewrite/rewriting.h"

/* Leaves in LIST, programs that are to be rewritten, those that can be.  The others have no run-time module
 * for their machine in the root, which is said once, and in `no_plan`. */
void program_sift(const struct rewriting *rewriting, struct object_list *list);

/* Makes both for PROGRAM, one that program_sift() left, and puts them into IMAGE, a copy of its original (see
 * rewriting.h). */
enum object_skip program_attach(struct rewriting *rewriting, struct object *program, struct elf_image *image,
				struct undo *undo, struct attached *change);

/* The same with the plan and the list that PROGRAM's file carries now: for verifying it. */
enum object_skip program_replay(struct rewriting *rewriting, struct object *program, struct elf_image *image,
				struct undo *undo, struct attached *change);

#endif
