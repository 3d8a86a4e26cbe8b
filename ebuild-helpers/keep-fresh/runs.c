/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running prelink; see runs.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "runs.h"

#define LOWEST_PRIORITY 19
/* ioprio_set(2): of a process, only when the disk is idle. */
#define IO_OF_PROCESS 1
#define IO_WHEN_IDLE (3 << 13)

static volatile sig_atomic_t running; /* the process to hand signals on to, 0: none */

bool run_has_journal(void)
{
	const char *journal = getenv("JOURNAL_STREAM");

	return journal && *journal;
}

static void tell(const char *line)
{
	if (!run_has_journal() && access("/dev/log", W_OK) == 0) {
		openlog("prelink", 0, LOG_DAEMON);
		syslog(LOG_INFO, "%s", line);
		return;
	}
	fputs("prelink: ", stdout);
	diag_put(stdout, line);
	putchar('\n');
	fflush(stdout);
}

void run_say(const char *format, ...)
{
	va_list arguments;
	char *line;

	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	if (line)
		tell(line);
	free(line);
}

/* COMMAND's file, allocated; NULL after a message.  Directories of PATH that depend on where we are do not
 * count. */
static char *find_command(const char *command)
{
	const char *path = getenv("PATH");
	char *all = xasprintf("%s:" SBINDIR ":" BINDIR, path ? path : ""), *rest = all, *directory;

	while ((directory = strsep(&rest, ":"))) {
		char *file = xasprintf("%s/%s", directory, command);

		if (file[0] == '/' && file[1] != '/' && access(file, X_OK) == 0) {
			free(all);
			return file;
		}
		free(file);
	}
	free(all);
	diag_error(command, "it is neither in PATH nor in " SBINDIR "; install it");
	return NULL;
}

static void hand_on(int number)
{
	int saved = errno;

	if (running)
		kill(running, number);
	errno = saved;
}

/* In the new process. */
static _Noreturn void start(char **argv, int output, int lock)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	const int ends[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		sigaction(ends[i], &usual, NULL);
	/* Who may not lower them runs as it is. */
	if (setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY))
		errno = 0;
	syscall(SYS_ioprio_set, IO_OF_PROCESS, 0, IO_WHEN_IDLE);
	if ((output < 0 || (dup2(output, 1) == 1 && dup2(output, 2) == 2)) &&
	    (lock < 0 || fcntl(lock, F_SETFD, 0) == 0))
		execv(argv[0], argv);
	diag_errno(argv[0], "starting it");
	_exit(127);
}

/* Tells every line that comes out of FD, which is closed. */
static void tell_all(int fd)
{
	FILE *stream = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while (stream && (length = getline(&line, &size, stream)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		tell(line);
	}
	free(line);
	if (stream)
		fclose(stream);
}

/* Starts ARGV and waits for its end: its exit status, or -1 after a message. */
static int run_argv(char **argv, int lock, bool openly)
{
	struct sigaction handler = { .sa_handler = hand_on, .sa_flags = SA_RESTART };
	int ends[2] = { -1, -1 }, status;
	pid_t process;

	if (!openly && pipe2(ends, O_CLOEXEC))
		return diag_errno(argv[0], "making a pipe for what it says");
	fflush(stdout);
	process = fork();
	if (process == 0)
		start(argv, ends[1], lock);
	running = process > 0 ? process : 0;
	sigaction(SIGTERM, &handler, NULL);
	sigaction(SIGINT, &handler, NULL);
	sigaction(SIGHUP, &handler, NULL);
	if (!openly)
		close(ends[1]);
	if (process < 0) {
		if (!openly)
			close(ends[0]);
		return diag_errno(argv[0], "starting it");
	}
	if (!openly)
		tell_all(ends[0]);
	while (waitpid(process, &status, 0) < 0)
		if (errno != EINTR)
			return diag_errno(argv[0], "waiting for it");
	running = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_command(const char *command, const char *const *word, size_t count, int lock, bool openly)
{
	char *file = find_command(command), *shown = xstrdup(command);
	int status;

	if (!file) {
		free(shown);
		return -1;
	}
	char **argv = xcalloc(count + 2, sizeof *argv);
	argv[0] = file;
	for (size_t i = 0; i < count; i++) {
		char *longer = xasprintf("%s %s", shown, word[i]);

		free(shown);
		shown = longer;
		argv[i + 1] = (char *)word[i];
	}
	if (!openly)
		run_say("%s", shown);
	status = run_argv(argv, lock, openly);
	if (status > 0 && !openly)
		run_say("%s: exit status %d", shown, status);
	free(argv);
	free(shown);
	free(file);
	return status;
}
