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

/* Columns; on less, nothing is drawn. */
#define NARROWEST 20

#define DRAW_EVERY 100000000LL /* nanoseconds */

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Of the terminal; 0 where there is no terminal on which a line could be drawn over, or not enough of it. */
static size_t columns(void)
{
	struct winsize size;

	if (!diag_terminal())
		return 0;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col == 0)
		return 80;
	return size.ws_col < NARROWEST ? 0 : size.ws_col;
}

void progress_begin(struct progress *progress, const char *what, size_t total)
{
	*progress = (struct progress){ .what = what, .total = total, .shown = total && columns() };
	pthread_mutex_init(&progress->lock, NULL);
}

/* PATH as diag_put() prints it, allocated; NULL without memory. */
static char *printable(const char *path)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	diag_put(out, path);
	return fclose(out) == 0 ? text : NULL;
}

/* One line; of a path that does not fit, the end: its name tells more than its directory.  The cursor goes
 * back to the line's start, so that a message takes its place (diag.c clears what is left of it). */
static void draw(const struct progress *p, const char *path)
{
	static const char full[] = "####################";
	size_t width = columns();
	int filled = (int)(p->done >= p->total ? sizeof full - 1 : p->done * (sizeof full - 1) / p->total);
	char *shown = printable(path), *head = NULL;

	if (shown && width &&
	    asprintf(&head, "%s [%-20.*s] %zu/%zu ", p->what, filled, full, p->done, p->total) >= 0) {
		size_t room = width - 1 > strlen(head) + 3 ? width - 1 - strlen(head) : 0;
		const char *end = shown;

		if (strlen(shown) > room) {
			end += strlen(shown) - (room ? room - 3 : 0);
			while ((*end & 0xc0) == 0x80) /* in the middle of a UTF-8 character */
				end++;
		}
		fprintf(stderr, "\r\033[K%.*s%s%s\r", (int)(width - 1), head,
			room && end > shown ? "..." : "", end);
		free(head);
	}
	free(shown);
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
