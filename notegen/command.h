/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of notegen.  Each is a file of its own that defines its options (argp), runs, and is
 * listed in main.c's table. */
#ifndef COMMAND_H
#define COMMAND_H

#include <argp.h>

struct command {
	const char *name;
	const char *summary;               /* one line, for --help */
	int (*run)(int argc, char **argv); /* argv[0] is "notegen NAME"; returns the exit status */
};

extern const struct command add_command, show_command, remove_command, check_command, record_command,
	suggest_command;

/* The exit status of a command that has done what it could: 1 if it had to say why not everything. */
int command_status(void);

#endif
