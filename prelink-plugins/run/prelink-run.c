/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink-run: starts a program with the run-time module and the caller's own store of plans.
 *
 *     prelink-run CMD [ARG...]
 *
 * The program takes this process's place: its exit status, signals, streams and terminal are as if it had
 * been started directly.  Where its plans have still to be made, a process of its own is left behind, away
 * from the terminal, which waits for the program to end and then calls `prelink --learn`; where nothing has
 * to be learnt, nothing stays.
 *
 * It is static and small, as it is in front of every start: it reads the first bytes of the program and one
 * table of the store, and allocates nothing but strings. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/known.h"

/* A way to write down what --print-env prints: for each variable BEFORE, NAME=VALUE, AFTER and a line's end,
 * with a character of ESCAPED in it behind ESCAPE. */
struct form {
	const char *name, *head, *before, *after, *escaped, *escape;
	bool system; /* for whatever user: the system's store, and nothing is learnt */
};

static const struct form forms[] = {
	{ "plain", "", "", "", "", "", false },
	{ "shell", "", "export '", "'", "'", "'\\", false },
	/* environment.d(5), which replaces variables in values. */
	{ "environment.d", "", "", "", "$", "$", false },
	/* systemd.exec(5): specifiers, but no variables, are replaced. */
	{ "systemd", "[Service]\n", "Environment=\"", "\"", "%", "%", true },
	/* Dockerfile, whose ENV replaces variables. */
	{ "docker", "", "ENV \"", "\"", "$", "\\", true },
};
enum { FORMS = sizeof forms / sizeof *forms };

/* What it takes of the command line and the environment. */
struct run {
	bool status, forget, no_children;
	const struct form *print_env; /* how; NULL: not asked for */
	char **command;               /* CMD and its arguments */
	char program[PATH_MAX];
	char binary[PATH_MAX];    /* what the kernel maps for it: `program`, or a script's interpreter */
	char directory[PATH_MAX]; /* of the user's store */
};

static const char usage[] =
	"Usage: prelink-run [OPTION...] CMD [ARG...]\n"
	"Start CMD fast: by plans that are made when it has run once, in one's own store.\n"
	"\n"
	"      --status       say how CMD's next start goes, and start nothing\n"
	"      --forget       forget CMD's plans, and start nothing\n"
	"      --print-env[=plain|shell|environment.d|systemd|docker]\n"
	"                     print the variables that do the same, for others to set\n"
	"      --no-children  only CMD itself: its children start as ever\n"
	"      --help         print this\n"
	"      --version      print the version\n"
	"\n"
	"Called by another name, it starts the program of that name that follows in PATH.\n"
	"Exit status: CMD's; 126 it cannot be run, 127 it is not there, 2 usage error.\n";

static int fail(int status, const char *about, const char *what)
{
	fprintf(stderr, "prelink-run: %s: %s: %s\n", about, what, strerror(errno));
	return status;
}

/* The form NAME; ends the process where there is none. */
static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < FORMS; i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	fprintf(stderr, "prelink-run: --print-env=%s: no such form; --help lists them\n", name);
	exit(2);
}

static void parse(struct run *run, int argc, char **argv)
{
	int at = 1;

	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (strcmp(argv[at], "--status") == 0)
			run->status = true;
		else if (strcmp(argv[at], "--forget") == 0)
			run->forget = true;
		else if (strcmp(argv[at], "--print-env") == 0)
			run->print_env = &forms[0];
		else if (strncmp(argv[at], "--print-env=", 12) == 0)
			run->print_env = find_form(argv[at] + 12);
		else if (strcmp(argv[at], "--no-children") == 0)
			run->no_children = true;
		else if (strcmp(argv[at], "--help") == 0) {
			fputs(usage, stdout);
			exit(fflush(stdout) ? 1 : 0);
		} else if (strcmp(argv[at], "--version") == 0) {
			puts("prelink-run (" PACKAGE_STRING ")");
			exit(fflush(stdout) ? 1 : 0);
		} else if (argv[at][2] == '\0') {
			at++;
			break;
		} else {
			fprintf(stderr, "prelink-run: %s: no such option; --help lists them\n", argv[at]);
			exit(2);
		}
	}
	run->command = argv + at;
	if (!argv[at] && !run->print_env) {
		fputs("prelink-run: name a program to start; --help says more\n", stderr);
		exit(2);
	}
}

