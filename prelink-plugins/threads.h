/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pass in several threads. */
#ifndef THREADS_H
#define THREADS_H

/* Calls WORK with ARGUMENT in up to COUNT threads at once, of which this one is the first, and returns when
 * all calls have. */
void threads_run(unsigned count, void (*work)(void *argument), void *argument);

#endif
