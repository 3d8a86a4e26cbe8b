/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory the pages of mapped files take now. */
#ifndef RESIDENT_H
#define RESIDENT_H

#include <stdbool.h>

/* Of a whole system's files, only the tables of a few are in use at a time: true when those that are mapped
 * should give their pages back (elf_image_relax()), as they take more than 128 MB.  Also true where that is
 * not known. */
bool resident_is_much(void);

#endif
