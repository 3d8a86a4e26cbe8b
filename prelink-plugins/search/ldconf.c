/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading ld.so.conf, as ldconfig does (glibc's elf/ldconfig.c, parse_conf). */
#include "search/ldconf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "pattern.h"

#define LD_SO_CONF "/etc/ld.so.conf"

struct reading {
	const struct root *root;
	struct path_list *list;
	struct path_list files; /* read so far: none is read twice, so that they may include each other */
	struct pattern_tree *tree;
	bool full; /* there are too many of them */
};

static int read_conf(struct reading *reading, const char *path);

/* PATTERN of an include line in the file PATH: relative ones are relative to its directory. */
static int read_included(struct reading *reading, const char *path, const char *pattern)
{
	struct path_list files = { 0 };
	char *absolute = pattern[0] == '/' ?
				 xstrdup(pattern) :
				 xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, pattern);
	int status = pattern_tree_expand(reading->tree, absolute, &files);

	for (size_t i = 0; i < files.count && !reading->full; i++)
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
	if (text[0] == '/' && list->count < LIMIT_DIRECTORIES) {
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

static bool was_read(const struct reading *reading, const char *path)
{
	for (size_t i = 0; i < reading->files.count; i++)
		if (strcmp(reading->files.path[i], path) == 0)
			return true;
	return false;
}

static int read_lines(struct reading *reading, const char *path, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	int status = 0;

	while (!reading->full && !pattern_tree_ended(reading->tree) && getline(&line, &size, in) >= 0)
		if (read_line(reading, path, line))
			status = -1;
	free(line);
	return status;
}

static int read_conf(struct reading *reading, const char *path)
{
	if (was_read(reading, path))
		return 0;
	char *shown = root_outside(reading->root, path);
	FILE *in = NULL;
	int status = 0;

	if (reading->files.count == LIMIT_CONF_FILES) {
		reading->full = true;
		status = diag_error(shown,
				    "reading the directories of libraries: more than %d files are included; "
				    "merge some",
				    LIMIT_CONF_FILES);
	} else {
		path_list_add(&reading->files, path);
		in = root_open_text(reading->root, path);
		if (in)
			status = read_lines(reading, path, in);
		if (in ? ferror(in) : errno != ENOENT)
			status = diag_errno(shown, "reading the directories of libraries");
	}
	if (in)
		fclose(in);
	free(shown);
	return status;
}

int ldconf_read(struct path_list *list, const struct root *root)
{
	struct reading reading = { .root = root, .list = list, .tree = pattern_tree_new(root) };
	int status = read_conf(&reading, LD_SO_CONF);

	pattern_tree_free(reading.tree);
	path_list_release(&reading.files);
	return status;
}
