/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink.conf(5): which directories and files `-a` means, and what is to be left alone.
 *
 *     # a comment, to the end of the line
 *     -l /usr/lib          a directory to walk, staying on its file system
 *     -h /opt/bin          a directory to walk, following symbolic links in it
 *     /sbin/init           a file, or a directory to walk
 *     -b /usr/lib/bad*     never touch what matches (with all below it, for a directory)
 *     -b *.py              a pattern without a slash: never touch files of such a name
 *     -c /etc/prelink.conf.d/?*.conf   read these files too
 *
 * Patterns are glob(7)'s; a word may be quoted as in the shell where its name holds spaces or `#`.
 * All paths are meant inside the root; the file that -c names may lie outside. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "path_list.h"
#include "root.h"

/* A path to gather from. */
struct conf_entry {
	char *path;           /* inside the root, absolute; patterns are expanded; owned */
	bool one_file_system; /* -l */
	bool dereference;     /* -h */
};

struct conf {
	struct conf_entry *entry; /* in the order of the file; owned array */
	size_t count;
	char **blacklist; /* patterns, of the file and of the command line; owned */
	size_t blacklist_count;
	bool everywhere;        /* -ua: the first entry is "/"; see gather.h */
	struct path_list files; /* that were read, inside the root; sorted when conf_read() returns */
	bool outside;           /* the first one is not inside the root, and not in `files` */
};

/* Reads the configuration file that OPTIONS names, and those that it includes, and adds the -b of the
 * command line.  Without -a the FILEs of the command line are the entries, and of the file only -b lines
 * count.  -1 after a message when the file cannot be read or has an error in it (with its line): nothing
 * should be done then, as a list that is half read leaves files out.  With -ua it only adds to what is looked
 * through anyway: it need not be there, and what is wrong with it is a warning. */
int conf_read(struct conf *conf, const struct root *root, const struct options *options);
void conf_release(struct conf *conf);

/* True if PATH (absolute, inside the root) is to be left alone.  A directory that is need not be
 * walked. */
bool conf_blacklisted(const struct conf *conf, const char *path);

#endif
