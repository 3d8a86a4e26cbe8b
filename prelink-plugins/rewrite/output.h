/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Originals to standard output: their bytes, or their digest in the form of md5sum(1).
 *
 * What notegen added on this system is looked through: they are what packages have. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "added.h"
#include "elf_image.h"
#include "options.h"
#include "root.h"

/* The file at PATH (inside the tree, with the status ST), whose ORIGINAL it is, as its package has it
 * (packaged.h).  0, or -1 after a message. */
int output_packaged(const struct added *added, const char *path, const struct stat *st,
		    const struct elf_image *original, enum digest digest, const char *name);

/* The same of the file at PATH, inside ROOT, that is never prelinked.  0, or -1 after a message. */
int output_file(const struct root *root, const struct added *added, const char *path, enum digest digest,
		const char *name);

#endif
