/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages that are about to be written, had from the kernel together: else each of them costs a
 * fault of its own when it is first written, which in a virtual machine can take twenty times as
 * long as copying the page. */
#ifndef RTLD_POPULATE_H
#define RTLD_POPULATE_H

#include <link.h>
#include <stdint.h>

#include "bounds.h"

enum { POPULATE_PAGES = 4096 }; /* of one object; those behind come by faults, as ever */

/* Pages of one object. */
struct pages {
	struct writable writable;
	unsigned shift;                       /* a page has 1 << SHIFT bytes */
	uint64_t wanted[POPULATE_PAGES / 64]; /* from that of the first writable byte on */
};

/* The page of the word at ADDRESS, as in the file, is going to be written. */
static inline void pages_want(struct pages *pages, ElfW(Addr) address)
{
	ElfW(Addr) page = (address >> pages->shift) - (pages->writable.start >> pages->shift);

	if (page < POPULATE_PAGES && may_write(pages->writable, address))
		pages->wanted[page / 64] |= 1ull << page % 64;
}

/* What comes now is another start-up, or dlopen. */
void pages_begin(void);

/* Has the kernel provide them, in the object with load bias BIAS; not the first few since
 * pages_begin(), for which it costs as much to ask, and not where somebody may object to a call that
 * ld.so does not make (filtered.h). */
void pages_populate(const struct pages *pages, ElfW(Addr) bias);

#endif
