/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a store has a plan for a program, as prelink-run asks before it starts it. */
#ifndef KNOWN_H
#define KNOWN_H

#include <stdbool.h>

/* True where the store in DIRECTORY has a plan for the file at PROGRAM, as it is now, and nothing was
 * seen since that is still to be learnt.  What cannot have one (a static program, one of another
 * machine) is known, too. */
bool known(const char *directory, const char *program);

#endif
