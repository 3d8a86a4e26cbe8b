/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The identity (identity.h) of an object in this process. */
#ifndef RTLD_MEMORY_IDENTITY_H
#define RTLD_MEMORY_IDENTITY_H

#include <link.h>

#include <stdbool.h>

#include "identity.h"

/* The digest of MAP's dynamic section, as it is in the file. */
uint64_t identity_of_dynamic(const struct link_map *map);

/* True if MAP is the object that IDENTITY describes, of which identity_of_dynamic() is known to be
 * IDENTITY->dynamic.  False where ld.so does not let its program headers be found. */
bool is_identical(const struct link_map *map, const struct identity *identity);

#endif
