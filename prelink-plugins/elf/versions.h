/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking the versions that an object needs, and those that it defines.
 *
 *     struct versions versions = versions_needed(&dynamic, &image);
 *     while (versions_next(&versions))
 *             ... versions.name of versions.file ...
 *
 * Who leaves the loop before its end calls versions_end().
 *
 * Ends early in a table that runs out of its segment, in a circle, or in one beyond limit.h.  Follows the
 * gABI's symbol versioning (LSB Core, chapter 10.7). */
#ifndef ELF_VERSIONS_H
#define ELF_VERSIONS_H

#include "elf/dynamic.h"

struct versions {
	const struct elf_image *image;
	const struct dynamic *dynamic;
	bool defined;
	GElf_Addr record, entry; /* addresses of the next ones; 0: none */
	uint64_t left;           /* entries that a file of this size can have, LIMIT_VERSIONS at most */
	uint64_t bytes;          /* of names that are still looked at */
	/* Of the version that was given last: */
	char *file, *name; /* `file`, that has to have it, is NULL for a defined one; until the next; owned */
	uint16_t flags;
};

struct versions versions_needed(const struct dynamic *dynamic, const struct elf_image *image);
struct versions versions_defined(const struct dynamic *dynamic, const struct elf_image *image);
bool versions_next(struct versions *versions);
void versions_end(struct versions *versions);

/* True if NAME is among those that the object defines. */
bool versions_define(const struct dynamic *dynamic, const struct elf_image *image, const char *name);

#endif
