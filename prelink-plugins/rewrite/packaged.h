/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file as its package has it: an original, without the note that `notegen add` put
 * there on this system (added.h).
 *
 *     struct packaged packaged;
 *     if (packaged_init(&packaged, added, path, &st, &original) == 0) {
 *             packaged_each(&packaged, context, each);
 *             packaged_release(&packaged);
 *     } */
#ifndef PACKAGED_H
#define PACKAGED_H

#include <sys/stat.h>

#include "added.h"
#include "note_change.h"

struct packaged {
	struct elf_image image; /* of the original's bytes, which it borrows */
	struct elf_image own;   /* these, where it was packaged_open() */
	struct note_change change;
	bool changed; /* there is a note of ours to look through */
};

/* Makes PACKAGED what the file at PATH (inside the tree, and with the status ST) has as its ORIGINAL, whose
 * bytes alone are looked at, and which outlives it.  0, or -1 after a message. */
int packaged_init(struct packaged *packaged, const struct added *added, const char *path,
		  const struct stat *st, const struct elf_image *original);

/* The same of the open file FD that is never prelinked, which messages call SHOWN.  1, 0 where it is as it
 * was packaged and there is nothing to release, or -1 after a message. */
int packaged_open(struct packaged *packaged, const struct added *added, const char *path,
		  const struct stat *st, int fd, const char *shown);

/* Calls `each` for the bytes, from begin to end; ends with the first result that is
 * not 0, which is returned. */
int packaged_each(const struct packaged *packaged, void *context,
		  int (*each)(void *context, const unsigned char *data, size_t size));

void packaged_release(struct packaged *packaged);

#endif
