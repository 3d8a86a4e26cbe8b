/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan (draft.h) in the form of rtld/plan_format.h, in the class and byte order of its program. */
#ifndef ENCODE_H
#define ENCODE_H

#include "plan/draft.h"

/* Bytes of the plan as it goes into the file. */
uint64_t plan_size(const struct plan *plan);

/* Writes these bytes at OUT.  FRONT is how far (bytes) everything that was there before in a
 * position-independent program has moved away from its original address; 0 for others. */
void plan_encode(const struct plan *plan, uint64_t front, void *out);

#endif
