/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /etc/ld.so.conf: the directories that ldconfig visits.  ld.so never reads it; it stands in for
 * ld.so.cache in a tree that ldconfig has not visited yet. */
#ifndef LDCONF_H
#define LDCONF_H

#include "pattern.h"

/* Adds the directories of the tree's ld.so.conf, those of `include`d files in their place, each with a
 * slash at its end, to LIST.  0, also where there is no such file, or -1 after a message. */
int ldconf_read(struct path_list *list, const struct root *root);

#endif
