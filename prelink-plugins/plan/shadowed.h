/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words that nobody looks at: those in the virtual tables and type information (Itanium C++ ABI, 2.5 and
 * 2.9.5) of which another object's copy is the one that counts.
 *
 * Every object whose compiler needed such a table has a weak copy of its own, and every reference goes to the
 * first copy in the scope.  What a later copy holds is then read by no one, and need not be what ld.so would
 * have put there.  This holds only if the object has no way to its own copy but by name, so a copy counts as
 * shadowed only where
 *
 *   - a relocation of the object asks for it by name: then the static linker took it for one that another
 *     object may define, and no code reaches it directly;
 *   - nothing reaches it otherwise: no RELATIVE relocation, no relocation by a local symbol, no other
 *     exported symbol points into it, and the object is not DT_SYMBOLIC;
 *   - the program, which may copy it (R_*_COPY), is not who defines it first: that is the caller's to see.
 *
 * What is left are dlsym() of a mangled name in this very object, and RTLD_DEEPBIND; who looks there finds
 * the values of the object's natural scope, which name copies of the same things. */
#ifndef SHADOWED_H
#define SHADOWED_H

#include "bind/relocs.h"

/* The copy in BY, whose relocations are RELOCS (bind_relocs() or bind_in()), that ADDRESS lies in; NULL
 * where it lies in none. */
const struct shadow *shadows_find(struct bind_object *by, const struct binding_list *relocs,
				  GElf_Addr address);

#endif
