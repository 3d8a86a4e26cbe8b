/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking the kernel; see resident.h. */
#include "resident.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Bytes.  Giving pages back costs two threads interrupts and both of them faults: with half of this, a run
 * over a whole system takes half as long again; with four times this it is hardly quicker. */
enum { MUCH = 128 << 20 };

bool resident_is_much(void)
{
	unsigned long size, all, files = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	bool known = statm && fscanf(statm, "%lu %lu %lu", &size, &all, &files) == 3;

	if (statm)
		fclose(statm);
	return !known || (uint64_t)files * (uint64_t)sysconf(_SC_PAGESIZE) > MUCH;
}
