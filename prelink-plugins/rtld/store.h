/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding a program's plan in a store (store_format.h), from inside the program. */
#ifndef RTLD_STORE_H
#define RTLD_STORE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "environment.h"
#include "planned.h"

/* Takes the plan that the store has for the program whose map is PROGRAM: the store that the environment
 * names, else the system's.  Six system calls where that has one; else four, and nothing of the store is
 * mapped; one where there is no store.  What cannot be trusted (not a regular file of root's or of this
 * user's, or writable by others) counts as not there.  True where the store knows the program, be it as one
 * that can have no plan; what has none is only known while something is to be learnt. */
bool store_find(const struct environment *environment, const struct link_map *program);

/* The path at which the store says that the program whose plan was taken finds what it asks for by NAME,
 * and where there is a file of the size that it had; NULL where the search was not frozen for this
 * program, or not with this LD_LIBRARY_PATH, or the file is gone or another: then ld.so is to search
 * itself.  One system call an answer. */
const char *store_found(const struct environment *environment, const char *name);

#endif
