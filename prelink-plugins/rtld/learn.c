/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling what was loaded; see learn.h. */
#include "learn.h"

#include <stddef.h>

#include "filtered.h"
#include "kernel.h"
#include "text.h"

enum { PATH_ROOM = 4096 };

/* The lines in the making: not on a stack, which may be a thread's small one.  ld.so's lock is held.  Mapped
 * when it is first needed. */
static char *lines;
static size_t used;
static bool whole; /* all of it had room, and nothing in it ends a line */

static void add_line(char kind, const char *rest, size_t length)
{
	if (length == 0 || length > PATH_ROOM) {
		whole = false;
		return;
	}
	lines[used++] = kind;
	lines[used++] = ' ';
	for (size_t i = 0; i < length; i++) {
		whole &= rest[i] != '\n';
		lines[used++] = rest[i];
	}
	lines[used++] = '\n';
}

/* The program, and NAME if it is not NULL, in one write, so that processes that write at once do not mix. */
static void append(const struct environment *environment, const char *name)
{
	struct statx st;

	if (system_calls_filtered() || kernel_limited(RLIMIT_FSIZE)) /* it would end by SIGXFSZ */
		return;
	if (!lines)
		lines = kernel_mmap(3 * (PATH_ROOM + 3), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1);
	if (!lines)
		return;
	long length = kernel_readlink("/proc/self/exe", lines + 2, PATH_ROOM);

	used = 0;
	whole = length < PATH_ROOM;
	add_line('P', lines + 2, length > 0 ? (size_t)length : 0);
	if (environment->library_path && *environment->library_path)
		add_line('L', environment->library_path, length_of(environment->library_path));
	if (name)
		add_line('O', name, length_of(name));
	/* Whoever learns may take the file away before it is written to: then there is a new one. */
	for (int tries = 0; whole && tries < 3; tries++) {
		int fd = kernel_open(environment->learn,
				     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0)
			return;
		/* Root, with a user's environment, adds nothing to what that one has put there. */
		if (kernel_stat(fd, &st) == 0 && S_ISREG(st.stx_mode) && st.stx_uid == environment->uid)
			kernel_write(fd, lines, used);
		bool kept = kernel_stat(fd, &st) < 0 || !(st.stx_mask & STATX_NLINK) || st.stx_nlink;

		kernel_close(fd);
		if (kept)
			return;
	}
}

void learn_program(const struct environment *environment)
{
	append(environment, NULL);
}

void learn_object(const struct environment *environment, const char *name)
{
	if (name[0] == '/')
		append(environment, name);
}
