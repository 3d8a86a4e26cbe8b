/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matching and expanding path patterns; see pattern.h.  A component is fnmatch(3)'s business. */
#include "pattern.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"

/* A pattern split at its slashes. */
struct components {
	char *text;  /* the pattern, its slashes replaced by NUL; owned */
	char **part; /* points into text; array owned */
	size_t count;
};

static bool is_deep(const char *part)
{
	return strcmp(part, "**") == 0;
}

static bool is_literal(const char *part)
{
	return part[strcspn(part, "*?[\\")] == '\0';
}

static char any_name[] = "*";

static void split(struct components *c, const char *path)
{
	char *rest, *part;

	*c = (struct components){ .text = xstrdup(path) };
	c->part = xcalloc(strlen(path) / 2 + 2, sizeof *c->part);
	for (rest = c->text; (part = strsep(&rest, "/"));)
		if (*part && !(is_deep(part) && c->count && is_deep(c->part[c->count - 1])))
			c->part[c->count++] = part;
	/* `**` stands for directories: at the end of a pattern, a file's own name follows. */
	if (c->count && is_deep(c->part[c->count - 1]))
		c->part[c->count++] = any_name;
}

static void components_release(struct components *c)
{
	free(c->text);
	free(c->part);
}

/* What is wrong with the bracket expression at TEXT[0] == '[', NULL and its end in *END otherwise. */
static const char *check_bracket(const char *text, const char **end)
{
	const char *at = text + 1;

	if (*at == '!' || *at == '^')
		at++;
	if (*at == ']')
		at++;
	for (; *at && *at != '/'; at++) {
		if (*at == ']') {
			*end = at;
			return NULL;
		}
		if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')) {
			const char close[] = { at[1], ']', '\0' };
			const char *inner = strstr(at + 2, close);

			if (!inner || memchr(at, '/', (size_t)(inner - at)))
				return "has a [ without its ] (in the same path component)";
			at = inner + 1;
		} else if (*at == '\\' && at[1] && at[1] != '/') {
			at++;
		}
	}
	return "has a [ without its ] (in the same path component)";
}

/* Whether the component of LENGTH bytes at PART has `**` and something else. */
static bool has_mixed_deep(const char *part, size_t length)
{
	return length > 2 && memmem(part, length, "**", 2);
}

/* What is wrong with PATTERN, in which no braces are left; NULL if it is well-formed. */
static const char *check_alternative(const char *pattern)
{
	const char *problem;

	if (pattern[0] != '/')
		return "is not absolute";
	if (pattern[strlen(pattern) - 1] == '/')
		return "ends with a slash: it has to match files";
	for (const char *at = pattern; *at == '/';) {
		size_t length = strcspn(++at, "/");

		if ((length == 1 && at[0] == '.') || (length == 2 && memcmp(at, "..", 2) == 0))
			return "has a component . or ..";
		if (has_mixed_deep(at, length))
			return "has ** beside other characters: it has to be a path component of its own";
		for (const char *end = at + length; at < end; at++) {
			if (*at == '[' && (problem = check_bracket(at, &at)))
				return problem;
			if (*at == '\\' && ++at == end)
				return "has a backslash at the end of a path component";
		}
	}
	return NULL;
}

/* Bounds on what a pattern can cost. */
enum { MAX_BRACES = 16, MAX_ALTERNATIVES = 64 };

/* What follows the character, escaped character or bracket expression at AT.  A bracket that never ends
 * counts as a character: check_alternative() finds it. */
static const char *skip_one(const char *at)
{
	const char *end;

	if (*at == '[' && !check_bracket(at, &end))
		return end + 1;
	return at + (at[0] == '\\' && at[1] ? 2 : 1);
}

/* Adds to LIST each of the patterns without braces that PATTERN stands for; DEPTH braces were replaced on
 * the way to it.  Returns NULL, or what is wrong. */
