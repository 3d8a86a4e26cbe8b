/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stamp of a rewritten library, by which others know it: a checksum and a time, in DT_CHECKSUM and
 * DT_GNU_PRELINKED.  What a DT_NULL entry holds but for its tag means nothing (gABI): where there was no room
 * for the tags, both are in the first one of those, in ELFCLASS64. */
#ifndef STAMP_H
#define STAMP_H

#include "elf/dynamic.h"

/* As the tags say or, where there was no room for them, the two halves of DT_NULL's d_un.
 * Both 0 where it has none. */
struct dynamic_stamp {
	uint32_t checksum; /* of the file; see elf/undo_record.h */
	uint32_t time;     /* when the original was made, in seconds since 1970 */
};
struct dynamic_stamp dynamic_stamp(const struct dynamic *dynamic);

/* Where the checksum is in a file. */
struct checksum {
	uint64_t at; /* file offset; 0 where there is none */
	size_t size; /* bytes: 4 or 8 */
};

/* Finds it in IMAGE, whose dynamic section need not be sound.  STAMPED_NULL: the stamp
 * is in the first DT_NULL. */
struct checksum checksum_find(const struct elf_image *image, bool stamped_null);
void checksum_put(struct elf_image *image, struct checksum checksum, uint32_t value);

#endif
