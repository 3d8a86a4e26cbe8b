/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen record: runs a program and writes down what it dlopens, and by whom.
 *
 * ld.so itself tells (LD_DEBUG=files): for each dlopen which object called it, and that the file then came
 * in, as its initialisers ran.  Children write logs of their own.  What ld.so does not start (static
 * programs) or does not let itself be watched in (set-id programs) leaves none. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "alloc.h"
#include "diag.h"
#include "found.h"
#include "outfile.h"
#include "pattern.h"
#include "root.h"

struct record {
	const char *output; /* NULL: standard output */
	bool append, exact;
	char **command;
	struct found_list found;
};

/* What was given to dlopen, and by whom: as ld.so knows them; owned. */
struct asked {
	char *name, *caller;
};

/* One log: what a process asked for, and what came in. */
struct log_state {
	struct asked *asked;
	size_t asked_count;
	struct path_list came; /* names of the objects whose initialisers were called */
};

enum { OPTION_APPEND = 256, OPTION_EXACT };

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "Write the manifests to FILE", 0 },
	{ "append", OPTION_APPEND, NULL, 0, "Keep what FILE says, and add what it does not", 0 },
	{ "exact", OPTION_EXACT, NULL, 0, "Name the files, without making patterns of them", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct record *record = state->input;

	switch (key) {
	case 'o': record->output = argument; return 0;
	case OPTION_APPEND: record->append = true; return 0;
	case OPTION_EXACT: record->exact = true; return 0;
	case ARGP_KEY_ARG:
		record->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!record->command)
			argp_error(state, "name a command to run");
		if (record->append && !record->output)
			argp_error(state, "--append needs -o FILE");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* The absolute name of the program that was called by NAME (argv[0]), allocated; NULL if there is none. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");

	name += *name == '-'; /* a login shell */
	if (strchr(name, '/'))
		return realpath(name, NULL);
	for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
		size_t length = strcspn(at, ":");
		char *file = xasprintf("%.*s/%s", (int)length, at, name);

		if (access(file, X_OK) == 0) {
			char *real = realpath(file, NULL);

			free(file);
			return real;
		}
		free(file);
		at += length + (at[length] == ':');
	}
	return NULL;
}

/* PATH with the links in its directory resolved, but not one that it is itself: that name outlives an
 * upgrade.  Allocated; NULL if there is no such directory. */
static char *settle(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	char *real = realpath(directory, NULL);
	char *result = real ? xasprintf("%s/%s", real[1] ? real : "", slash + 1) : NULL;

	free(directory);
	free(real);
	return result;
}

