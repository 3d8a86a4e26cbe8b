/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is left of prelinking in a file that has no undo record of ours: eu-strip(1) takes all
 * sections that are not allocated, and leaves the plan, DT_AUDIT, and a library where it was moved
 * to; and what another prelink did, whose record has the same headers (.gnu.prelink_undo), and
 * nothing of what else has to be put back. */
#ifndef REMAINS_H
#define REMAINS_H

#include "elf/dynamic.h"

enum remains {
	REMAINS_NOTHING = 0,
	REMAINS_UNUSED, /* a plan that nothing names: remains_disarm() was here */
	REMAINS_STAMP,  /* the stamp of a library, or a list for ld.so: it works without us */
	REMAINS_MODULE, /* DT_PRELINK_PLAN, and DT_AUDIT beside it: without the run-time module ld.so complains at each start */
	REMAINS_OTHERS, /* not ours: the record of the prelink that distributions had before this one */
};

/* What is the matter with a file in which REMAINS are left, and what to do about it. */
const char *remains_text(enum remains remains);
const char *remains_cure(enum remains remains);

/* What is left in IMAGE, which carries no record of ours.  MODULE is the path of its machine's run-time
 * module; NULL where there is none. */
enum remains remains_find(const struct elf_image *image, const struct dynamic *dynamic, const char *module);

/* True if ENTRY of IMAGE's dynamic section names MODULE, wherever that was installed
 * when the file was made. */
bool names_module(const struct elf_image *image, const struct dynamic *dynamic, const GElf_Dyn *entry,
		  const char *module);

/* Takes what names the module or its plan out of the dynamic section of IMAGE, a copy. */
void remains_disarm(struct elf_image *image, const struct dynamic *dynamic, const char *module);

/* True if the SIZE bytes of the file FD, which is no sound ELF file, hold a record of ours. */
bool remains_in_ruins(int fd, uint64_t size);

#endif
