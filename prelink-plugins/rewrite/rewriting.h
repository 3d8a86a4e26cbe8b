/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the passes that change files share: whose files, and what goes into them.
 *
 *     main       which mode, and in which order
 *     rewrite, back, verify                        who is concerned
 *     replace    several threads; new files written, and put in the place of the old ones in groups
 *     image      one object and its slot, to the bytes of its new file (rebase.h, bind.h)
 *     program    the same of a program: its plan (plan.h), or a list for its ld.so (liblist.h)
 *     undo, original                               and back */
#ifndef REWRITING_H
#define REWRITING_H

#include "added.h"
#include "bind/bind.h"
#include "options.h"
#include "plan/plan.h"
#include "progress.h"
#include "rewrite/undo.h"

/* What became of a program for which a plan was asked. */
struct attached {
	bool changed;  /* false: it is to stay as it is */
	bool asked;    /* whether `no_plan` says anything */
	char *no_plan; /* why it has no plan, NULL where it has one; owned by who asked */
};

struct rewriting {
	const struct root *root;
	struct object_table *table;
	const struct options *options;
	const struct added *added; /* what notegen changed here; set for who gives originals out */
	struct bind *bind;         /* what libraries are filled in from; NULL: nothing is filled in (-r) */

	/* Set by who makes or looks at programs, for as long as that takes. */
	struct planner *planner;

	/* Changes PROGRAM in IMAGE, which is a copy of the original (see exec_room.h), and says in UNDO what
	 * was done, in CHANGE, which is all zeros, what became of it.  SKIP_NOT, or why not.  Called from
	 * several threads at once.  Those of program.h; NULL: no program is changed. */
	enum object_skip (*program)(struct rewriting *rewriting, struct object *program,
				    struct elf_image *image, struct undo *undo, struct attached *change);

	struct progress progress;
};

#endif
