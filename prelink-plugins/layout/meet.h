/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which objects can ever be in one process: a square of bits, a row for each object of one machine.
 *
 * Two are together where the start-up scope and all plugin scopes of some program name both, or the natural
 * scope of a library does; but plugins of one program that are in the same `exclusive` group, and come into
 * that program in no other way, are not. */
#ifndef MEET_H
#define MEET_H

#include "object.h"

/* As the bit of an object: it is not of this machine. */
#define NOBODY SIZE_MAX

/* Zeroed: everyone meets everyone. */
struct meetings {
	uint64_t *row;        /* `count` rows of `words` words; owned; NULL: all meet all */
	const size_t *bit_of; /* by index in the table; NOBODY for objects of other machines */
	size_t count, words;
};

/* Fills in M from the scopes of the COUNT objects at MEMBER, which have the bits 0, 1 ...; BIT_OF says
 * so by index in the table. */
void meetings_find(struct meetings *m, struct object *const *member, size_t count, const size_t *bit_of);
bool meetings_has(const struct meetings *m, size_t bit, size_t who);
void meetings_release(struct meetings *m);

#endif
