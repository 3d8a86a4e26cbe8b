/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a store (rtld/store_format.h): the plans of many programs, in one file.
 *
 *     struct store *store = store_new(program);           // of the machine that it is for
 *     for each program, in an order that depends on nothing but the files:
 *             store_add(store, plan), or store_add_none(store, identity) where it has no plan
 *     store_finish(store);
 *     store_write(store, root, path);
 *     store_free(store);
 *
 * One thread at a time.  The plans are those of a planner that makes them for any place. */
#ifndef CONTENTS_H
#define CONTENTS_H

#include "plan/plan.h"

struct store;

/* An empty store for programs of PROGRAM's class, byte order and machine. */
struct store *store_new(const struct object *program);
void store_free(struct store *store);

/* Adds PLAN, whose program is then known.  False where the store has no room for it (4 GB),
 * which then takes no other, either. */
bool store_add(struct store *store, const struct plan *plan);

/* Notes that the program IDENTITY has no plan, and that this is known. */
void store_add_none(struct store *store, const struct identity *identity);

/* Puts the table of programs, and the header and the filter that are about it: nothing is added after that.
 * Before what follows. */
void store_finish(struct store *store);

/* Writes the store to PATH inside ROOT, unless the file there has these very bytes, and the run-time module
 * takes it.  0, or -1 after a message. */
int store_write(struct store *store, const struct root *root, const char *path);

/* Compares the store with the file at PATH inside ROOT: 0 where it has these very bytes, and the
 * run-time module takes it, else -1 after a message. */
int store_compare(struct store *store, const struct root *root, const char *path);

/* Removes the store at PATH, if there is one.  0, or -1 after a message. */
int store_remove(const struct root *root, const char *path);

/* What it has come to. */
struct store_figures {
	size_t programs, objects, words, overrides;
	uint64_t bytes;
};
struct store_figures store_figures(const struct store *store);

#endif
