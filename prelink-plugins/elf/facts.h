/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about an ELF file that several passes ask for, each decided here and nowhere else.  (What the dynamic
 * section says by itself is in elf/dynamic.h.) */
#ifndef FACTS_H
#define FACTS_H

#include "elf/dynamic.h"

/* True if the file has debugging information of its own (DWARF, STABS): it holds addresses of the object that
 * no relocation names, so the object cannot be moved. */
bool elf_has_debug_info(const struct elf_image *image);

/* True if the names of what the file does not export are in a file of its own, if anywhere: it has no
 * .symtab, and a build-id or a .gnu_debuglink to find that file by. */
bool elf_names_elsewhere(const struct elf_image *image);

/* True if the file compares its own bytes with a digest when it is loaded, by what is in it: OpenSSL's FIPS
 * provider, which is told the digest by its configuration, and what libgcrypt does.  DYNAMIC is NULL where
 * there is none. (Digests that lie beside the file: digests.h.) */
bool elf_checks_itself(const struct elf_image *image, const struct dynamic *dynamic);

#endif
