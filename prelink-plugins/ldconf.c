/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading ld.so.conf, as ldconfig does (glibc's elf/ldconfig.c, parse_conf). */
#include "ldconf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"

#define LD_SO_CONF "/etc/ld.so.conf"

/* Files that include each other end here. */
#define FILES_MAX 1000

struct reading {
	const struct root *root;
	struct path_list *list;
	size_t files; /* read so far */
};

static int read_conf(struct reading *reading, const char *path);

/* PATTERN of an include line in the file PATH: relative ones are relative to its directory. */
static int read_included(struct reading *reading, const char *path, const char *pattern)
{
	struct path_list files = { 0 };
	char *absolute = pattern[0] == '/' ? xstrdup(pattern)
		       : xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, pattern);
	int status = pattern_expand(reading->root, absolute, &files);

	for (size_t i = 0; i < files.count; i++)
		if (read_conf(reading, files.path[i]))
			status = -1;
	path_list_release(&files);
	free(absolute);
	return status;
}

static void add_directory(struct path_list *list, char *text)
{
	char *end = text + strcspn(text, " \t=,:"); /* "=libc5" was a kind of library once */

	while (end > text + 1 && end[-1] == '/')
		end--;
	*end = '\0';
	if (text[0] == '/') {
		char *path = xasprintf("%s%s", text, text[1] ? "/" : "");

		path_list_add(list, path);
		free(path);
	}
}

static int read_line(struct reading *reading, const char *path, char *line)
{
	char *word, *rest;
	int status = 0;

	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t\f\r\v");
	if (strncmp(line, "include", 7) == 0 && isblank((unsigned char)line[7])) {
		for (rest = line + 8; (word = strsep(&rest, " \t"));)
			if (*word && read_included(reading, path, word))
				status = -1;
	} else if (*line && !(strncmp(line, "hwcap", 5) == 0 && isblank((unsigned char)line[5]))) {
		add_directory(reading->list, line);
	}
	return status;
}

static int read_conf(struct reading *reading, const char *path)
{
	int fd = root_open(reading->root, path, O_RDONLY | O_NONBLOCK), status = 0;
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	char *shown = root_outside(reading->root, path), *line = NULL;
	size_t size = 0;

	if (!in) {
		if (errno != ENOENT)
			status = diag_errno(shown, "reading the directories of libraries");
		if (fd >= 0)
			close(fd);
	} else if (++reading->files > FILES_MAX) {
		if (reading->files == FILES_MAX + 1)
			status = diag_error(shown, "reading the directories of libraries: more than %d files "
					    "are included; see whether they include each other", FILES_MAX);
	} else {
		while (getline(&line, &size, in) >= 0)
			if (read_line(reading, path, line))
				status = -1;
		if (ferror(in))
			status = diag_errno(shown, "reading the directories of libraries");
	}
	free(line);
	free(shown);
	if (in)
		fclose(in);
	return status;
}

int ldconf_read(struct path_list *list, const struct root *root)
{
	struct reading reading = { .root = root, .list = list };

	return read_conf(&reading, LD_SO_CONF);
}
