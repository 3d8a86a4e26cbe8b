/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The identity of a file, as the run-time module will take it of the process; see rtld/identity.h. */
#ifndef PLAN_IDENTITY_H
#define PLAN_IDENTITY_H

#include "elf/dynamic.h"
#include "rtld/identity.h"

/* The identity of IMAGE, whose dynamic section is DYNAMIC.  False where it has none that can be told at run
 * time, having neither a build-id nor symbols. */
bool identity_of_image(struct identity *identity, const struct elf_image *image,
		       const struct dynamic *dynamic);

#endif
