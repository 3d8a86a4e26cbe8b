/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading prelink.conf(5); see conf.h. */
#include "gather/conf.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "pattern.h"

/* Files included by one another: deeper than this is a loop. */
#define MAX_DEPTH 16

/* What makes a word a pattern, once its braces are expanded. */
#define SPECIAL "*?[\\"

/* Mistakes that are said. */
enum { MISTAKES_MAX = 1000 };

/* What all the files share. */
struct reading {
	struct pattern_tree *tree;
	unsigned mistakes;
	bool ended; /* it is too much: no file is read any more */
};

/* What is being read. */
struct reader {
	struct conf *conf;
	const struct root *root;
	const struct root *home; /* where the file lies: in the root, or on the running system */
	const char *path;        /* of the file, inside `home` */
	unsigned line;
	unsigned depth; /* of inclusion, from 1 */
	struct reading *all;
};

static int read_file(const struct reader *from, const struct root *home, const char *path);

/* Says what is wrong with the present line. */
static int line_error(const struct reader *r, const char *what, const char *word)
{
	char *outside = root_outside(r->home, r->path);

	if (++r->all->mistakes <= MISTAKES_MAX)
		diag_error(outside, "line %u: %s%s%s", r->line, what, word ? " " : "", word ? word : "");
	r->all->ended |= r->all->mistakes >= MISTAKES_MAX;
	free(outside);
	return -1;
}

static void add_text(char ***list, size_t *count, char *text)
{
	ALLOC_NEXT(*list, *count);
	(*list)[(*count)++] = text;
}

/* PATTERN with the directory part before its first special character resolved, so that a pattern under a
 * symbolic link (/lib -> usr/lib) matches the real paths that are compared with it.  Allocated. */
static char *resolve_prefix(const struct root *root, const char *pattern)
{
	size_t length = strcspn(pattern, SPECIAL);
	char *prefix = xstrdup(pattern), *real = NULL;

	if (!pattern[length]) {
		real = root_real(root, pattern);
		if (real) {
			free(prefix);
			return real;
		}
	}
	while (length > 1 && pattern[length - 1] != '/')
		length--;
	prefix[length] = '\0';
	real = root_real(root, prefix);
	free(prefix);
	if (!real)
		return xstrdup(pattern);
	char *result = xasprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, pattern + length);
	free(real);
	return result;
}

/* PATTERN has no braces any more. */
static void blacklist_one(struct conf *conf, const struct root *root, const char *pattern)
{
	char *own = xstrdup(pattern);
	size_t length = strlen(own);

	while (length > 1 && own[length - 1] == '/')
		own[--length] = '\0';
	add_text(&conf->blacklist, &conf->blacklist_count, own);
	if (own[0] != '/')
		return;
	char *real = resolve_prefix(root, own);
	if (strcmp(real, own) != 0)
		add_text(&conf->blacklist, &conf->blacklist_count, real);
	else
		free(real);
}

/* NULL, or what is wrong with PATTERN. */
static const char *blacklist(struct conf *conf, const struct root *root, const char *pattern)
{
	struct path_list words = { 0 };
	const char *wrong = pattern_alternatives(pattern, &words);

	if (!wrong && conf->blacklist_count + words.count > LIMIT_LEFT_ALONE)
		wrong = "is one more than are compared with each file";
	for (size_t i = 0; i < words.count && !wrong; i++)
		blacklist_one(conf, root, words.path[i]);
	path_list_release(&words);
	return wrong;
}

bool conf_blacklisted(const struct conf *conf, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < conf->blacklist_count; i++) {
		const char *pattern = conf->blacklist[i];

		if (strchr(pattern, '/') ? fnmatch(pattern, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0 :
					   fnmatch(pattern, name, 0) == 0)
			return true;
	}
	return false;
}

static void add_entry(struct conf *conf, const char *path, bool one_file_system, bool dereference)
{
	ALLOC_NEXT(conf->entry, conf->count);
	conf->entry[conf->count++] = (struct conf_entry){ xstrdup(path), one_file_system, dereference };
}

/* WORD, a path with nothing special in it but backslashes, without these; allocated. */
static char *unescape(const char *word)
{
	char *text = xstrdup(word), *out = text;

	for (; *word; word++) {
		if (*word == '\\' && word[1])
			word++;
		*out++ = *word;
	}
	*out = '\0';
	return text;
}

