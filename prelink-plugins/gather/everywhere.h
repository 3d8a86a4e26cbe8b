/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -ua: where prelinked files could be, whatever the configuration and the cache know of them: the whole tree,
 * on local file systems, and on others what the configuration names.  A directory in it that has a cache of
 * its own, a chroot that was prelinked with --root, is left to who did that. */
#ifndef EVERYWHERE_H
#define EVERYWHERE_H

#include "gather/conf.h"

/* True if the walk is to go into the directory at PATH inside ROOT, which is not on the
 * device DEVICE or below. */
bool everywhere_enters(const struct conf *conf, const struct root *root, const char *path, dev_t device);

#endif
