/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan that is followed spares ld.so when a program starts: counted in the files, not measured. */
#ifndef SPARED_H
#define SPARED_H

#include "plan/stored.h"

struct spared {
	size_t relocations; /* that nobody has to process */
	size_t lookups;     /* of a symbol; ld.so looks one up once for relocations that follow one another */
	size_t relative;    /* RELATIVE relocations, of libraries that are at their slots */
	size_t pages; /* of 4 KB, that stay as they are in the file, and are shared with all who map it */
};

/* Adds what PLANNED, of STORED, spares of FILE; of a program no pages. */
void spared_add(struct spared *spared, const struct stored *stored, const struct planned *planned,
		const struct placed *file, const struct arch *arch);

#endif
