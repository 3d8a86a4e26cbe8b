/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Diagnostics; see diag.h. */
#include "diag.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *diag_tool = "?";

static atomic_bool failed;
static _Thread_local bool is_lenient, is_silent; /* set by diag_lenient(), diag_silent() */

/* The lines that were said, a tree of strings: nobody reads one twice.  Beyond SAID_MAX
 * they are no longer kept. */
enum { SAID_MAX = 1 << 14 };
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static void *said;
static size_t said_count;

void diag_put(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\x%02x", *c);
		else
			putc(*c, out);
	}
}

bool diag_terminal(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* True the first time for LINE. */
static bool is_new(const char *line)
{
	pthread_mutex_lock(&said_lock);
	bool first = !tfind(line, &said, compare_lines);
	char *kept = first && said_count < SAID_MAX ? strdup(line) : NULL;
	said_count += kept && tsearch(kept, &said, compare_lines);
	pthread_mutex_unlock(&said_lock);
	return first;
}

static void say(const char *path, const char *kind, const char *reason, const char *format, va_list arguments)
{
	char *line = NULL, *message = NULL;
	size_t length = 0;

	if (is_silent)
		return;
	if (is_lenient)
		kind = "warning: ";
	else if (!*kind)
		failed = true;
	if (vasprintf(&message, format, arguments) < 0)
		return;
	FILE *out = open_memstream(&line, &length);
	if (out) {
		const char *clear = diag_terminal() ? "\r\033[K" : ""; /* a progress bar may be there */

		fprintf(out, "%s%s: ", clear, diag_tool);
		if (path) {
			diag_put(out, path);
			fputs(": ", out);
		}
		fputs(kind, out);
		diag_put(out, message);
		if (reason)
			fprintf(out, ": %s", reason);
		putc('\n', out);
		if (fclose(out) == 0 && is_new(line) && write(STDERR_FILENO, line, length) < 0)
			failed = true; /* standard error is gone: only the exit status can tell */
	}
	free(line);
	free(message);
}

void diag_lenient(bool lenient)
{
	is_lenient = lenient;
}

void diag_silent(bool silent)
{
	is_silent = silent;
}

int diag_error(const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(path, "", NULL, format, arguments);
	va_end(arguments);
	return -1;
}

const char *diag_reason(int error)
{
	switch (error) {
	case EMEDIUMTYPE: return "not a regular file";
	case EOVERFLOW: return "it is larger than what is looked at";
	}
	return strerror(error);
}

int diag_errno(const char *path, const char *format, ...)
{
	const char *reason = diag_reason(errno);
	va_list arguments;

	va_start(arguments, format);
	say(path, "", reason, format, arguments);
	va_end(arguments);
	return -1;
}

void diag_warn(const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(path, "warning: ", NULL, format, arguments);
	va_end(arguments);
}

void diag_set_failed(void)
{
	failed = true;
}

bool diag_failed(void)
{
	return failed;
}
