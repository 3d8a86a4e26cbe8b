/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text in the run-time module, which has no C library. */
#ifndef RTLD_TEXT_H
#define RTLD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Of functions that few processes ever call: small rather than quick, and away from the others. */
#define SELDOM __attribute__((cold))

bool equal(const char *a, const char *b);

/* If TEXT starts with PREFIX, what follows it; else NULL. */
const char *after(const char *text, const char *prefix);

bool contains(const char *text, const char *word);

/* Bytes before its NUL. */
size_t length_of(const char *text);

const char *last_component(const char *path);

/* For PRELINK_RTLD=verbose: one line on standard error, in one write(2) unless a name is very
 * long.  THIRD may be NULL. */
SELDOM void say(const char *first, const char *second, const char *third);

#endif
