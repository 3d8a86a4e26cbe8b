/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the configuration of prelink-maintain; see settings.h. */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"

#define FILE_MAX 65536 /* bytes; the one that is installed has some 600 */
#define DAYS_MAX 36500

/* Options that say how to lay a tree out: what PRELINK_OPTS may hold. */
static const struct allowed {
	const char *name;
	char letter; /* 0: it has none */
	bool argument;
} allowed[] = {
	{ "black-list", 'b', true },
	{ "conserve-memory", 'm', false },
	{ "config-file", 'c', true },
	{ "dereference", 'h', false },
	{ "dynamic-linker", 0, true },
	{ "force", 'f', false },
	{ "jobs", 'j', true },
	{ "layout-page-size", 0, true },
	{ "ld-library-path", 0, true },
	{ "libs-only", 0, false },
	{ "md5", 0, false },
	{ "one-file-system", 'l', false },
	{ "quick", 'q', false },
	{ "random", 'R', false },
	{ "seed", 0, true },
	{ "sha", 0, false },
	{ "sha256", 0, false },
	{ "verbose", 'v', false },
	{ "with-plugins", 0, false }, /* which prelink takes from older files */
	{ "with-unsafe", 0, false },
	{ "without-plugins", 0, false },
};

#define ALLOWED_COUNT (sizeof allowed / sizeof *allowed)

/* A line that is being read. */
struct line {
	char *where; /* FILE:LINE; owned */
	const char *at;
};

/* Opens PATH if it is a regular file, after a look at it: to open a device can do something, and to open a
 * FIFO waits.  -1 with errno set. */
static int open_regular(const struct root *root, const char *path)
{
	struct stat st;

	if (root_stat(root, path, &st))
		return -1;
	int fd = S_ISREG(st.st_mode) ? root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY) : -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || !S_ISREG(st.st_mode))
		errno = EINVAL;
	return -1;
}