/* True if both are one file. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Finds NAME as execvp(3) does, but for this very program, which may be in PATH under that name.  False
 * with errno where it is not there. */
static bool find_program(const char *name, char *program)
{
	const char *path = getenv("PATH");
	struct stat own, st;
	bool known = stat("/proc/self/exe", &own) == 0;
	int why = ENOENT;

	if (strchr(name, '/'))
		return snprintf(program, PATH_MAX, "%s", name) < PATH_MAX && access(program, X_OK) == 0;
	for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; at; at = *at ? at + 1 : NULL) {
		size_t length = strcspn(at, ":");

		if (snprintf(program, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "", name) <
			    PATH_MAX &&
		    stat(program, &st) == 0 && S_ISREG(st.st_mode) && !(known && same_file(&own, &st))) {
			if (access(program, X_OK) == 0)
				return true;
			why = EACCES;
		}
		at += length;
	}
	errno = why;
	return false;
}

/* The words of the line by which the script PATH names its interpreter, at most ROOM;
 * 0 where it is no script. */
static size_t script_line(const char *path, char line[256], char *word[], size_t room)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, line, 255);
	size_t count = 0;
	char *rest = line + 2, *end;

	if (fd >= 0)
		close(fd);
	if (length < 2 || memcmp(line, "#!", 2))
		return 0;
	line[length] = '\0';
	end = strchrnul(line, '\n');
	*end = '\0';
	while (count < room && (word[count] = strtok_r(rest, " \t", &rest)))
		count++;
	return count;
}

/* Follows `program` to what the kernel maps for it in the end: a script to its interpreter,
 * env(1) to what it starts. */
static void find_binary(struct run *run)
{
	char line[256], *word[8];

	strcpy(run->binary, run->program);
	for (int depth = 0; depth < 5; depth++) {
		size_t count = script_line(run->binary, line, word, sizeof word / sizeof *word), at = 0;

		if (count == 0)
			return;
		if (strcmp(basename(word[0]), "env") == 0)
			for (at = 1; at < count && (word[at][0] == '-' || strchr(word[at], '='));)
				at++;
		if (at == count || strlen(word[at]) >= PATH_MAX || !find_program(word[at], run->binary))
			return;
	}
}

/* True if nobody else can put links into DIRECTORY, or put something else in its place: root, called with the
 * environment of a user (sudo -E), writes nothing where that one may. */
