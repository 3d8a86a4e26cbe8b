/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the undo record (elf/undo_record.h), and making files by it what they were.
 *
 * Nothing depends on how the file was changed: whatever mechanical moving back does not give is a patch.  The
 * writer has undone its file in memory and compared before it commits it. */
#ifndef UNDO_H
#define UNDO_H

#include "elf/undo_record.h"
#include "rebase/rebase.h"

/* A section that the writer added; its contents are in the image already. */
struct undo_section {
	const char *name; /* static */
	GElf_Shdr shdr;   /* but for sh_name */
};

/* What the writer did. */
struct undo {
	const struct arch *arch;
	int64_t delta;
	uint64_t front;            /* bytes put in front; a multiple of the page size */
	bool fill;                 /* RELATIVE words were filled in */
	bool stamped_null;         /* the stamp is in the first DT_NULL, for want of room for DT_CHECKSUM */
	struct rebase_words words; /* as rebase_image() gave them */
	struct undo_section section[4]; /* to be added to the section header table */
	size_t section_count;
};

/* Ends the rewriting of MOVED, which has become from ORIGINAL what UNDO says (and had any of its words
 * changed since): appends the record and what comes with it, points its ELF header there, and sets
 * the stamp's checksum where there is a stamp.  MOVED's bytes are then those of the new file; what its
 * headers were decoded to is not.  They have been undone in memory and compared with ORIGINAL.  SKIP_NOT, or
 * why not (after a message only where something failed). */
enum object_skip undo_append(struct elf_image *moved, const struct elf_image *original, struct undo *undo);

/* Makes IMAGE, which carries our record, the original again: its bytes, its size, its decoded headers.  Where
 * it is not what was written, and not STRICT, what the record leads to is taken if it has the original's CRC
 * and nothing was appended: what was changed is then only what the record takes away or puts back, as a
 * damaged plan is. 0, or -1 after a message; IMAGE is spoilt then, and only good for elf_image_release(). */
int undo_image(struct elf_image *image, bool strict);

/* True if IMAGE is what was written, and its record leads back to the original.  Nothing
 * is said; IMAGE is spoilt. */
bool undo_leads_back(struct elf_image *image);

/* CRC-32 of all of IMAGE. */
uint32_t undo_crc(const struct elf_image *image);

#endif
