/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a cache of what a run found and did. */
#ifndef CACHE_BUILD_H
#define CACHE_BUILD_H

#include "cache/inputs.h"

/* Makes a cache of the table and the inputs. */
void cache_build(struct cache *cache, const struct object_table *table, const struct cache_inputs *inputs,
		 const struct root *root, const struct options *options);
/* True if a run with OPTIONS leaves one at PATH in ROOT.  Who may not write the system's, and
 * names none, goes without. */
bool cache_is_kept(const struct root *root, const char *path, const struct options *options);

#endif
