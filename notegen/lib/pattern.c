/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matching and expanding path patterns; see pattern.h.  A component is fnmatch(3)'s business. */
#include "pattern.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"

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

/* --- the tree ---
 *
 * Directories are read once, whatever the number of patterns that go through them, and remembered with their
 * names sorted; from an entry that is a directory one gets to what is in it without looking for it. */

/* Opening a directory counts as much as so many names. */
enum { WORK_DIRECTORY = 20 };

struct named {
	const char *name;        /* in listing.text */
	struct listing *listing; /* of the directory that it is, once it was read; the tree's */
	unsigned char type;      /* d_type */
};

struct listing {
	char *path;          /* inside the tree, "" for its root; owned */
	struct named *entry; /* by name; owned */
	size_t count;
	char *text; /* the names; owned */
	bool kept;  /* the tree's; else of who reads it, who frees it */
};

struct pattern_tree {
	const struct root *root;
	void *listings; /* of tsearch(3), by path */
	size_t names;   /* in all of them */
	size_t work;    /* done for the patterns since pattern_tree_begin() */
	bool ended;     /* that was too much, which was said */
};

static int compare_listings(const void *a, const void *b)
{
	return strcmp(((const struct listing *)a)->path, ((const struct listing *)b)->path);
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static void listing_free(void *node)
{
	struct listing *listing = node;

	free(listing->path);
	free(listing->entry);
	free(listing->text);
	free(listing);
}

struct pattern_tree *pattern_tree_new(const struct root *root)
{
	struct pattern_tree *tree = xcalloc(1, sizeof *tree);

	tree->root = root;
	return tree;
}

void pattern_tree_begin(struct pattern_tree *tree)
{
	tree->work = 0;
	tree->ended = false;
}

bool pattern_tree_ended(const struct pattern_tree *tree)
{
	return tree->ended;
}

void pattern_tree_free(struct pattern_tree *tree)
{
	if (!tree)
		return;
	tdestroy(tree->listings, listing_free);
	free(tree);
}

struct expansion {
	struct pattern_tree *tree;
	const char *text; /* the pattern, for messages */
	const struct components *pattern;
	struct path_list *list;
	bool any; /* directories match too */
	int status;
};

static bool is_nothing(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

static int fail(const struct expansion *e, const char *path, const char *doing)
{
	char *text = xasprintf("%s %s", doing, e->text);

	root_errno(e->tree->root, path, text);
	free(text);
	return -1;
}

/* Counts COST; false once it is too much, which is said once. */
static bool may_work(struct expansion *e, const char *directory, size_t cost)
{
	e->tree->work += cost;
	if (e->tree->work <= LIMIT_WALK)
		return true;
	e->status = -1;
	if (!e->tree->ended) {
		char *outside = root_outside(e->tree->root, directory);

		diag_error(outside,
			   "expanding the pattern %s: it and those beside it go through more than the %d "
			   "names that are looked at; name directories more closely",
			   e->text, LIMIT_WALK);
		free(outside);
	}
	e->tree->ended = true;
	return false;
}

/* Adds the names that STREAM has to LISTING. */
static void read_names(struct expansion *e, struct listing *listing, DIR *stream)
{
	size_t size = 0, room = 0, place = 0;
	struct dirent *dirent;

	while ((dirent = readdir(stream)) && may_work(e, listing->path, 1)) {
		size_t length = strlen(dirent->d_name) + 1;

		if (strcmp(dirent->d_name, ".") == 0 || strcmp(dirent->d_name, "..") == 0)
			continue;
		ALLOC_GROW(listing->text, size + length, room);
		memcpy(listing->text + size, dirent->d_name, length);
		size += length;
		ALLOC_NEXT(listing->entry, listing->count);
		listing->entry[listing->count++] = (struct named){ .type = dirent->d_type };
	}
	for (size_t i = 0; i < listing->count; i++) {
		listing->entry[i].name = listing->text + place;
		place += strlen(listing->text + place) + 1;
	}
	if (listing->count)
		qsort(listing->entry, listing->count, sizeof *listing->entry, compare_entries);
}

/* Reads the directory PATH; without names where it is none. */
static struct listing *read_listing(struct expansion *e, const char *path)
{
	struct listing *listing = xcalloc(1, sizeof *listing);
	int fd = root_open(e->tree->root, *path ? path : "/", O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	listing->path = xstrdup(path);
	if (stream) {
		read_names(e, listing, stream);
		closedir(stream);
	} else {
		if (!is_nothing(errno))
			e->status = fail(e, path, "reading the directory of the pattern");
		if (fd >= 0)
			close(fd);
	}
	return listing;
}

/* The directory PATH; NULL once it is too much work.  To be given back with leave(). */
static struct listing *enter(struct expansion *e, const char *path)
{
	struct listing key = { .path = (char *)(uintptr_t)path };
	struct listing **found = tfind(&key, &e->tree->listings, compare_listings);

	if (!may_work(e, path, WORK_DIRECTORY))
		return NULL;
	if (found)
		return *found;
	struct listing *listing = read_listing(e, path);

	/* One that was given up in the middle is not to be believed by others. */
	if (!e->tree->ended && e->tree->names + listing->count <= LIMIT_TREE) {
		found = tsearch(listing, &e->tree->listings, compare_listings);
		listing->kept = found && *found == listing;
		e->tree->names += listing->kept ? listing->count : 0;
	}
	return listing;
}

static void leave(struct listing *listing)
{
	if (listing && !listing->kept)
		listing_free(listing);
}

static void add_if_wanted(struct expansion *e, const char *path)
{
	struct stat st;

	if (root_stat(e->tree->root, path, &st) == 0) {
		if (e->any || !S_ISDIR(st.st_mode))
			path_list_add(e->list, path);
	} else if (!is_nothing(errno)) {
		e->status = fail(e, path, "expanding the pattern");
	}
}

static bool may_be_link(const struct named *entry)
{
	return entry->type == DT_LNK || entry->type == DT_UNKNOWN;
}

static void expand(struct expansion *e, const char *directory, struct listing *here, size_t part);

/* Goes on with PART in the directory that ENTRY of LISTING, of path PATH, is. */
static void descend(struct expansion *e, const struct listing *listing, struct named *entry, const char *path,
		    size_t part)
{
	struct listing *below = entry->listing ? entry->listing : enter(e, path);

	if (below && listing->kept && below->kept)
		entry->listing = below;
	if (below)
		expand(e, path, below, part);
	leave(below);
}

/* ENTRY of LISTING, which component PART of the pattern matches. */
static void take(struct expansion *e, const struct listing *listing, struct named *entry, size_t part)
{
	char *path = xasprintf("%s/%s", listing->path, entry->name);

	if (part + 1 < e->pattern->count) {
		/* What follows is named: it need not be read. */
		if (is_literal(e->pattern->part[part + 1]) && !entry->listing &&
		    (entry->type == DT_DIR || may_be_link(entry)))
			expand(e, path, NULL, part + 1);
		else if (entry->type == DT_DIR || may_be_link(entry))
			descend(e, listing, entry, path, part + 1);
	} else if (may_be_link(entry)) {
		add_if_wanted(e, path);
	} else if (e->any || entry->type != DT_DIR) {
		path_list_add(e->list, path);
	}
	free(path);
}

/* `**`, which is component PART: every directory of LISTING, but hidden ones and links. */
static void go_deeper(struct expansion *e, const struct listing *listing, size_t part)
{
	struct stat st;

	for (size_t i = 0; i < listing->count && !e->tree->ended; i++) {
		struct named *entry = &listing->entry[i];

		if ((entry->type != DT_DIR && entry->type != DT_UNKNOWN) || entry->name[0] == '.')
			continue;
		if (entry->listing) { /* then it is one, and its path is known */
			if (may_work(e, entry->listing->path, WORK_DIRECTORY))
				expand(e, entry->listing->path, entry->listing, part);
			continue;
		}
		char *path = xasprintf("%s/%s", listing->path, entry->name);

		if (entry->type == DT_DIR ||
		    (root_lstat(e->tree->root, path, &st) == 0 && S_ISDIR(st.st_mode)))
			descend(e, listing, entry, path, part);
		free(path);
	}
}

/* Adds what the components of the pattern from PART on match below DIRECTORY ("" for the root), which
 * is HERE if it was read. */
static void expand(struct expansion *e, const char *directory, struct listing *here, size_t part)
{
	const struct components *p = e->pattern;

	if (here && part < p->count && is_literal(p->part[part])) {
		const struct named key = { .name = p->part[part] };
		struct named *entry = here->count ? bsearch(&key, here->entry, here->count, sizeof key,
							    compare_entries) :
						    NULL;

		if (entry && may_work(e, directory, 1))
			take(e, here, entry, part);
		return;
	}
	/* Components that name one thing need no reading of directories. */
	char *path = xstrdup(directory);
	struct listing *listing = here;

	for (; part < p->count && is_literal(p->part[part]); part++) {
		char *longer = xasprintf("%s/%s", path, p->part[part]);

		free(path);
		path = longer;
	}
	if (part == p->count) {
		if (may_work(e, path, 1))
			add_if_wanted(e, path);
	} else if ((listing = listing ? listing : enter(e, path))) {
		if (is_deep(p->part[part])) {
			expand(e, path, listing, part + 1); /* as no directory at all */
			go_deeper(e, listing, part);
		}
		for (size_t i = 0; !is_deep(p->part[part]) && i < listing->count && may_work(e, path, 1); i++)
			if (part_matches(p->part[part], listing->entry[i].name))
				take(e, listing, &listing->entry[i], part);
		if (listing != here)
			leave(listing);
	}
	free(path);
}

static int expand_pattern(struct pattern_tree *tree, const char *pattern, bool any, struct path_list *list)
{
	struct components components;
	struct expansion e = {
		.tree = tree, .text = pattern, .pattern = &components, .list = list, .any = any
	};
	struct path_list alternatives = { 0 };
	const char *problem = pattern_check(pattern);

	if (problem)
		return diag_error(NULL, "pattern %s: %s", pattern, problem);
	expand_braces(pattern, 0, &alternatives);
	for (size_t i = 0; i < alternatives.count && !tree->ended; i++) {
		split(&components, alternatives.path[i]);
		expand(&e, "", NULL, 0);
		components_release(&components);
	}
	path_list_release(&alternatives);
	path_list_sort(list);
	return e.status;
}

int pattern_tree_expand(struct pattern_tree *tree, const char *pattern, struct path_list *list)
{
	return expand_pattern(tree, pattern, false, list);
}

int pattern_tree_expand_any(struct pattern_tree *tree, const char *pattern, struct path_list *list)
{
	return expand_pattern(tree, pattern, true, list);
}

int pattern_expand(const struct root *root, const char *pattern, struct path_list *list)
{
	struct pattern_tree *tree = pattern_tree_new(root);
	int status = expand_pattern(tree, pattern, false, list);

	pattern_tree_free(tree);
	return status;
}
