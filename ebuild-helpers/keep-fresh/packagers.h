/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a package manager is at work in a tree: dpkg, apt, rpm and portage each hold a lock then.
 *
 * We only look (F_GETLK) and never take such a lock, since they give up where somebody else has it. */
#ifndef PACKAGERS_H
#define PACKAGERS_H

#include "root.h"

/* The lock (as seen from outside the tree, allocated) that somebody else holds, NULL if there is none.  Who
 * started us, or started who started us, is nobody else: he waits for us. */
char *packagers_lock(const struct root *root);

#endif
