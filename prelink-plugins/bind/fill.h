/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values that go into the file of a library itself, and how they get there.
 *
 * They are the words that are right in its natural scope and that ld.so never reads (struct bound_word).  Not
 * lazy JUMP_SLOTs (their word is their stub; before glibc 2.35, an audit module makes -z now ones lazy as
 * well), not words with an addend in place. */
#ifndef FILL_H
#define FILL_H

#include "bind/bind.h"

/* Binds OBJECT in its natural scope (object->scope) and remembers what to fill in, in the order of its
 * relocations, unless that was done before.  For objects without slot, nothing.  0, or -1 after a message. */
int bind_natural(struct bind *bind, struct object *object);

/* Writes what bind_natural() found for OBJECT into IMAGE, OBJECT's file moved to its slot.  Reads only, but
 * for IMAGE: several threads may fill several images.  Returns the number of words written, or -1 after a
 * message. */
long bind_fill(const struct bind *bind, const struct object *object, struct elf_image *image);

#endif
