/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of libraries for ld.so (liblist.h) into a program's file. */
#ifndef ATTACH_LIST_H
#define ATTACH_LIST_H

#include "plan/liblist.h"
#include "rewrite/exec_room.h"

/* For sharing the room with a plan in IMAGE: sets GUEST and returns it; NULL where
 * LIST is.  LIST outlives it. */
const struct exec_guest *attach_list_guest(struct exec_guest *guest, const struct liblist *list,
					   const struct elf_image *image);

/* Puts LIST alone into IMAGE, a copy of the program's original.  SKIP_NOT, or why not; WHY (static) says
 * more. */
enum object_skip liblist_attach(const struct liblist *list, struct elf_image *image, struct undo *undo,
				const char **why);

#endif
