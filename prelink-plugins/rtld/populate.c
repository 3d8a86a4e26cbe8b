/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Having pages before they are written; see populate.h. */
#include "populate.h"

#include <stdbool.h>

#include "filtered.h"
#include "kernel.h"

enum { FEW = 4 }; /* pages: what it costs to find out about filters, at most */

static bool unknown;  /* to this kernel (before Linux 5.14) */
static unsigned seen; /* pages that were wanted, up to FEW */
static bool filtered; /* once FEW were seen */

void pages_begin(void)
{
	seen = 0;
}

static bool is_wanted(const struct pages *pages, unsigned page)
{
	return page < POPULATE_PAGES && pages->wanted[page / 64] >> page % 64 & 1;
}

/* True if the first COUNT pages of PAGES are worth a system call, and it can be made. */
static bool is_worth_it(const struct pages *pages, unsigned count)
{
	if (unknown)
		return false;
	for (unsigned page = 0; page < count && seen < FEW; page++) {
		seen += is_wanted(pages, page);
		if (seen == FEW)
			filtered = system_calls_filtered();
	}
	return seen == FEW && !filtered;
}

void pages_populate(const struct pages *pages, ElfW(Addr) bias)
{
	ElfW(Addr) first = pages->writable.start >> pages->shift;
	ElfW(Addr) last = (pages->writable.start + pages->writable.size - 1) >> pages->shift;
	unsigned count = last - first < POPULATE_PAGES ? (unsigned)(last - first) + 1 : POPULATE_PAGES;

	if (!is_worth_it(pages, count))
		return;
	for (unsigned page = 0; page < count && !unknown; page++) {
		unsigned start = page;

		while (is_wanted(pages, page))
			page++;
		if (page > start)
			unknown = kernel_populate((void *)(bias + ((first + start) << pages->shift)),
						  (size_t)(page - start) << pages->shift) < 0;
	}
}
