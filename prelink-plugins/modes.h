/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What prelink does besides prelinking: each of these is a whole run, the same first passes and another last one.  What
 * they print and what is an error their passes say; main.c has read the configuration and the old cache. */
#ifndef MODES_H
#define MODES_H

#include "added.h"
#include "cache/inputs.h"
#include "gather/conf.h"
#include "gather/gather.h"
#include "object.h"
#include "options.h"
#include "plan/store_file.h"
#include "rewrite/rewriting.h"
#include "root.h"
#include "search/libsearch.h"
#include "store/learned.h"

/* What a run works on. */
struct run {
	struct options options;
	struct root root;
	struct conf conf;
	struct cache old;   /* what the last run left */
	struct known known; /* what of it is still so, with -q */
	char *cache_path;   /* inside the root */
	struct object_table table;
	struct installed installed;
	struct gather gather;
	struct search search;
	struct cache_inputs inputs;
	struct store_file store; /* the system's, for who asks what it has */
	struct learned learned;  /* what a user's own store is of, for who asks what that has */
	struct added added;      /* what notegen did here, for who gives originals out */
	struct rewriting rewriting;
};

/* -u: files as they were. */
void undo(struct run *run);
/* -y: that they are what they were made of. */
void verify_files(struct run *run);
/* -r: one library to one address. */
void move(struct run *run);
/* --audit: for who builds packages, as whatever user, in an image that is nobody else's: no lock is taken. */
void audit(struct run *run);
/* --bindings: what the symbols of each program resolve to when it starts. */
void show_bindings(struct run *run);
/* --status: exit status 1 where a program does not take the fast path. */
int show_status(struct run *run);
/* --advise: exit status 1 where something is wrong. */
int give_advice(struct run *run);
/* --report: what the cache says, and how each program starts. */
void report(struct run *run);

/* Where the store is that was asked for; malloc'ed. */
char *store_path(const struct run *run);
/* The store, for who asks what it has; one that does not count is said. */
void read_store(struct run *run);
/* Reads what the store that is asked for was learnt from; false where it is one of all that manifests name. */
bool read_learned(struct run *run);

/* What was named and is left alone is an error, said with its reason; but not where -b asks for it, or where that was
 * said when it was read. */
void refuse_named(const struct run *run);

#endif
