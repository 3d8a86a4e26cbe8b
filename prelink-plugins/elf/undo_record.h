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
 */
#ifndef UNDO_RECORD_H
#define UNDO_RECORD_H

#include "arch/arch.h"

#define UNDO_SECTION ".gnu.prelink_undo"
#define UNDO_OWN_SECTION ".prelink.undo"

/* .prelink.undo starts with it. */
#define UNDO_MAGIC "PRELUNDO"

/* Offsets in .prelink.undo. */
enum {
	REC_VERSION = 8,
	REC_CRC = 12,
	REC_SIZE = 16,
	REC_ORIGINAL_CRC = 24,
	REC_FLAGS = 28,
	REC_DELTA = 32,
	REC_FRONT = 40,
	REC_WORDS = 48,
	REC_STREAM_SIZE = 56,
	REC_STREAM = 64,
};
enum { RECORD_VERSION = 1, FLAG_FILL = 1, FLAG_STAMPED_NULL = 2 };

/* The record in a file, decoded; numbers that fit each other and the file. */
struct undo_record {
	const struct arch *arch;
	uint64_t headers_at, headers_size; /* of .gnu.prelink_undo in the file */
	uint64_t at, size;                 /* of .prelink.undo */
	uint32_t crc, original_crc;
	uint64_t original_size; /* bytes */
	bool fill, stamped_null;
	int64_t delta;
	uint64_t front, words;
	size_t stream_size; /* bytes, inflated; (words / 8 + 1) at least */
};

/* Bytes of .gnu.prelink_undo, at most: of as many headers as e_phnum and e_shnum, of 16 bits, can count. */
enum { UNDO_HEADERS_MAX = 8 << 20 };

/* True if a file of SIZE bytes may have a record of STREAM_SIZE bytes, inflated: one that is larger
 * than the file is not written, and not believed.  (A word of the original that is not the moved one's
 * is patched, and few are.) */
static inline bool undo_stream_fits(uint64_t stream_size, uint64_t size)
{
	return stream_size <= size + (64 << 10);
}

/* Finds both sections and decodes what needs no inflating.  Returns what is wrong
 * (static), NULL where nothing is. */
const char *undo_record_read(const struct elf_image *image, struct undo_record *record);

/* True if IMAGE carries our record. */
bool undo_present(const struct elf_image *image);

/* Bytes by which the object of IMAGE, which carries our record, was moved; 0 where it cannot be read. */
int64_t undo_delta(const struct elf_image *image);

#endif
