/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What compilers, and libgcc's divisions, call without being asked, on some machines.  The linker
 * leaves out what nobody calls. */
#include <stddef.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN void *memset(void *to, int byte, size_t size);
HIDDEN void *memset(void *to, int byte, size_t size)
{
	for (unsigned char *at = to; size; size--)
		*at++ = (unsigned char)byte;
	return to;
}

HIDDEN void *memcpy(void *restrict to, const void *restrict from, size_t size);
HIDDEN void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	unsigned char *at = to;

	for (const unsigned char *byte = from; size; size--)
		*at++ = *byte++;
	return to;
}

/* By a division by 0, of which there is none. */
HIDDEN int raise(int signal);
HIDDEN int raise(int signal)
{
	(void)signal;
	__builtin_trap();
}