static bool is_own(const char *directory)
{
	struct stat st;

	return stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The directory of the user's store, made where it is not there.  False where there can be none. */
static bool find_directory(struct run *run)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	bool in_cache = cache && *cache == '/';
	struct stat st;
	int length;

	if (in_cache)
		length = snprintf(run->directory, PATH_MAX - 16, "%s/prelink", cache);
	else if (home && *home == '/')
		length = snprintf(run->directory, PATH_MAX - 16, "%s/.cache/prelink", home);
	else
		return false;
	if (length >= PATH_MAX - 16 ||
	    (geteuid() == 0 && stat(in_cache ? cache : home, &st) == 0 && st.st_uid != 0))
		return false;
	for (char *slash = strchr(run->directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(run->directory, 0700);
		*slash = '/';
	}
	return mkdir(run->directory, 0700) == 0 || (errno == EEXIST && is_own(run->directory));
}

/* GLIBC_TUNABLES with room in the static TLS block: beside an audit module, ld.so gives start-up libraries
 * and what is preloaded a surplus of some 1.9 KB only (glibc 2.33 and later know the variable). */
static void make_tls_room(void)
{
	static const char room[] = "glibc.rtld.optional_static_tls=8192";
	const char *old = getenv("GLIBC_TUNABLES");
	char *text;

	if (!old || !*old)
		setenv("GLIBC_TUNABLES", room, 1);
	else if (!strstr(old, "glibc.rtld.optional_static_tls") && asprintf(&text, "%s:%s", old, room) > 0) {
		setenv("GLIBC_TUNABLES", text, 1);
		free(text);
	}
}

/* The run-time module as LD_AUDIT names it: with $LIB, so that programs of the other class find their own,
 * where what is installed has that. */
static const char *module_name(void)
{
	return access(MODULES "/" OWN_LIB "/prelink-rtld.so", R_OK) == 0 ? MODULES "/$LIB/prelink-rtld.so" :
									   RUNTIME_MODULE;
}

/* What makes a program find the module and the store.  False where somebody else's audit module is asked for:
 * the two would not go together. */
static bool set_environment(const struct run *run)
{
	const char *audit = getenv("LD_AUDIT");
	char path[PATH_MAX + 16];

	if (audit && *audit && strcmp(audit, RUNTIME_MODULE) && strcmp(audit, module_name()))
		return false;
	setenv("LD_AUDIT", module_name(), 1);
	snprintf(path, sizeof path, "%s/store", run->directory);
	setenv("PRELINK_STORE", path, 1);
	snprintf(path, sizeof path, "%s/seen", run->directory);
	setenv("PRELINK_LEARN", path, 1);
	if (run->no_children)
		setenv("PRELINK_RTLD_ONLY", "1", 1);
	make_tls_room();
	return true;
}

/* Prints the variable NAME, which is set, as FORM wants it. */
static void print_variable(const struct form *form, const char *name)
{
	printf("%s%s=", form->before, name);
	for (const char *at = getenv(name); *at; at++)
		if (!strchr(form->escaped, *at))
			putchar(*at);
		else
			printf("%s%c%s", form->escape, *at, *at == '\'' ? "'" : "");
	printf("%s\n", form->after);
}

static int print_environment(const struct form *form)
{
	static const char *const name[] = { "LD_AUDIT", "PRELINK_STORE", "PRELINK_LEARN", "PRELINK_RTLD_ONLY",
					    "GLIBC_TUNABLES" };

	fputs(form->head, stdout);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (getenv(name[i]) && !(form->system && strncmp(name[i], "PRELINK_", 8) == 0))
			print_variable(form, name[i]);
	return fflush(stdout) ? fail(1, "standard output", "writing") : 0;
}

/* --- learning --- */

/* In the process that stays behind: waits until the process of PIDFD has ended, then makes the plans. */
static void learn(const struct run *run, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	/* Whoever waits for the end of one of the program's streams is not to wait for us. */
	if (dup2(pidfd, 3) == 3 && syscall(SYS_close_range, 4u, ~0u, 0u) == 0)
		end.fd = 3;
	if (chdir("/") == 0) {
		while (poll(&end, 1, -1) < 0 && errno == EINTR)
			;
		unsetenv("LD_AUDIT");
		execl(PRELINK, "prelink", "--learn", run->directory, (char *)NULL);
	}
	_exit(1);
}

/* Leaves a process behind that learns.  It is nobody's child that the program could be told of. */
static void leave_learner(const struct run *run)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t child = pidfd < 0 ? -1 : fork();

	if (child == 0) {
		if (setsid() >= 0 && fork() == 0)
			learn(run, pidfd);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
}

/* --- asking --- */

/* What the store has for it is prelink's to say, which sees whether that is still true. */
static int say_status(const struct run *run)
{
	const char *path = getenv("LD_LIBRARY_PATH");
	char *store, *library_path;

	if (!known(run->directory, run->binary)) {
		printf("%s: it has no plan yet, or more was seen since: its next start learns\n",
		       run->binary);
		return fflush(stdout), 1;
	}
	if (asprintf(&store, "--store=%s/store", run->directory) > 0 &&
	    asprintf(&library_path, "--ld-library-path=%s", path ? path : "") > 0)
		execl(PRELINK, "prelink", "--status", store, library_path, run->binary, (char *)NULL);
	return fail(126, PRELINK, "starting it");
}

static int forget(const struct run *run)
{
	execl(PRELINK, "prelink", "--learn", run->directory, run->binary, (char *)NULL);
	return fail(126, PRELINK, "starting it");
}

int main(int argc, char **argv)
{
	const char *own = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	bool by_link = strcmp(own, "prelink-run") != 0;
	struct run run = { .command = argv };

	if (!by_link)
		parse(&run, argc, argv);
	else
		argv[0] = (char *)own;
	if (run.command[0] && !find_program(run.command[0], run.program))
		return fail(errno == ENOENT ? 127 : 126, run.command[0], "looking for it in PATH");
	find_binary(&run);
	bool stored = find_directory(&run);
	if (run.status || run.forget)
		return run.status ? say_status(&run) : forget(&run);
	bool active = stored && access(RUNTIME_MODULE, R_OK) == 0 && set_environment(&run);
	if (run.print_env)
		return active ? print_environment(run.print_env) :
				fail(1, run.directory, "the store, or the run-time module, cannot be used");
	if (active && !known(run.directory, run.binary))
		leave_learner(&run);
	execv(run.program, run.command);
	return fail(126, run.program, "starting it");
}