/* The regular file PATH, for reading; NULL with errno set. */
static FILE *open_file(const char *path)
{
	int fd = root_open_file(path, O_RDONLY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static bool starts_like_elf(const char *path)
{
	char magic[4] = "";
	int fd = root_open_file(path, O_RDONLY);
	bool result = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
		      memcmp(magic, "\177ELF", sizeof magic) == 0;

	if (fd >= 0)
		close(fd);
	return result;
}

/* The name under which NAME came in, NULL if it did not. */
static const char *find_came(const struct log_state *log, const char *name)
{
	for (size_t i = 0; i < log->came.count; i++) {
		const char *path = log->came.path[i], *slash = strrchr(path, '/');

		if (strcmp(path, name) == 0 || (!strchr(name, '/') && slash && strcmp(slash + 1, name) == 0))
			return path;
	}
	return NULL;
}

/* Adds what the log of one process says. */
static void evaluate(struct record *record, const struct log_state *log)
{
	for (size_t i = 0; i < log->asked_count; i++) {
		const struct asked *asked = &log->asked[i];
		const char *came = find_came(log, asked->name);
		char *host, *plugin;

		if (!came)
			continue; /* there is no such file: programs try many names */
		host = asked->caller[0] == '/' ? settle(asked->caller) : find_program(asked->caller);
		plugin = came[0] == '/' ? settle(came) : realpath(came, NULL);
		if (!host || !starts_like_elf(host))
			diag_warn(asked->name, "loaded by %s, whose file cannot be found; left out",
				  asked->caller);
		else if (!strchr(asked->name, '/'))
			found_add_soname(&record->found, host, asked->name);
		else if (!plugin)
			diag_warn(asked->name, "loaded by %s under a relative name; left out", asked->caller);
		else
			found_add_path(&record->found, host, plugin, record->exact);
		free(host);
		free(plugin);
	}
}

/* Cuts " [0]", the name space, off NAME. */
static char *cut_name_space(char *name)
{
	char *end = strrchr(name, '[');

	if (end && end > name)
		end[-1] = '\0';
	return name;
}

/* Takes in one line of a log, after the process number. */
static void read_line(struct log_state *log, char *line)
{
	static const char init[] = "calling init: ", file[] = "file=", by[] = ";  dynamically loaded by ";
	char *caller = strstr(line, by);

	if (strncmp(line, init, strlen(init)) == 0) {
		path_list_add(&log->came, line + strlen(init));
	} else if (strncmp(line, file, strlen(file)) == 0 && caller) {
		*caller = '\0';
		ALLOC_NEXT(log->asked, log->asked_count);
		log->asked[log->asked_count++] = (struct asked){
			.name = xstrdup(cut_name_space(line + strlen(file))),
			.caller = xstrdup(cut_name_space(caller + strlen(by))),
		};
	}
}

static void read_log(struct record *record, const char *path)
{
	struct log_state log = { 0 };
	FILE *file = open_file(path);
	char *line = NULL, *text;
	size_t size = 0;
	ssize_t length;

	if (!file) {
		diag_errno(path, "reading what ld.so wrote");
		return;
	}
	while ((length = getline(&line, &size, file)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		text = strchr(line, '\t');
		if (text)
			read_line(&log, text + 1);
	}
	fclose(file);
	free(line);
	evaluate(record, &log);
	for (size_t i = 0; i < log.asked_count; i++) {
		free(log.asked[i].name);
		free(log.asked[i].caller);
	}
	free(log.asked);
	path_list_release(&log.came);
}

/* Reads all logs in DIRECTORY and removes it.  The number of logs. */
static size_t read_logs(struct record *record, const char *directory)
{
	struct path_list logs = { 0 };
	DIR *stream = opendir(directory);
	struct dirent *entry;
	size_t count;

	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.') {
			char *path = xasprintf("%s/%s", directory, entry->d_name);

			path_list_add(&logs, path);
			free(path);
		}
	if (stream)
		closedir(stream);
	path_list_sort(&logs);
	for (size_t i = 0; i < logs.count; i++) {
		read_log(record, logs.path[i]);
		unlink(logs.path[i]);
	}
	rmdir(directory);
	count = logs.count;
	path_list_release(&logs);
	return count;
}

/* Runs the command with ld.so writing to DIRECTORY.  0, or -1 after a message. */
static int run_command(char **command, const char *directory)
{
	char *output = xasprintf("%s/ld.so", directory);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setenv("LD_DEBUG", "files", 1);
		setenv("LD_DEBUG_OUTPUT", output, 1);
		execvp(command[0], command);
		diag_errno(command[0], "starting it");
		_exit(127);
	}
	free(output);
	if (pid < 0)
		return diag_errno(command[0], "starting it");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return diag_errno(command[0], "waiting for it");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return diag_error(command[0], "it did not run (exit status 127)");
	if (WIFSIGNALED(status))
		diag_warn(command[0], "ended by signal %d; what it had loaded by then counts",
			  WTERMSIG(status));
	else if (WEXITSTATUS(status))
		diag_warn(command[0], "ended with exit status %d", WEXITSTATUS(status));
	return 0;
}

/* The whole of the file that is appended to, allocated; "" if there is none yet, NULL after a message. */
static char *read_old(const char *file, struct manifest_list *known)
{
	FILE *in = open_file(file);
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	if (!in)
		return errno == ENOENT ? xstrdup("") : (diag_errno(file, "reading it"), NULL);
	length = getdelim(&text, &size, '\0', in);
	fclose(in);
	if (length <= 0) {
		free(text);
		return xstrdup("");
	}
	if (manifest_parse(known, file, text, (size_t)length) == 0)
		return text;
	free(text);
	return NULL;
}

static int write_file(const char *file, const char *old, const char *text)
{
	struct root root;
	struct outfile out;
	int result = -1;

	if (root_open_tree(&root, NULL))
		return -1;
	char *path = root_inside(&root, file);

	if (outfile_begin(&out, &root, path, NULL) == 0) {
		if (outfile_write(&out, old, strlen(old)) == 0 &&
		    outfile_write(&out, text, strlen(text)) == 0)
			result = outfile_commit(&out);
		else
			outfile_abandon(&out);
	}
	free(path);
	root_release(&root);
	return result;
}

static void write_found(const struct record *record)
{
	struct manifest_list known = { 0 };
	char *text = NULL, *old = record->append ? read_old(record->output, &known) : xstrdup("");
	size_t size;
	FILE *out = old ? open_memstream(&text, &size) : NULL;

	if (out) {
		size_t printed = found_print(&record->found, out, "recorded by notegen record", &known);

		fclose(out);
		if (printed == 0)
			diag_warn(NULL,
				  record->found.count ? "nothing that %s does not say already" :
							"the command dlopened nothing%s",
				  record->found.count ? record->output : "");
		else if (record->output)
			write_file(record->output, old, text);
		else
			fputs(text, stdout);
	}
	free(text);
	free(old);
	manifest_list_release(&known);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Runs COMMAND and writes manifests of what it and its children dlopened, one for each "
		       "object that called dlopen.",
	};
	struct record record = { 0 };
	const char *temporary = getenv("TMPDIR");

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &record);
	char *directory = xasprintf("%s/notegen-XXXXXX", temporary && *temporary ? temporary : "/tmp");

	if (!mkdtemp(directory)) {
		diag_errno(directory, "making a directory for what ld.so writes");
	} else {
		int failed = run_command(record.command, directory);
		size_t logs = read_logs(&record, directory);

		if (!failed && logs == 0)
			diag_error(record.command[0],
				   "ld.so wrote nothing: it is static, set-id, or no ELF program; "
				   "record what it starts instead");
		else if (!failed)
			write_found(&record);
	}
	free(directory);
	found_release(&record.found);
	return command_status();
}

const struct command record_command = { "record", "Run a program, write down what it loads", run };
