/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for one file after the other.
 *
 *     data = scratch_take(size, &room);   // size at most SCRATCH_MAX
 *     scratch_give(data, room);           // kept for the next file
 *     scratch_release();                  // before the thread ends
 *
 * Who works on thousands of files and gives each one's memory back to the kernel pays more for that than for
 * the work: every page is faulted in and zeroed again, and every page that goes interrupts the other threads'
 * processors.  Each thread has its own, and only that thread may give back what it took; of the large ones, a
 * few are kept for all threads. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

/* Of larger files, copies share with the file what they do not change: slower, but in little memory
 * (elf_image_clone()). */
#define SCRATCH_MAX ((size_t)32 << 20)

/* SIZE bytes, with whatever lies in them; bytes that there are really in ROOM.  NULL with errno set. */
void *scratch_take(size_t size, size_t *room);
void scratch_give(void *data, size_t room);

/* Gives back to the kernel what this thread holds and does not use, and what is kept for all. */
void scratch_release(void);

#endif
