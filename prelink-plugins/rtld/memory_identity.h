/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The identity (identity.h) of an object in this process. */
#ifndef RTLD_MEMORY_IDENTITY_H
#define RTLD_MEMORY_IDENTITY_H

#include <link.h>

#include <stdbool.h>

#include "identity.h"

/* The value of ENTRY of MAP's dynamic section as it is in the file. */
uint64_t as_in_file(const struct link_map *map, const ElfW(Dyn) *entry);

/* The digest of MAP's dynamic section, as it is in the file. */
uint64_t identity_of_dynamic(const struct link_map *map);

/* The SIZE bytes at ADDRESS (as in the file) of MAP; NULL where not all of them are mapped from its file, or
 * ld.so does not let its program headers be found. */
const void *mapped_from_file(const struct link_map *map, uint64_t address, uint64_t size);

/* True if MAP is the object that IDENTITY describes, of which identity_of_dynamic() is known to be
 * IDENTITY->dynamic.  False where ld.so does not let its program headers be found. */
bool is_identical(const struct link_map *map, const struct identity *identity);

#endif
