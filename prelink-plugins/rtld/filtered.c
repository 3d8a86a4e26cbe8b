/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether system calls are filtered; see filtered.h. */
#include "filtered.h"

#include "kernel.h"

static const char wanted[] = "\nSeccomp:\t";

bool system_calls_filtered(void)
{
	char text[256]; /* the stack may be a thread's small one */
	int fd = kernel_open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	unsigned known = 0; /* characters of WANTED that came last */
	bool filtered = fd < 0;
	long size = 0;

	if (fd < 0)
		return true;
	while (known < sizeof wanted && (size = kernel_read(fd, text, sizeof text)) > 0)
		for (long i = 0; i < size && known < sizeof wanted; i++)
			if (known == sizeof wanted - 1) {
				filtered = text[i] != '0';
				known++;
			} else {
				known = text[i] == wanted[known] ? known + 1 : text[i] == '\n';
			}
	kernel_close(fd);
	return filtered || size < 0; /* without such a line this kernel has no filters */
}
