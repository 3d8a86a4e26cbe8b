/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether and how a tree is kept prelinked: its /etc/sysconfig/prelink, /etc/default/prelink or
 * /etc/conf.d/prelink, the first that is there.
 *
 * The file looks like shell, as such files do, and is never run: lines of KEY=value are read, with the quotes
 * of a shell, and all else is an error, said with file and line.  It may be that of a tree somebody else
 * made: only options that say how to lay a tree out are taken from it, none that names another thing to do,
 * another tree, or a file to write. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>

#include "root.h"

enum prelinking {
	PRELINKING_NO,    /* also where there is no such file */
	PRELINKING_AUTO,  /* what somebody prelinked by hand stays prelinked */
	PRELINKING_STORE, /* plans beside the system, no file rewritten */
	PRELINKING_YES,
};

struct settings {
	enum prelinking prelinking;
	long full_interval; /* days between full layouts */
	char **option;      /* of every run of prelink; owned, as are the words */
	size_t option_count;
};

/* Reads them.  0, or -1 after a message for each mistake; release them in either case. */
int settings_read(struct settings *settings, const struct root *root);
void settings_release(struct settings *settings);

#endif
