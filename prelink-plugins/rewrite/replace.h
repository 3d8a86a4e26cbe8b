/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of many objects replaced: by several threads, each of which writes some dozens of new files
 * before it puts them in the place of the old ones (outfile_commit_all()). */
#ifndef REPLACE_H
#define REPLACE_H

#include "outfile.h"
#include "rewrite/rewriting.h"

/* What becomes of an object, until it is certain. */
struct verdict {
	enum object_outcome outcome;
	enum object_skip skip;  /* SKIP_NOT, or why it is left alone */
	struct attached change; /* of a program */
};

/* Makes what is to replace OBJECT's file and gives it to replace_write(), or does not, and says in VERDICT,
 * which is all zeros, what became of it.  0, or -1 after a message.  May be asked again, where a file became
 * shorter meanwhile; so nothing of this is OBJECT's own before replace_files() makes it so. */
typedef int replace_prepare(struct rewriting *rewriting, struct object *object, struct outfile *out,
			    struct verdict *verdict);

/* Has PREPARE called for each object of LIST, by JOBS threads at once, and replaces the files of those that
 * become OUTCOME_PRELINKED or OUTCOME_UNDONE, unless it is a dry run; what failed becomes OUTCOME_FAILED.
 * WHAT is said of it on a terminal; NULL: nothing.  0, or -1 after a message for each that failed. */
int replace_files(struct rewriting *rewriting, const struct object_list *list, replace_prepare *prepare,
		  unsigned jobs, const char *what);

/* Writes IMAGE, which is to replace OBJECT's file, but for committing it: a prelinked file, or an original,
 * whose CRC-32 is then *CRC (else NULL).  Where IMAGE has pages in common with a file, to which somebody may
 * write meanwhile, what was written is undone in memory, or its CRC taken, before it may replace anything.
 * 0, or -1 after a message. */
int replace_write(const struct rewriting *rewriting, const struct object *object, struct outfile *out,
		  const struct elf_image *image, const uint32_t *crc);

#endif
