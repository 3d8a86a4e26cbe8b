/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether somebody looks at this process's system calls (seccomp(2)), and may end it for one that it does not
 * know: a sandbox that the program was started in, or put itself into before it calls dlopen. */
#ifndef RTLD_FILTERED_H
#define RTLD_FILTERED_H

#include <stdbool.h>

/* False only where the kernel says that nobody does (proc(5), /proc/PID/status).  It is asked by
 * no other system calls than ld.so makes for each library that it loads.  The answer is good
 * until the program goes on. */
bool system_calls_filtered(void);

#endif
