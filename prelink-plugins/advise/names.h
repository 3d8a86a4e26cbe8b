/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which symbol of an object an address lies in, by its symbol table, or where that was
 * stripped off, the dynamic one.
 *
 *     struct names names;
 *     names_load(&names, by);
 *     const struct name_at *at = names_find(&names, address);     // NULL: in none
 *     names_release(&names); */
#ifndef ADVISE_NAMES_H
#define ADVISE_NAMES_H

#include "bind/opened.h"

struct name_at {
	GElf_Addr start, end; /* addresses, as in the file */
	const char *name;     /* into the image */
	const char *file;     /* of a local symbol, the STT_FILE before it; NULL: not known */
};

struct names {
	struct name_at *item; /* by start; owned */
	size_t count;
};

/* Functions and data of BY that have a size. */
void names_load(struct names *names, const struct bind_object *by);
const struct name_at *names_find(const struct names *names, GElf_Addr address);
void names_release(struct names *names);

void sort_addresses(GElf_Addr *address, size_t count);

#endif
