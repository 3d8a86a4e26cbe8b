/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gather: directories and files become the table of objects.
 *
 * What is walked comes from prelink.conf or the command line (conf.h).  A file is classified by its
 * first bytes; a dynamic ELF object is opened, decoded into a struct object and closed again, once,
 * by one of `jobs` threads.  Passed over without a word: scripts and data, relocatable files and kernel
 * modules, core files, static programs, and separate debug files (named `*.debug`, or below
 * /usr/lib/debug).  The names of one inode make one object.
 *
 * With -ua the whole tree is walked as well (everywhere.h), and nothing is passed over
 * that may have been prelinked.
 *
 * In the directories that it walks, gather removes what a killed run left (temporary_sweep()), unless
 * this run is to write nothing.
 *
 *     gather_init(&gather, &table, &root, &conf, &options, &installed);
 *     gather_all(&gather);              // the table is complete and sorted
 *     ... search: gather_find() adds dependencies that lie elsewhere */
#ifndef GATHER_H
#define GATHER_H

#include "gather/conf.h"
#include "digests.h"
#include "gather/installed.h"
#include "gather/known.h"
#include "object.h"
#include "options.h"
#include "root.h"

struct gather {
	struct object_table *table;
	const struct root *root;
	const struct conf *conf;
	const struct options *options;
	const struct installed *installed; /* what manifests say; NULL: nothing */
	const struct known *known;         /* what need not be read; NULL: nothing.  Set by who knows */
	struct digests digests;            /* what must not be changed */
	int64_t started; /* when gather_all() began, nanoseconds since 1970: what changed later was perhaps not seen */
	/* Sorted when gather_all() returns: */
	struct path_list directories; /* that were walked */
	struct path_list again; /* those that a later run has to read although they are as they were: not all
					 in them is an object by one name or none */
	struct path_list plain; /* files that were named, and could never be prelinked: real paths */
};

void gather_init(struct gather *gather, struct object_table *table, const struct root *root,
		 const struct conf *conf, const struct options *options, const struct installed *installed);

void gather_release(struct gather *gather);

/* Fills the table.  -1 after a message when something that was named could not be looked at; what
 * could is in the table all the same. */
int gather_all(struct gather *gather);

/* The object at PATH (links followed inside the root), read now if the table does not have it yet; it
 * then is not `listed`.  NULL with errno set where there is none: as open(2) says, or ENOEXEC where the
 * file is nothing that ld.so could map (said why, if it is a damaged ELF file). */
struct object *gather_find(struct gather *gather, const char *path);

#endif
