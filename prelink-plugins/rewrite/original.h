/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of an object, as it was gathered, and the original that it was made from. */
#ifndef ORIGINAL_H
#define ORIGINAL_H

#include "object.h"

/* Opens the file of OBJECT in IMAGE, a copy of it where it is not very large (elf_image_read()), and
 * gives the descriptor, or -1 after a message.  A file that is not the one that was gathered is refused.
 * OBJECT outlives the image. */
int object_open(const struct root *root, const struct object *object, struct elf_image *image);
void object_close(struct elf_image *image, int fd);

/* Makes ORIGINAL the original of PRESENT (mapped from FD), which is undone in memory where it is
 * prelinked; STRICT as for undo_image().  0, or -1 after a message. */
int original_init(struct elf_image *original, const struct elf_image *present, int fd, bool strict);

#endif
