/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Having pages before they are written; see populate.h. */
#include "populate.h"

#include <stdbool.h>

#include "kernel.h"

static bool unknown; /* to this kernel (before Linux 5.14) */

static bool is_wanted(const struct pages *pages, unsigned page)
{
	return page < POPULATE_PAGES && pages->wanted[page / 64] >> page % 64 & 1;
}

void pages_populate(const struct pages *pages, ElfW(Addr) bias)
{
	ElfW(Addr) first = pages->writable.start >> pages->shift;
	ElfW(Addr) last = (pages->writable.start + pages->writable.size - 1) >> pages->shift;
	unsigned count = last - first < POPULATE_PAGES ? (unsigned)(last - first) + 1 : POPULATE_PAGES;

	for (unsigned page = 0; page < count && !unknown; page++) {
		unsigned start = page;

		while (is_wanted(pages, page))
			page++;
		if (page > start)
			unknown = kernel_populate((void *)(bias + ((first + start) << pages->shift)),
						  (size_t)(page - start) << pages->shift) < 0;
	}
}
