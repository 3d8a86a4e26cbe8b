/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ld.so that knows .gnu.liblist (plan/liblist.h) is prelinked as well, where a program gains by that.
 *
 *     loader_set_slots(&table);                        // after layout: which ld.so moves, and where to
 *     loader_check(bind, loader);                      // before it is rewritten
 *     rewrite_libraries(), these loaders last, with loader_fill() to fill them */
#ifndef LOADER_H
#define LOADER_H

#include "bind/bind.h"

/* True if PROGRAM is one that its ld.so would compare a list for. */
bool loader_helps(const struct object *program);

/* Gives the ld.so of each ET_EXEC program that is to be rewritten its place (`slot`), where it is one that
 * knows the list; the others are left alone. */
void loader_set_slots(struct object_table *table);

/* Looks whether LOADER, that has its place, can be moved there; if not, takes the place away. */
void loader_check(struct bind *bind, struct object *loader);

/* Writes into IMAGE, which is LOADER moved to its place, what its relocations resolve to in itself: at load
 * bias 0 it does not relocate itself.  0, or -1 after a message. */
int loader_fill(struct bind *bind, struct object *loader, struct elf_image *image);

/* ADDRESS of LOADER's file as it was read, where it will be. */
GElf_Addr loader_place(const struct object *loader, GElf_Addr address);

#endif
