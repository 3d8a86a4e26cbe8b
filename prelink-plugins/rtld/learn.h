/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling `prelink --learn` what was loaded and had no plan: lines of text, appended to the file that
 * PRELINK_LEARN names.  "P FILE" is the program, as /proc/self/exe says; after it, "L PATH" is its
 * LD_LIBRARY_PATH, and "O FILE" what it loaded with dlopen. */
#ifndef RTLD_LEARN_H
#define RTLD_LEARN_H

#include "environment.h"
#include "text.h"

SELDOM void learn_program(const struct environment *environment);
SELDOM void learn_object(const struct environment *environment, const char *name);

#endif
