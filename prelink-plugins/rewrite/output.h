/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Originals to standard output: their bytes, or their digest in the form of md5sum(1).
 *
 *     struct output output;
 *     output_begin(&output, digest);
 *     output_add(&output, data, size);        // in pieces
 *     output_end(&output, name); */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "options.h"
#include "root.h"

struct output {
	const struct nettle_hash *hash; /* NULL: the bytes themselves */
	void *context;                  /* of HASH; owned */
};

/* DIGEST_NONE: the bytes. */
void output_begin(struct output *output, enum digest digest);
void output_add(struct output *output, const void *data, size_t size);

/* Releases OUTPUT; a digest is printed with the NAME of the file, as it was given.  0, or -1 after a message. */
int output_end(struct output *output, const char *name);

/* The file at PATH, inside ROOT, as it is: begin to end.  0, or -1 after a message. */
int output_file(const struct root *root, const char *path, enum digest digest, const char *name);

#endif
