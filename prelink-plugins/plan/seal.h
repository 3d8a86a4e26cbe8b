/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digests in a plan (rtld/digest.h): put there when all else of it is, and compared when it is read. */
#ifndef SEAL_H
#define SEAL_H

#include "plan/record.h"

/* Puts the digests into the plan whose header is at byte HEADER of IO, which is
 * writable; whatever they were. */
void plan_seal(const struct record_io *io, uint64_t header);

/* True if HEADER, at byte AT of IO, is as it was sealed, with the tables that are the whole plan's.  False as
 * well where one of them does not lie in the plan. */
bool plan_header_intact(const struct record_io *io, uint64_t at, const struct plan_header *header);
/* The same of object INDEX of it, and of all that is the object's alone. */
bool plan_object_intact(const struct record_io *io, const struct plan_header *header, size_t index);

#endif
