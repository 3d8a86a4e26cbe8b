/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling what was loaded; see learn.h. */
#include "learn.h"

#include <fcntl.h>
#include <stddef.h>

#include "machine.h"

enum { PATH_ROOM = 4096 };

/* "P program\nO name\n" in one write, so that processes that write at once do not mix; NAME may be NULL. */
static void append(const char *file, const char *name)
{
	char line[2 * PATH_ROOM + 8];
	size_t used = 2;
	long length = machine_readlink("/proc/self/exe", line + 2, PATH_ROOM);

	if (length <= 0 || length >= PATH_ROOM)
		return;
	line[0] = 'P';
	line[1] = ' ';
	used += (size_t)length;
	line[used++] = '\n';
	if (name) {
		line[used++] = 'O';
		line[used++] = ' ';
		for (; *name && used < sizeof line - 1; name++) {
			if (*name == '\n')
				return;
			line[used++] = *name;
		}
		line[used++] = '\n';
	}
	int fd = machine_open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	machine_write(fd, line, used);
	machine_close(fd);
}

void learn_program(const struct environment *environment)
{
	append(environment->learn, NULL);
}

void learn_object(const struct environment *environment, const char *name)
{
	if (name[0] == '/')
		append(environment->learn, name);
}
