/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What manifests match inside a tree: the hosts, each with the plugin entries of all manifests that name
 * it, and the patterns that match nothing. */
#ifndef HOSTS_H
#define HOSTS_H

#include "manifest.h"
#include "root.h"

/* An object that gets a note. */
struct host {
	char *path; /* real path inside the tree; owned */
	struct stat st;
	struct plugin_list plugins;
	const struct manifest *last; /* whose entries were added last */
	bool named;                  /* on the command line; set by hosts_select() */
};

struct host_table {
	struct host *host; /* each file once, whatever names it has, in order of the manifests */
	size_t count;
	void *inodes;              /* tree of tsearch(3) */
	struct pattern_tree *tree; /* what was seen of ROOT */
};

/* How a pattern that matches nothing is told. */
enum unmatched { UNMATCHED_SILENT, UNMATCHED_WARNING, UNMATCHED_ERROR };

/* Adds the hosts that MANIFEST names in ROOT to TABLE.  A pattern without a match is told as UNMATCHED
 * says; for a manifest that was collected from a directory only if another one of its patterns matches:
 * else the application is not installed.  The number of its hosts, or -1 after a message. */
int hosts_find(const struct root *root, const struct manifest *manifest, enum unmatched unmatched,
	       struct host_table *table);

/* Expands MANIFEST's plugin patterns, in what TABLE knows of ROOT, to tell those without a match.  The number
 * of files matched, or -1 after a message. */
int hosts_expand_plugins(const struct root *root, const struct manifest *manifest, enum unmatched unmatched,
			 struct host_table *table);

/* The host that is the file of ST, NULL where it is none.  Any thread may ask. */
struct host *hosts_of_file(const struct host_table *table, const struct stat *st);

/* Finds the host that is the file PATH (inside the tree), NULL with errno set (0: it is no host). */
struct host *hosts_select(const struct root *root, const struct host_table *table, const char *path);

void host_table_release(struct host_table *table);

#endif
