/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the C library's IFUNC resolvers (memcpy, strlen ...) will choose on this machine.
 *
 * Nothing of any file is run: where the C library of the tree that is being prelinked is the very one that
 * this process runs on, what its resolvers choose is known already (own_libc.h).  The answers go into files
 * as a guess, which saves writing a page for nearly every object; the run-time module asks the resolvers
 * again in each process, and writes what they say where it is something else. */
#ifndef IFUNC_H
#define IFUNC_H

#include "bind/relocs.h"

/* The function that the resolver at address RESOLVER of PROVIDER's file (as bind mapped it) chooses: its
 * address there; 0 where that is not known. */
GElf_Addr ifunc_guess(const struct bind_object *provider, GElf_Addr resolver);

/* The same for a reference: what BINDING, of BY, will resolve to once every object is at its slot; 0 where
 * that is not known, or no IFUNC. */
GElf_Addr ifunc_target(const struct bind_object *by, const struct binding *binding);

#endif
