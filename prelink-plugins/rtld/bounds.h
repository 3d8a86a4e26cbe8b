/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan may have written in an object, by the module or by ld.so: words of its
 * own writable segments. */
#ifndef RTLD_BOUNDS_H
#define RTLD_BOUNDS_H

#include <link.h>
#include <stdbool.h>

#include "machine.h"

/* The writable segments of an object, from the first to the last. */
struct writable {
	ElfW(Addr) start, size; /* addresses as in the file */
};

struct writable writable_of(const struct link_map *map);

/* True if the word at ADDRESS, as in the file, is in there. */
static inline bool may_write(struct writable writable, ElfW(Addr) address)
{
	return address - writable.start < writable.size &&
	       writable.size - (address - writable.start) >= sizeof(ElfW(Addr));
}

/* True if ld.so can be left the COUNT records RELOC for MAP: each of a type that it knows, about a word that
 * may be written, and about a symbol that MAP has. */
bool residual_sound(const struct link_map *map, struct writable writable, const machine_reloc *reloc,
		    size_t count);

#endif
