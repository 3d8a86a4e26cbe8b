/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pass that writes the store: the plan of every program that is wanted, in one file, and nothing else.
 *
 * Libraries stay as they are, wherever ld.so maps them; so no slot is given and nothing is rewritten.
 * Programs of one machine go into one store; those of another are said, once, and left out. */
#ifndef STORE_PASS_H
#define STORE_PASS_H

#include "object.h"
#include "options.h"
#include "progress.h"

/* Makes the plans of the programs in TABLE, whose scopes are known, and writes them to PATH inside ROOT,
 * unless this is a dry run; with -y, compares them with what is there.  Sets `no_plan` and `outcome` of each
 * program.  0, or -1 after a message. */
int store_programs(const struct root *root, struct object_table *table, const struct options *options,
		   const char *path);

#endif
