/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The undo record: what a rewritten file carries so that the original can be had back, bit for bit.
 *
 * Two sections that are not allocated, appended after everything else:
 *
 *   .gnu.prelink_undo   the original's ELF header, program headers, and section headers without the
 *                       first, as prelink(8) wrote them.  Its size has to be just that: elfutils'
 *                       libdwfl (find_prelink_address_sync) finds by it where the sections were,
 *                       and so uses a separate debug file with a moved object.
 *   .prelink.undo       ours; numbers in the byte order of the object:
 *       0  char[8]  "PRELUNDO"
 *       8  u32      1, the version of what follows
 *      12  u32      CRC-32 of the rewritten file, taken with this field and the checksum that the stamp
 *                   holds as zero; that has the same value
 *      16  u64      size of the original in bytes
 *      24  u32      CRC-32 of the original
 *      28  u32      flags; bit 0: the words of RELATIVE relocations were filled in; bit 1: the stamp is in the
 *                   first DT_NULL: its checksum the lower half of d_un, the time the upper
 *      32  i64      delta: bytes by which the object moved
 *      40  u64      bytes that were put in front of the original's first
 *      48  u64      number of RELATIVE relocations with an addend (rebase_words)
 *      56  u64      size in bytes of what follows when inflated
 *      64           deflated (zlib): (number / 8 + 1) bytes of rebase_words bits; then the patches
 *
 * Undoing: move back by delta, take away what was put in front, put the headers back, cut at the
 * original's size, apply the patches.  These are the words of the original that still differ then
 * (bound GOT entries, the stamp, what a linker left in an odd place), in ascending order, each as two
 * LEB128 numbers: the words (of the object's address size) to pass over since the previous patch, and
 * the word's value minus the previous patch's, zigzag-coded.  Files whose last word is cut short are
 * taken to go on with zeros.
 *
 * Nothing depends on how the file was changed: whatever mechanical moving back does not give is a
 * patch.  The writer has undone its file in memory and compared before it commits it. */
#ifndef UNDO_H
#define UNDO_H

#include "rebase/rebase.h"

#define UNDO_SECTION ".gnu.prelink_undo"
#define UNDO_OWN_SECTION ".prelink.undo"

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

/* True if IMAGE carries our record. */
bool undo_present(const struct elf_image *image);

/* Bytes by which the object of IMAGE, which carries our record, was moved; 0 where it cannot be read. */
int64_t undo_delta(const struct elf_image *image);

/* Ends the rewriting of MOVED, which has become from ORIGINAL what UNDO says (and had any of its words
 * changed since): appends the record and what comes with it, points its ELF header there, and sets
 * the stamp's checksum where there is a stamp.  MOVED's bytes are then those of the new file; what its
 * headers were decoded to is not.  They have been undone in memory and compared with ORIGINAL.  SKIP_NOT, or
 * why not (after a message only where something failed). */
enum object_skip undo_append(struct elf_image *moved, const struct elf_image *original, struct undo *undo);

/* Makes IMAGE, which carries our record, the original again: its bytes, its size, its decoded headers.
 * 0, or -1 after a message; IMAGE is spoilt then, and only good for elf_image_release(). */
int undo_image(struct elf_image *image);

#endif