/* Adds to MATCH what WORD stands for in the tree: a pattern what is there of it, directories among it if ANY;
 * any other word itself, there or not. */
static int expand(const struct reader *r, const char *word, bool any, struct path_list *match)
{
	struct path_list words = { 0 };
	const char *wrong = pattern_alternatives(word, &words);
	int status = 0;

	for (size_t i = 0; i < words.count && !wrong && status == 0; i++) {
		const char *one = words.path[i];

		if (!one[strcspn(one, "*?[")]) {
			char *path = unescape(one);

			path_list_add(match, path);
			free(path);
		} else if (!(wrong = pattern_check(one))) {
			status = (any ? pattern_tree_expand_any : pattern_tree_expand)(r->all->tree, one,
										       match);
		}
	}
	path_list_release(&words);
	r->all->ended |= pattern_tree_ended(r->all->tree);
	return wrong ? line_error(r, wrong, word) : status;
}

/* A word without an option: what to walk.  A name that does not exist stays: gather says so. */
static int add_path(const struct reader *r, const char *word, bool one_file_system, bool dereference)
{
	struct path_list match = { 0 };
	int status = expand(r, word, true, &match);

	for (size_t i = 0; i < match.count; i++)
		add_entry(r->conf, match.path[i], one_file_system, dereference);
	path_list_release(&match);
	return status;
}

static int include(const struct reader *r, const char *word)
{
	struct path_list match = { 0 };

	r->all->ended |= r->conf->files.count >= LIMIT_CONF_FILES;
	if (r->all->ended)
		return line_error(r, "more files are included than are looked at; see", word);
	if (r->depth > MAX_DEPTH)
		return line_error(r, "files include one another in a circle; see", word);
	int status = expand(r, word, false, &match);

	for (size_t i = 0; i < match.count && !r->all->ended; i++)
		if (read_file(r, r->root, match.path[i]))
			status = -1;
	path_list_release(&match);
	return status;
}

/* Takes the next word off *TEXT: quotes and backslashes as in the shell, though a backslash outside quotes
 * stays before what is special in a pattern.  NULL at the end of the line or before a comment, and
 * WORD "" never means that.  Writes into the text. */
static int next_word(const struct reader *r, char **text, char **word)
{
	char *in = *text + strspn(*text, " \t\r\f\v"), *out = in, quote = '\0';

	*word = NULL;
	if (!*in || *in == '#')
		return 0;
	*word = out;
	for (; *in && (quote || !strchr(" \t\r\f\v", *in)); in++) {
		if (quote ? *in == quote : *in == '"' || *in == '\'') {
			quote = quote ? '\0' : *in;
		} else if (*in == '\\' && quote != '\'' && in[1]) {
			if (!quote && strchr("*?[]{},\\", in[1]))
				*out++ = '\\';
			*out++ = *++in;
		} else {
			*out++ = *in;
		}
	}
	if (quote)
		return line_error(r, "a quote is not closed", NULL);
	*text = *in ? in + 1 : in;
	*out = '\0';
	return 0;
}

static int read_line(const struct reader *r, char *text)
{
	bool one_file_system = false, dereference = false;
	char *word, option = '\0';

	while (next_word(r, &text, &word) == 0) {
		if (!word)
			return option ? line_error(r, "nothing follows the option", NULL) : 0;
		if (!option && word[0] == '-' && word[1] && !word[2] && strchr("lhbc", word[1])) {
			one_file_system |= word[1] == 'l';
			dereference |= word[1] == 'h';
			option = word[1];
			continue;
		}
		if ((option == 'l' || option == 'h') && (!strcmp(word, "-l") || !strcmp(word, "-h"))) {
			one_file_system = dereference = true;
			continue;
		}
		const char *wrong = option == 'b' && *word ? blacklist(r->conf, r->root, word) : NULL;

		if (wrong) {
			return line_error(r, wrong, word);
		} else if (option == 'b' && *word) {
			/* left alone, from now on */
		} else if (word[0] == '-') {
			return line_error(r, "only -l, -h, -b and -c are known here, not", word);
		} else if (word[0] != '/') {
			return line_error(r, "not an absolute path:", word);
		} else if (option == 'c') {
			if (include(r, word))
				return -1;
		} else if (add_path(r, word, one_file_system, dereference)) {
			return -1;
		}
		if (next_word(r, &text, &word))
			return -1;
		return word ? line_error(r, "one path a line (quote a name with spaces); what is", word) : 0;
	}
	return -1;
}