static const char *expand_braces(const char *pattern, int depth, struct path_list *list)
{
	const char *open = pattern, *close, *problem = NULL;
	int level = 1;

	while (*open && *open != '{')
		open = skip_one(open);
	if (*open == '\0') {
		if (list->count == MAX_ALTERNATIVES)
			return "stands for more than 64 alternatives";
		path_list_add(list, pattern);
		return NULL;
	}
	if (depth == MAX_BRACES)
		return "has more than 16 braces";
	for (close = open + 1; *close; close = skip_one(close)) {
		level += (*close == '{') - (*close == '}');
		if (level == 0)
			break;
	}
	if (*close == '\0')
		return "has a { without its }";
	for (const char *start = open + 1, *end = start; !problem && start <= close; start = ++end) {
		for (level = 0; end < close && (level || *end != ','); end = skip_one(end))
			level += (*end == '{') - (*end == '}');

		char *text = xasprintf("%.*s%.*s%s", (int)(open - pattern), pattern, (int)(end - start),
				       start, close + 1);

		problem = expand_braces(text, depth + 1, list);
		free(text);
	}
	return problem;
}

const char *pattern_alternatives(const char *pattern, struct path_list *list)
{
	if (strlen(pattern) >= PATH_MAX)
		return "is longer than a path can be";
	return expand_braces(pattern, 0, list);
}

const char *pattern_check(const char *pattern)
{
	struct path_list alternatives = { 0 };
	const char *problem = pattern_alternatives(pattern, &alternatives);

	for (size_t i = 0; i < alternatives.count && !problem; i++)
		problem = check_alternative(alternatives.path[i]);
	path_list_release(&alternatives);
	return problem;
}

static bool part_matches(const char *part, const char *name)
{
	return fnmatch(part, name, FNM_PERIOD) == 0;
}

static bool match_alternative(const char *pattern, const char *path)
{
	struct components p, n;
	size_t i = 0, j = 0;
	size_t deep = SIZE_MAX, resume = 0; /* the last `**` met, and the name it would take next */

	split(&p, pattern);
	split(&n, path);
	while (j < n.count) {
		if (i < p.count && is_deep(p.part[i])) {
			deep = i++;
			resume = j;
		} else if (i < p.count && part_matches(p.part[i], n.part[j])) {
			i++, j++;
		} else if (deep != SIZE_MAX && n.part[resume][0] != '.') {
			/* Let that `**` take one name more; those before it need not be tried again. */
			i = deep + 1;
			j = ++resume;
		} else {
			break;
		}
	}
	bool matches = j == n.count && i == p.count;
	components_release(&p);
	components_release(&n);
	return matches;
}

bool pattern_match(const char *pattern, const char *path)
{
	struct path_list alternatives = { 0 };
	bool matches = false;

	if (!expand_braces(pattern, 0, &alternatives))
		for (size_t i = 0; i < alternatives.count && !matches; i++)
			matches = match_alternative(alternatives.path[i], path);
	path_list_release(&alternatives);
	return matches;
}

/* Work that one pattern may take, in directory entries read; opening a directory counts as much as
 * WORK_DIRECTORY of them.  A developer's /usr holds some 200,000 in 20,000 directories; a tree of links
 * to itself, made to keep us busy, has any number. */
#define WORK_MAX 1000000
#define WORK_DIRECTORY 20

struct expansion {
	const struct root *root;
	const char *text; /* the pattern, for messages */
	const struct components *pattern;
	struct path_list *list;
	bool any;    /* directories match too */
	size_t work; /* done so far; above WORK_MAX: given up */
	int status;
};

static void expand(struct expansion *e, const char *directory, size_t part);

