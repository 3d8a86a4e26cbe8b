/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C library that this process runs on, and what its IFUNC resolvers chose here.
 *
 * Nothing that a file says is called, or read from memory: where this library's resolvers are comes from its
 * own tables in memory, and what they chose from the words that ld.so relocated with it (IRELATIVE), or from
 * ld.so itself (dlsym()).  A file is only compared with it.
 *
 * Addresses are offsets from the library's first one, which are the same in its file wherever that was
 * prelinked to. */
#ifndef OWN_LIBC_H
#define OWN_LIBC_H

#include "elf_image.h"

/* True if IMAGE's code is, byte for byte, that of this process's C library. */
bool own_libc_is(const struct elf_image *image);

/* The function that its resolver at offset RESOLVER chose, in CHOSEN.  False where it has no resolver there,
 * what that chose is not known, or lies outside of the library (in the vDSO). */
bool own_libc_chosen(uint64_t resolver, uint64_t *chosen);

#endif
