/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The progress bar; see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"

#define DRAW_EVERY 100000000LL /* nanoseconds */

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20 ? 80 : size.ws_col;
}

void progress_begin(struct progress *progress, const char *what, size_t total)
{
	*progress =
		(struct progress){ .what = what, .total = total, .shown = total && isatty(STDERR_FILENO) };
	pthread_mutex_init(&progress->lock, NULL);
}

/* One line, its end cut off where it would not fit; the cursor goes back to its start, so that a message
 * takes its place (diag.c clears what is left of it). */
static void draw(const struct progress *p, const char *path)
{
	char bar[21], *line = NULL;
	size_t filled = p->done >= p->total ? sizeof bar - 1 : p->done * (sizeof bar - 1) / p->total, length;
	FILE *out = open_memstream(&line, &length);

	if (!out)
		return;
	memset(bar, ' ', sizeof bar - 1);
	memset(bar, '#', filled);
	bar[sizeof bar - 1] = '\0';
	fprintf(out, "%s [%s] %zu/%zu ", p->what, bar, p->done, p->total);
	diag_put(out, path);
	if (fclose(out) == 0)
		fprintf(stderr, "\r\033[K%.*s\r", columns() - 1, line);
	free(line);
}

void progress_show(struct progress *progress, const char *path, size_t done)
{
	if (!progress->shown)
		return;
	pthread_mutex_lock(&progress->lock);
	if (done > progress->done)
		progress->done = done;
	long long time = now();
	if (time >= progress->next) {
		progress->next = time + DRAW_EVERY;
		draw(progress, path);
	}
	pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	pthread_mutex_destroy(&progress->lock);
}
