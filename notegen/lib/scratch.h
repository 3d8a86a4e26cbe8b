/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for one file after the other.
 *
 *     data = scratch_take(size, &room);   // size at most SCRATCH_MAX
 *     scratch_give(data, room);           // kept for the next file
 *     scratch_release();                  // before the thread ends
 *
 * Who works on thousands of files and gives each one's memory back to the kernel pays more for that than for
 * the work: every page is faulted in and zeroed again, and every page that goes interrupts the other threads'
 * processors.  Each thread has its own, and only that thread may give back what it took. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

/* Few files are larger, and each thread holds on to several buffers of this size. */
#define SCRATCH_MAX ((size_t)4 << 20)

/* SIZE bytes, with whatever lies in them; bytes that there are really in ROOM.  NULL with errno set. */
void *scratch_take(size_t size, size_t *room);
void scratch_give(void *data, size_t room);

/* Gives back to the kernel what this thread holds and does not use. */
void scratch_release(void);

#endif
