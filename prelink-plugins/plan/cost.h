/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan saves and costs: relocations, lookups and pages, and what they come to in time. */
#ifndef COST_H
#define COST_H

#include "plan/draft.h"

/* Nanoseconds, by the model of cost.c. */
enum {
	NS_LOOKUP = 100, /* one symbol looked up */
	NS_PAGE = 1000,  /* one copy-on-write fault */
};

/* What ld.so does to one object without a plan, and what is left to do with one. */
struct cost {
	size_t relative;                     /* RELATIVE relocations, RELR's included */
	size_t kinds[DECISION_RESIDUAL + 1]; /* decisions by kind */
	size_t reasons[REASONS];             /* residual ones by reason */
	size_t pages_before; /* pages of the machine's page_max that ld.so writes without us */
	size_t pages_after;  /* pages that still have to be written: all but DONE, LAZY, RELATIVE */
};

/* Counts what the decisions of LIST come to. */
struct cost cost_count(const struct decision_list *list);

/* Adds what DRAFT, whose decisions are LIST and entered, saves and costs to PLAN's estimate. */
void cost_add(struct plan *plan, const struct draft *draft, const struct decision_list *list);

/* The same for what is paid once: the module, and the objects at start-up. */
void cost_of_module(struct plan *plan);

/* NULL where the program is better off with the plan and the module than without; else
 * words for that, static. */
const char *plan_does_not_pay(const struct plan *plan);

/* Nanoseconds that a start with OBJECTS libraries is spared, by the same model, less what the module takes:
 * an estimate, which may be below 0. */
int64_t cost_of_start(size_t relative, size_t lookups, size_t pages, size_t objects);

#endif
