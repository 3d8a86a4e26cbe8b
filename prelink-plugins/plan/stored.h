/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan in a program's file, read. */
#ifndef STORED_H
#define STORED_H

#include "plan/placed.h"
#include "plan/record.h"

struct stored {
	struct record_io io; /* of the bytes in the file, which stay PROGRAM's */
	struct plan_header header;
};

/* The bytes of the plan, whatever they are, in the file of PROGRAM, and their SIZE;
 * NULL where it has none. */
const void *stored_bytes(const struct placed *program, uint64_t *size);

/* Reads the plan in the file of PROGRAM, of a machine whose relocations carry addends if RELA.  False where
 * there is none, or one that we do not know.  What is true then: the table of objects is inside of it, there
 * are as many as the header says are loaded at start, and the header is as it was written. */
bool stored_read(struct stored *stored, const struct placed *program, bool rela);

/* Reads the plan at byte AT of the bytes that `io` of STORED has, which hold
 * several; the same is true then. */
bool stored_at(struct stored *stored, uint32_t at);

/* Object INDEX, below header.object.count.  Its tables are as somebody wrote them:
 * see record_table_fits(). */
struct planned stored_object(const struct stored *stored, size_t index);
/* True if all that is object INDEX's alone is as it was written. */
bool stored_object_intact(const struct stored *stored, size_t index);
/* True if all of the plan is. */
bool stored_intact(const struct stored *stored);

/* What PLANNED is known by; false where it is known by its stamp, or damaged. */
bool stored_identity(const struct stored *stored, const struct planned *planned, struct identity *identity);
/* True if FILE is what PLANNED is known by, an identity. */
bool stored_is(const struct stored *stored, const struct planned *planned, const struct placed *file);

#endif
