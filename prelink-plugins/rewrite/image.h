/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an object and its slot to the bytes of its new file, in memory: moved there, filled in and stamped, or
 * a program with what its run time has to have; and the undo record behind it.
 *
 * The result depends on the original, the slot and the values alone.  It was undone in memory and compared
 * with the original.  Works on one object, and may run in several threads on different ones. */
#ifndef IMAGE_H
#define IMAGE_H

#include "rewrite/rewriting.h"

struct new_image {
	struct elf_image
		image;   /* its bytes are those of the new file; what its headers were decoded to is not */
	bool changed;    /* false where the object is to stay as the original is: no image then */
	const char *why; /* of a refusal, where there is more to say; static */
	struct attached change; /* of a program */
};

/* Rewrites ORIGINAL, mapped from FD or a copy of what was (-1: neither), for OBJECT with its slot.  TIME is
 * what the stamp says: image_time(), or what it said when the file was written.  On refusal there is no
 * image, and a message was printed only if something failed. */
enum object_skip image_make(struct new_image *new, struct rewriting *rewriting, struct object *object,
			    const struct elf_image *original, int fd, uint64_t time);

/* When OBJECT's original was made, in seconds since 1970. */
uint64_t image_time(const struct object *object);

#endif
