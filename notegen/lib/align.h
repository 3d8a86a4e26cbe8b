/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rounding up. */
#ifndef ALIGN_H
#define ALIGN_H

#include <stdint.h>

/* The first multiple of ALIGNMENT, a power of two, from VALUE on. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & -alignment;
}

#endif
