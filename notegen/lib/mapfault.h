/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files are read through mappings (elf_image.h).  Where somebody makes one shorter meanwhile, or the disk
 * fails to deliver it, reading memory raises SIGBUS.  Sizes were right when they were checked, so no check of
 * ours prevents that; this makes an error of it that concerns that file alone:
 *
 *     mapfault_catch();                  // once, in main(), before any file is opened
 *     unsigned faults = mapfault_count();
 *     ... read what is mapped, and make something of it ...
 *     if (mapfault_count() != faults)
 *             ... throw that away ...
 *
 * The whole mapping becomes zeros, and the instruction goes on; what was decoded and checked before was
 * copied, so that only bytes are wrong.  One line on standard error says so and names the file, as
 * diag_error() would have, and diag_failed() is true from then on.  Who keeps mappings asks for each whether
 * it is still the file: mapfault_in(). */
#ifndef MAPFAULT_H
#define MAPFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void mapfault_catch(void);

/* To be called by who maps SIZE bytes of the file at PATH, from OFFSET on, to START. */
void mapfault_watch(const void *start, size_t size, uint64_t offset, const char *path);

/* Faults so far, in all threads. */
unsigned mapfault_count(void);

/* True if some of the SIZE bytes at START, a mapping, are zeros in the place of what
 * the file would have had. */
bool mapfault_in(const void *start, size_t size);

/* To be called by who gives SIZE bytes at START back to the kernel: what is mapped
 * there next is another file. */
void mapfault_forget(const void *start, size_t size);

#endif
