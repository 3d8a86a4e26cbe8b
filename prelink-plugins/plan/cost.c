/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan saves and costs; see cost.h. */
#include "plan/cost.h"

#include <string.h>

#include "bits.h"
#include "bind/target.h"
#include "plan/pages.h"

/* The cost model: nanoseconds of user and system time, fitted to what tests/bench/runtime measured on Debian
 * 12 (glibc 2.36, AMD EPYC) for true, sh, ls, find, gawk, sqlite3 and openssl, each with its plan attached
 * and without prelinking: from 33 us lost (true: 134 lookups, 10 pages) to 848 us won (openssl: 6,990
 * lookups, 124 pages); cost.h has the rest. */
enum {
	NS_MODULE = 60000, /* mapping an audit module, asking it for its functions, static TLS set up early */
	NS_OBJECT = 150,   /* one la_objopen() */
	NS_VALUE = 1,      /* one word written by the module */
	NS_RELATIVE = 1,   /* one RELATIVE relocation */
	PLUGIN_SHARE = 16, /* a run loads one in so many of the objects that its plugins can bring ... */
	PLUGINS_MIN = 4,   /* ... and these besides */
};

/* Words that RELATIVE relocations write; how many. */
static size_t touch_relative(struct pages *pages, const struct bind_object *by)
{
	struct relr relr = dynamic_relr(&by->dynamic, &by->image);
	size_t count = 0;
	GElf_Addr address;
	GElf_Rela reloc;

	for (; relr_next(&relr, &address); count++)
		pages_touch(pages, address);
	for (int table = RELOCS_REL; table <= RELOCS_RELA; table++) {
		struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image, table);
		while (relocs_next(&relocs, &reloc)) {
			if (by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info)) != RELOC_RELATIVE)
				continue;
			pages_touch(pages, reloc.r_offset);
			count++;
		}
	}
	return count;
}

struct cost cost_count(const struct decision_list *list)
{
	const struct bind_object *by = list->object;
	uint64_t page = by->object->arch->page_max < 4096 ? 4096 : by->object->arch->page_max;
	struct cost cost = { 0 };
	struct pages before, after;

	pages_init(&before, &by->image, page);
	pages_init(&after, &by->image, page);
	cost.relative = touch_relative(&before, by);
	if (by->object->kind == OBJECT_PIE) /* its RELATIVE relocations have to be applied in any case */
		memcpy(after.bit, before.bit, bits_size(before.count));
	for (size_t i = 0; i < list->count; i++) {
		const struct decision *decision = &list->item[i];
		GElf_Addr address = decision->address - bind_place(by->object, 0);
		pages_touch(&before, address);
		if (decision->kind != DECISION_DONE && decision->kind != DECISION_LAZY &&
		    decision->kind != DECISION_UNSEEN)
			pages_touch(&after, address);
		cost.kinds[decision->kind]++;
		if (decision->kind == DECISION_RESIDUAL)
			cost.reasons[decision->reason]++;
	}
	cost.pages_before = pages_count(&before);
	cost.pages_after = pages_count(&after);
	pages_release(&before);
	pages_release(&after);
	return cost;
}

/* The sum. */

void cost_add(struct plan *plan, const struct draft *draft, const struct decision_list *list)
{
	struct plan_estimate *estimate = &plan->estimate;

	if (draft->way == PLAN_LEAVE)
		return;
	struct cost cost = cost_count(list);
	size_t looked_up = cost.kinds[DECISION_DONE] + cost.kinds[DECISION_VALUE] +
			   cost.kinds[DECISION_FIXUP] + cost.kinds[DECISION_IFUNC] +
			   cost.kinds[DECISION_UNSEEN];
	bool spared = !plan->anywhere; /* words are written wherever an object lies */
	size_t relative = draft == plan->draft || !spared ? 0 : cost.relative;
	size_t pages = spared ? cost.pages_before - cost.pages_after : 0;

	*(list->startup ? &estimate->saved : &estimate->plugins_saved) +=
		(int64_t)(relative * NS_RELATIVE + looked_up * NS_LOOKUP + pages * NS_PAGE);
	if (list->startup)
		estimate->cost += (int64_t)(draft->word.count * NS_VALUE);
	estimate->relative += relative;
	estimate->lookups += looked_up;
	estimate->pages += pages;
	estimate->values += draft->word.count - draft->fixups;
	estimate->fixups += draft->fixups;
	estimate->residual += draft->residual.count;
}

void cost_of_module(struct plan *plan)
{
	plan->estimate.cost += NS_MODULE + (int64_t)plan->startup * NS_OBJECT;
}

const char *plan_does_not_pay(const struct plan *plan)
{
	const struct plan_estimate *estimate = &plan->estimate;
	int64_t all = estimate->plugin_objects, loaded = PLUGINS_MIN + all / PLUGIN_SHARE;

	if (loaded > all)
		loaded = all;
	if (estimate->saved + (all ? estimate->plugins_saved * loaded / all : 0) > estimate->cost)
		return NULL;
	return "the run-time module would cost more than it saves";
}

int64_t cost_of_start(size_t relative, size_t lookups, size_t pages, size_t objects)
{
	return (int64_t)(relative * NS_RELATIVE + lookups * NS_LOOKUP + pages * NS_PAGE) - NS_MODULE -
	       (int64_t)objects * NS_OBJECT;
}
