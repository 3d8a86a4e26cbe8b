/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --status: does a program's next start take the fast path, and if not, why?
 *
 * Compares the plan in the program's file with what ld.so would load today, as the run-time module will. */
#ifndef STATUS_H
#define STATUS_H

#include "placed.h"

/* Prints a line for each program of TABLE that is listed, or with JSON one array of objects.  MODULE is the path of
 * the run-time module inside ROOT.  Scopes, plugins included, have been found.  0 where every one of the programs
 * takes the fast path with all its plugins, else 1; with ALL, those that were left without a plan do not count. */
int status_print(struct object_table *table, const struct root *root, const char *module, bool all, bool json);

#endif
