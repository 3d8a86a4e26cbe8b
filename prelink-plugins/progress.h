/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bar on standard error, where that is a terminal; else nothing at all.
 *
 *     progress_begin(&progress, "binding", count);
 *     progress_show(&progress, path, done);           // as each is done
 *     progress_end(&progress); */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct progress {
	const char *what; /* "prelinking" */
	size_t total, done;
	long long next; /* not drawn again before this time, nanoseconds of CLOCK_MONOTONIC */
	bool shown;
	pthread_mutex_t lock;
};

void progress_begin(struct progress *progress, const char *what, size_t total);
/* DONE of the total are done, PATH is the last of them.  May be called from several threads. */
void progress_show(struct progress *progress, const char *path, size_t done);
void progress_end(struct progress *progress);

#endif
