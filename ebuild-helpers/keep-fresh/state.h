/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What prelink-maintain remembers of a tree, in its /var/lib/prelink:
 *
 *   active   there may be prelinked files (made before the first one is, removed when all are undone)
 *   stored   the store was made by us, and goes when it is not wanted any more
 *   full     its time is that of the last full layout
 *   pending  packages changed since the last run (made by the package managers' hooks)
 *   locks/   who works on the tree; nobody but its owner can enter, so nobody else can hold one of them
 *
 * The directory is opened once, inside the tree; what is in it is made anew, looked at and removed by name,
 * never opened, whatever somebody put there. */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>

#include "root.h"

#define STATE_DIRECTORY "/var/lib/prelink"

struct state {
	const struct root *root;
	int directory; /* -1: it is not there; set by state_open() */
	int lock;      /* -1: not held; set by state_lock() */
};

/* Opens the directory if it is there, or makes it.  0, or -1 after a message. */
int state_open(struct state *state, const struct root *root);
int state_make(struct state *state, const struct root *root);
void state_release(struct state *state);

bool state_has(const struct state *state, const char *name);
/* Days since NAME was made or touched, -1 if there is no such file. */
long state_age(const struct state *state, const char *name);
/* Makes NAME, with the time of now.  0, or -1 after a message. */
int state_set(const struct state *state, const char *name);
void state_clear(const struct state *state, const char *name);

/* Takes the lock, which ends with the last process that inherited it (state->lock), however that ends;
 * WAIT: when whoever has it is through.  1: somebody else has it; 0, or -1 after a message. */
int state_lock(struct state *state, bool wait);

#endif
