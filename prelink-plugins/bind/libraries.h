/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bind: what every relocation of a library resolves to in its own scope. */
#ifndef BIND_LIBRARIES_H
#define BIND_LIBRARIES_H

#include "bind/bind.h"

/* Binds each library of TABLE that is to be rewritten, by JOBS threads at once; what could not be is
 * OUTCOME_FAILED, after a message.  An ld.so that cannot be moved loses its place (loader.h).  The caller
 * frees the result (bind_free()); ROOT and TABLE outlive it. */
struct bind *bind_libraries(const struct root *root, const struct object_table *table, unsigned jobs);

#endif
