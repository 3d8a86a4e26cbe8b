/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verifying a prelinked file: is it what prelinking its original gives?  And what was the original?
 *
 * Package managers compare files with what they installed; with this they can compare the original's
 * digest instead. */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdio.h>

#include "options.h"
#include "rewrite/rewrite.h"

/* Undoes OBJECT's file in memory and, with REDO, rewrites the result in memory at the same address, with
 * the hooks of REWRITE, and compares.  Prints the original to OUT, or its digest and OBJECT's path in the
 * form of md5sum(1).  A file that is not prelinked is its own original.  0, or -1 after a message (and
 * nothing is printed) where the file is not what it should be. */
int verify_object(const struct rewrite *rewrite, const struct object *object, bool redo, enum digest digest,
		  FILE *out);

#endif