/* Reads the file PATH of HOME, which that of FROM includes. */
static int read_file(const struct reader *from, const struct root *home, const char *path)
{
	struct reader r = { from->conf, from->root, home, path, 0, from->depth + 1, from->all };
	char *outside = root_outside(home, path), *line = NULL;
	size_t room = 0;
	ssize_t length;
	int status = 0;
	FILE *file = root_open_text(home, path);

	if (!file) {
		status = diag_errno(outside, "reading the configuration");
		free(outside);
		return status;
	}
	if (home == r.root)
		path_list_add(&r.conf->files, path);
	while (errno = 0, !r.all->ended && (length = getline(&line, &room, file)) >= 0) {
		r.line++;
		if (memchr(line, '\0', (size_t)length)) {
			status = line_error(&r, "a NUL byte: this is not a text file", NULL);
			break;
		}
		line[strcspn(line, "\n")] = '\0';
		if (read_line(&r, line))
			status = -1;
	}
	if (ferror(file))
		status = diag_errno(outside, "reading the configuration");
	fclose(file);
	free(line);
	free(outside);
	return status;
}

/* The file PATH of HOME and what it includes: what their patterns cost together is bounded (pattern.h). */
static int read_all(struct conf *conf, const struct root *root, const struct root *home, const char *path)
{
	struct reading all = { .tree = pattern_tree_new(root) };
	int status = read_file(&(struct reader){ .conf = conf, .root = root, .all = &all }, home, path);

	pattern_tree_free(all.tree);
	return status;
}

/* The configuration that was named, and is not in the tree: a file of who prelinks it. */
static int read_outside(struct conf *conf, const struct root *root, const char *name)
{
	struct root system;

	if (root_open_tree(&system, NULL))
		return -1;
	char *path = root_inside(&system, name);
	int status = read_all(conf, root, &system, path);

	free(path);
	root_release(&system);
	return status;
}

int conf_read(struct conf *conf, const struct root *root, const struct options *options)
{
	static const char standard[] = "/etc/prelink.conf";
	struct stat st;
	char *path = root_inside(root, options->conf);
	int status = 0;

	*conf = (struct conf){ 0 };
	for (size_t i = 0; i < options->blacklist_count; i++) {
		const char *wrong = blacklist(conf, root, options->blacklist[i]);

		if (wrong)
			status = diag_error(NULL, "-b '%s' %s", options->blacklist[i], wrong);
	}
	conf->everywhere = options->all && options->mode == MODE_UNDO;
	if (conf->everywhere)
		add_entry(conf, "/", options->one_file_system, false);
	diag_lenient(conf->everywhere);
	/* Without -a only its -b lines matter, and a system without the file is in order: it is asked for then, and
	 * where it may lie outside; else reading it says whether it is there. */
	bool own = strcmp(path, standard) != 0, wanted = own || (options->all && !conf->everywhere);
	bool there = (wanted && !own) || root_stat(root, path, &st) == 0;

	conf->outside = !there && own && access(options->conf, F_OK) == 0;
	if (conf->outside)
		status = read_outside(conf, root, options->conf) ? -1 : status;
	else if (wanted || there)
		status = read_all(conf, root, root, path) ? -1 : status;
	diag_lenient(false);
	path_list_sort(&conf->files); /* one may be included twice */
	if (conf->everywhere)
		status = 0;
	free(path);
	if (!options->all) {
		for (size_t i = 0; i < conf->count; i++)
			free(conf->entry[i].path);
		conf->count = 0;
		for (size_t i = 0; i < options->file_count; i++) {
			char *inside = root_inside(root, options->file[i]);

			add_entry(conf, inside, options->one_file_system, options->dereference);
			free(inside);
		}
	}
	for (size_t i = 0; i < conf->count; i++) {
		conf->entry[i].one_file_system |= options->one_file_system;
		conf->entry[i].dereference |= options->dereference;
	}
	return status;
}

void conf_release(struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++)
		free(conf->entry[i].path);
	for (size_t i = 0; i < conf->blacklist_count; i++)
		free(conf->blacklist[i]);
	free(conf->entry);
	free(conf->blacklist);
	path_list_release(&conf->files);
	*conf = (struct conf){ 0 };
}