/* The whole of FD as text, allocated; NULL after a message. */
static char *read_text(int fd, const char *path)
{
	char *text = xmalloc(FILE_MAX + 1);
	size_t size = 0;
	ssize_t length = 1;

	while (length > 0 && size <= FILE_MAX) {
		length = read(fd, text + size, FILE_MAX + 1 - size);
		if (length > 0)
			size += (size_t)length;
	}
	if (length < 0) {
		diag_errno(path, "reading it");
	} else if (size > FILE_MAX) {
		diag_error(path, "reading it: it has more than %d bytes", FILE_MAX);
	} else if (memchr(text, '\0', size)) {
		diag_error(path, "reading it: it is no text");
	} else {
		text[size] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

static int wrong(const struct line *line, const char *what)
{
	return diag_error(line->where, "%s; a line is KEY=value, and nothing in it is run", what);
}

/* One piece of a value, up to QUOTE (0: not quoted), into TEXT, which has room.  0, or -1 after a message. */
static int read_piece(struct line *line, char quote, char *text, size_t *length)
{
	for (;; line->at++) {
		char letter = *line->at;

		if (quote && letter == quote) {
			line->at++;
			return 0;
		}
		if (!letter)
			return quote ? wrong(line, "the quote does not end") : 0;
		if (!quote && strchr(" \t'\"", letter))
			return 0;
		if (quote == '"' && letter == '\\' && line->at[1] && strchr("\"\\$`", line->at[1]))
			letter = *++line->at;
		else if (quote != '\'' && strchr(quote ? "$`" : "$`\\;&|<>()*?[]{}~#!", letter))
			return diag_error(line->where,
					  "'%c' stands for itself within single quotes only; nothing of "
					  "this file is run",
					  letter);
		text[(*length)++] = letter;
	}
}

/* The value after `KEY=`, allocated; NULL after a message. */
static char *read_value(struct line *line)
{
	char *text = xmalloc(strlen(line->at) + 1);
	size_t length = 0;

	while (*line->at && !strchr(" \t", *line->at)) {
		char quote = strchr("'\"", *line->at) ? *line->at++ : '\0';

		if (read_piece(line, quote, text, &length)) {
			free(text);
			return NULL;
		}
	}
	line->at += strspn(line->at, " \t");
	if (*line->at && *line->at != '#') {
		wrong(line, "there is more behind the value");
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

static const struct allowed *find_allowed(const char *name, size_t length, char letter)
{
	for (size_t i = 0; i < ALLOWED_COUNT; i++)
		if (letter ? allowed[i].letter == letter :
			     strlen(allowed[i].name) == length && !strncmp(allowed[i].name, name, length))
			return &allowed[i];
	return NULL;
}

/* True if WORD is an option that is allowed; *MORE: its argument is the next word. */
static bool option_allowed(const char *word, bool *more)
{
	const struct allowed *option;

	*more = false;
	if (word[0] != '-' || !word[1])
		return false;
	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");
		bool value = word[2 + length] == '=';

		option = find_allowed(word + 2, length, 0);
		*more = option && option->argument && !value;
		return option && (option->argument || !value);
	}
	for (const char *letter = word + 1; *letter; letter++) {
		option = find_allowed(NULL, 0, *letter);
		if (!option)
			return false;
		if (option->argument) {
			*more = !letter[1];
			return true;
		}
	}
	return true;
}

static void add_option(struct settings *settings, const char *word)
{
	settings->option = xreallocarray(settings->option, settings->option_count + 1,
					 sizeof *settings->option);
	settings->option[settings->option_count++] = xstrdup(word);
}

static void forget_options(struct settings *settings)
{
	for (size_t i = 0; i < settings->option_count; i++)
		free(settings->option[i]);
	free(settings->option);
	settings->option = NULL;
	settings->option_count = 0;
}

/* The words of VALUE, which is changed. */
static int set_options(struct settings *settings, const struct line *line, char *value)
{
	char *rest = value, *word;
	bool more = false;

	forget_options(settings);
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		if (more)
			more = false;
		else if (!option_allowed(word, &more))
			return diag_error(line->where,
					  "PRELINK_OPTS: '%s' is no option that says how to lay out; see "
					  "prelink-maintain(8)",
					  word);
		add_option(settings, word);
	}
	return more ? diag_error(line->where, "PRELINK_OPTS: the last option lacks its argument") : 0;
}

static int set_prelinking(struct settings *settings, const struct line *line, const char *value)
{
	if (strcmp(value, "yes") == 0)
		settings->prelinking = PRELINKING_YES;
	else if (strcmp(value, "store") == 0)
		settings->prelinking = PRELINKING_STORE;
	else if (strcmp(value, "auto") == 0)
		settings->prelinking = PRELINKING_AUTO;
	else if (strcmp(value, "no") == 0 || !*value)
		settings->prelinking = PRELINKING_NO;
	else
		return diag_error(line->where,
				  "PRELINKING is '%s'; it has to be yes or no, or store, or auto", value);
	return 0;
}

static int set_interval(struct settings *settings, const struct line *line, const char *value)
{
	char *end;
	long days = strtol(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || days > DAYS_MAX)
		return diag_error(line->where,
				  "PRELINK_FULL_TIME_INTERVAL is '%s'; it has to be a number of days", value);
	settings->full_interval = days;
	return 0;
}

static int set(struct settings *settings, const struct line *line, const char *key, char *value)
{
	if (strcmp(key, "PRELINKING") == 0)
		return set_prelinking(settings, line, value);
	if (strcmp(key, "PRELINK_OPTS") == 0)
		return set_options(settings, line, value);
	if (strcmp(key, "PRELINK_FULL_TIME_INTERVAL") == 0)
		return set_interval(settings, line, value);
	return diag_error(line->where, "%s: there is no such setting; see prelink-maintain(8)", key);
}

static int read_line(struct settings *settings, struct line *line)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t length;
	int result = -1;

	line->at += strspn(line->at, " \t");
	if (!*line->at || *line->at == '#')
		return 0;
	for (const char *at = line->at; *at; at++)
		if ((unsigned char)*at < ' ' && *at != '\t')
			return wrong(line, "there is a control character in it");
	length = strspn(line->at, letters);
	if (!length || line->at[length] != '=')
		return wrong(line, "this is no setting");
	char *key = xstrndup(line->at, length);
	line->at += length + 1;
	char *value = read_value(line);
	if (value)
		result = set(settings, line, key, value);
	free(value);
	free(key);
	return result;
}

/* Every line of TEXT, which is changed: one run shows every mistake. */
static int read_lines(struct settings *settings, const char *path, char *text)
{
	char *rest = text, *next;
	int result = 0;

	for (unsigned number = 1; (next = strsep(&rest, "\n")); number++) {
		struct line line = { .where = xasprintf("%s:%u", path, number), .at = next };

		if (read_line(settings, &line))
			result = -1;
		free(line.where);
	}
	return result;
}

static int read_file(struct settings *settings, int fd, const char *path)
{
	char *text = read_text(fd, path);
	int result = text ? read_lines(settings, path, text) : -1;

	free(text);
	return result;
}

int settings_read(struct settings *settings, const struct root *root)
{
	static const char *const files[] = { "/etc/sysconfig/prelink", "/etc/default/prelink",
					     "/etc/conf.d/prelink" };
	int result = 0, fd = -1;

	*settings = (struct settings){ .full_interval = 14 };
	for (size_t i = 0; i < sizeof files / sizeof *files && fd < 0 && !result; i++) {
		char *outside = root_outside(root, files[i]);

		fd = open_regular(root, files[i]);
		if (fd >= 0)
			result = read_file(settings, fd, outside);
		else if (errno != ENOENT && errno != ENOTDIR)
			result = diag_errno(outside, "opening the configuration (a regular file)");
		free(outside);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

void settings_release(struct settings *settings)
{
	forget_options(settings);
}
