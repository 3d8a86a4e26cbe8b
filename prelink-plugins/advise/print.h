/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Printing findings; see advise.h. */
#ifndef ADVISE_PRINT_H
#define ADVISE_PRINT_H

#include "advise/finding.h"
#include "json.h"

/* Prints those of FINDINGS that were chosen to standard output.  1 where one of them is wrong, or was asked
 * for by name, or if they could not be written; else 0. */
int findings_print(const struct findings *findings, size_t programs, unsigned verbose, bool json);

/* FINDINGS as text, by path; see advise_texts(). */
json_t *findings_texts(const struct findings *findings);

#endif