static bool is_nothing(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

/* Counts COST; false once it is too much, which is said once. */
static bool may_work(struct expansion *e, const char *directory, size_t cost)
{
	bool could = e->work <= WORK_MAX;

	if (could && (e->work += cost) > WORK_MAX)
		e->status = diag_error(directory,
				       "expanding the pattern %s: too many directories to read; name "
				       "them more closely",
				       e->text);
	return e->work <= WORK_MAX;
}

static void add_if_wanted(struct expansion *e, const char *path)
{
	struct stat st;

	if (root_stat(e->root, path, &st) == 0) {
		if (e->any || !S_ISDIR(st.st_mode))
			path_list_add(e->list, path);
	} else if (!is_nothing(errno)) {
		e->status = diag_errno(path, "expanding the pattern %s", e->text);
	}
}

/* The entry NAME of DIRECTORY, against component PART. */
static void expand_entry(struct expansion *e, const char *directory, const struct dirent *entry, size_t part)
{
	const struct components *p = e->pattern;
	bool may_be_link = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
	bool deep = is_deep(p->part[part]);
	struct stat st;

	if (deep ? entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN :
		   !part_matches(p->part[part], entry->d_name))
		return;
	char *path = xasprintf("%s/%s", directory, entry->d_name);
	if (deep) {
		bool is_directory = entry->d_type == DT_DIR;

		if (entry->d_type == DT_UNKNOWN && root_lstat(e->root, path, &st) == 0)
			is_directory = S_ISDIR(st.st_mode);
		if (is_directory && entry->d_name[0] != '.')
			expand(e, path, part);
	} else if (part + 1 < p->count) {
		if (entry->d_type == DT_DIR || may_be_link)
			expand(e, path, part + 1);
	} else if (may_be_link) {
		add_if_wanted(e, path);
	} else if (e->any || entry->d_type != DT_DIR) {
		path_list_add(e->list, path);
	}
	free(path);
}

/* Adds what the components of the pattern from PART on match below DIRECTORY ("" for the root). */
static void expand(struct expansion *e, const char *directory, size_t part)
{
	const struct components *p = e->pattern;
	char *path = xstrdup(directory);

	/* Components that name one thing need no reading of directories. */
	for (; part < p->count && is_literal(p->part[part]); part++) {
		char *longer = xasprintf("%s/%s", path, p->part[part]);

		free(path);
		path = longer;
	}
	if (part == p->count) {
		add_if_wanted(e, path);
		free(path);
		return;
	}
	if (is_deep(p->part[part]))
		expand(e, path, part + 1); /* as no directory at all */

	if (!may_work(e, path, WORK_DIRECTORY)) {
		free(path);
		return;
	}
	int fd = root_open(e->root, *path ? path : "/", O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!stream) {
		if (!is_nothing(errno))
			e->status = diag_errno(path, "expanding the pattern %s: reading the directory",
					       e->text);
		if (fd >= 0)
			close(fd);
		free(path);
		return;
	}
	while ((entry = readdir(stream)) && may_work(e, path, 1))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			expand_entry(e, path, entry, part);
	closedir(stream);
	free(path);
}

static int expand_pattern(const struct root *root, const char *pattern, bool any, struct path_list *list)
{
	struct components components;
	struct expansion e = {
		.root = root, .text = pattern, .pattern = &components, .list = list, .any = any
	};
	struct path_list alternatives = { 0 };
	const char *problem = pattern_check(pattern);

	if (problem)
		return diag_error(NULL, "pattern %s: %s", pattern, problem);
	expand_braces(pattern, 0, &alternatives);
	for (size_t i = 0; i < alternatives.count; i++) {
		split(&components, alternatives.path[i]);
		expand(&e, "", 0);
		components_release(&components);
	}
	path_list_release(&alternatives);
	path_list_sort(list);
	return e.status;
}

int pattern_expand(const struct root *root, const char *pattern, struct path_list *list)
{
	return expand_pattern(root, pattern, false, list);
}

int pattern_expand_any(const struct root *root, const char *pattern, struct path_list *list)
{
	return expand_pattern(root, pattern, true, list);
}
