/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking the versions that an object needs, and those that it defines.
 *
 *     struct versions versions = versions_needed(&dynamic, &image);
 *     while (versions_next(&versions))
 *             ... versions.name of versions.file ...
 *
 * Ends early in a table that runs out of its segment, or in a circle.  Follows the gABI's symbol versioning (LSB Core,
 * chapter 10.7). */
#ifndef ELF_VERSIONS_H
#define ELF_VERSIONS_H

#include "elf/dynamic.h"

struct versions {
	const struct elf_image *image;
	const struct dynamic *dynamic;
	bool defined;
	GElf_Addr record, entry; /* addresses of the next ones; 0: none */
	size_t left;             /* entries that a file of this size can have, at most */
	/* Of the version that was given last: */
	const char *file, *name; /* `file`, that has to have it, is NULL for a defined one */
	uint16_t flags;
};

struct versions versions_needed(const struct dynamic *dynamic, const struct elf_image *image);
struct versions versions_defined(const struct dynamic *dynamic, const struct elf_image *image);
bool versions_next(struct versions *versions);

/* True if NAME is among those that the object defines. */
bool versions_define(const struct dynamic *dynamic, const struct elf_image *image, const char *name);

#endif
