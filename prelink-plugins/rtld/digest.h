/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digests in a plan, by which damage is noticed: of words of the plan's class and byte order, as the
 * module reads them where they lie and prelink out of a file (plan/seal.c).  They are no protection from
 * anybody who means it: who can write a plan can write the program.
 *
 * Four lanes take a word each by turns, since a processor multiplies several numbers at once.  Each table
 * starts with the first lane, and counts with the zeros that pad it to a multiple of eight bytes. */
#ifndef DIGEST_H
#define DIGEST_H

#include "identity.h"

enum { DIGEST_LANES = 4 };

struct plan_digest {
	uint64_t lane[DIGEST_LANES];
};

#define DIGEST_START                                                                   \
	{                                                                              \
		{                                                                      \
			IDENTITY_START, IDENTITY_START, IDENTITY_START, IDENTITY_START \
		}                                                                      \
	}

/* Word INDEX of a table, or number of a record. */
static inline void digest_add(struct plan_digest *digest, size_t index, uint64_t word)
{
	digest->lane[index % DIGEST_LANES] = identity_add(digest->lane[index % DIGEST_LANES], word);
}

static inline uint32_t digest_end(const struct plan_digest *digest)
{
	uint64_t all = IDENTITY_START;

	for (size_t i = 0; i < DIGEST_LANES; i++)
		all = identity_add(all, digest->lane[i]);
	return (uint32_t)all;
}

#endif
