/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding a program's plan in a store (store_format.h), from inside the program. */
#ifndef RTLD_STORE_H
#define RTLD_STORE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "environment.h"
#include "planned.h"

/* Takes the plan that the store has for the program whose map is PROGRAM: the store that the environment names,
 * else the system's.  Four system calls where there is one, and one where there is none.  What cannot be trusted
 * (not a regular file of root's or of this user's, or writable by others) counts as not there.  True where the store
 * knows the program, be it as one that can have no plan. */
bool store_find(const struct environment *environment, const struct link_map *program);

#endif
