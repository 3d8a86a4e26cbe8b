/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Diagnostics: what both tools say on standard error.
 *
 * Say it once, where it is found: the layer that sees an error prints it, its callers only pass
 * the failure on.  Every line reads
 *
 *     TOOL: PATH: what was being done: why it failed; what to do next
 *
 * and is one line whatever the path holds: control characters in it are printed as \xNN.
 * A line is said once, however often it is met.
 * All functions may be called from several threads at once; a line is written by one write(2). */
#ifndef DIAG_H
#define DIAG_H

#include <stdbool.h>
#include <stdio.h>

/* The tool's name, printed first on every line.  Set by main() before anything else. */
extern const char *diag_tool;

/* Something was refused or failed: the run goes on where it can, and ends with exit status 1.
 * PATH may be NULL where no file is concerned.  Always returns -1, so that callers can
 * `return diag_error(...)`. */
int diag_error(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What ERROR, an errno, means: strerror(3)'s words, or those for what root_open() adds to it. */
const char *diag_reason(int error);

/* Like diag_error(), followed by ": " and diag_reason(errno) as it was on entry. */
int diag_errno(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Worth knowing, but nothing failed: the exit status stays. */
void diag_warn(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on, in this thread, what is wrong is worth knowing only: it is about what nobody asked for. */
void diag_lenient(bool lenient);

/* From now on, in this thread, nothing is said, and nothing failed: it is about what somebody
 * wants to be left alone. */
void diag_silent(bool silent);

/* Writes TEXT to OUT with control characters as \xNN: a path that cannot garble a terminal or a table. */
void diag_put(FILE *out, const char *text);

/* For who has said an error by itself, as a signal handler has to. */
void diag_set_failed(void);

/* True if standard error is a terminal on which what was drawn can be drawn over (TERM is not "dumb"). */
bool diag_terminal(void);

/* True once diag_error() or diag_errno() has been called: main() turns it into exit status 1. */
bool diag_failed(void);

#endif
