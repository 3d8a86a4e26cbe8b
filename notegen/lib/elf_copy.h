/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of an image that cost what was changed, and changes that are undone again: for who rewrites files.
 *
 * Images that are very large (SCRATCH_MAX) are never whole in memory: copies share their file's pages, and
 * who goes through all bytes gives them back piece by piece. */
#ifndef ELF_COPY_H
#define ELF_COPY_H

#include "elf_image.h"

/* ---- Copies, and changes ---- */

/* Makes COPY the same bytes as IMAGE has now, with the same headers, and memory for FRONT bytes more before
 * them (a multiple of 4096) and ROOM after them, which its size does not count and which hold anything.  FD
 * is the file that IMAGE came from, or -1.  Where it is very large, pages that are the same in the file are
 * shared with it, and change with it: the copy takes memory only for what differs.  To be released by the
 * same thread.  0, or -1 after a message. */
int elf_image_clone(struct elf_image *copy, const struct elf_image *image, int fd, size_t front, size_t room);

/* Puts FRONT zero bytes (a multiple of 4096) before IMAGE's contents, and makes room for TAIL more after
 * them, zeros that its size does not count yet.  Both count as touched.  The headers decoded in it stay as
 * they are.  Copies it once more where its memory has no room for that.  0, or -1 after a message. */
int elf_image_grow(struct elf_image *image, size_t front, size_t tail);

/* Takes IMAGE's first FRONT bytes away.  The headers decoded in it stay as they are. */
static inline void elf_image_drop_front(struct elf_image *image, size_t front)
{
	image->data += front;
	image->size -= front;
	image->file_at += (int64_t)front;
}

/* Appends SIZE bytes of DATA to IMAGE, whose headers stay as they are.  0, or -1 after a message. */
int elf_image_append(struct elf_image *image, const void *data, size_t size);

/* Makes VIEW another image of the memory of IMAGE, who outlives it and whose bytes change with it: with the
 * same headers, but its own. */
void elf_image_view(struct elf_image *view, const struct elf_image *image);

/* What elf_image_save() keeps. */
struct elf_saved {
	struct elf_memory pages; /* the touched ones, one after the other; what is noted is the image's */
	size_t size, origin;     /* of the image; its elf_image_origin() */
};

/* Keeps in SAVED what was touched in IMAGE (whose front was never dropped), to be released by the same
 * thread.  0, or -1 after a message; SAVED holds nothing then. */
int elf_image_save(const struct elf_image *image, struct elf_saved *saved);

/* Brings IMAGE back to the bytes and the size that it had when SAVED was made of it.  What was touched since
 * then, and not before, is taken from ORIGINAL, whose contents IMAGE had with FRONT bytes before them
 * (elf_image_grow()).  Trusts elf_touch().  The headers decoded in it stay as they are. */
void elf_image_restore(struct elf_image *image, const struct elf_saved *saved,
		       const struct elf_image *original, size_t front);
void elf_saved_release(struct elf_saved *saved);

/* ---- Going through all bytes ---- */

/* True if the first SIZE bytes of A and B are the same.  All of them are compared. */
bool elf_image_same(const struct elf_image *a, const struct elf_image *b, size_t size);

/* Gives back the memory of pages that are the file's; they are read again when somebody looks at them. */
void elf_image_relax(const struct elf_image *image);

/* Calls `each` for all of [from, to) in pieces, in ascending order, and gives back the pages of each piece
 * of a very large image afterwards.  Ends with the first result that is not 0, which is returned. */
int elf_image_for_each(const struct elf_image *image, uint64_t from, uint64_t to, void *context,
		       int (*each)(void *context, const unsigned char *data, size_t size));

#endif
