/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running prelink, and telling what it says. */
#ifndef RUNS_H
#define RUNS_H

#include <stdbool.h>
#include <stddef.h>

/* True if systemd started us: what we print goes to the journal. */
bool run_has_journal(void);

/* One line for the journal (standard output, under systemd), the system log, or, where there is none,
 * standard output; there `prelink: ' stands in front of it. */
void run_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs COMMAND, a program of this system that is found in PATH or SBINDIR, with COUNT words behind it, at
 * the lowest priority.  What it says is told as by run_say(); OPENLY: is left to whoever started us.  A
 * signal that is to end us is handed on to it.  LOCK: a descriptor that it inherits, -1 for none.  Its exit
 * status, or -1 after a message. */
int run_command(const char *command, const char *const *word, size_t count, int lock, bool openly);

#endif
