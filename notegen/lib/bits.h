/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitmaps in bytes, bit 0 of each first. */
#ifndef BITS_H
#define BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc.h"

/* Bytes that COUNT bits take.  (One more than needed where COUNT is a multiple of 8:
 * undo records count so.) */
static inline size_t bits_size(uint64_t count)
{
	return count / 8 + 1;
}

/* COUNT bits, all clear, allocated. */
static inline unsigned char *bits_new(uint64_t count)
{
	return xcalloc(bits_size(count), 1);
}

static inline bool bits_get(const unsigned char *bits, uint64_t index)
{
	return bits[index / 8] >> index % 8 & 1;
}

static inline void bits_set(unsigned char *bits, uint64_t index)
{
	bits[index / 8] |= (unsigned char)(1u << index % 8);
}

#endif
