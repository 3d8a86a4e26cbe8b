/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding all names of a file; see hardlinks.h. */
#include "hardlinks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "temporary.h"

/* A name of a regular file with more than one. */
struct link {
	dev_t device;
	ino_t inode;
	char *path; /* inside the tree; owned */
};

/* What one walk of a file system found, sorted by inode.  It is a cache and no more: a name that was
 * made since is missing from it (then the file is refused), one that went is noticed when it is opened.
 * Filled by index_for(), kept while the process lives. */
struct index {
	struct index *next;
	char *top; /* the directory that was walked, from outside the tree */
	struct link *link;
	size_t count;
};
static struct index *indices;
static pthread_mutex_t indices_lock = PTHREAD_MUTEX_INITIALIZER;

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->path && y->path ? strcmp(x->path, y->path) : 0;
}

/* The topmost directory inside the tree, seen from outside, on the file system of PATH: hard links do
 * not leave it. */
static char *file_system_top(const struct root *root, const char *path, dev_t device)
{
	char *top = xstrdup(path), *slash;
	size_t length = strlen(top);
	struct stat st;

	while ((slash = strrchr(top, '/')) != NULL) {
		char *parent = slash == top ? xstrdup("/") : xstrndup(top, (size_t)(slash - top));
		bool same = root_stat(root, parent, &st) == 0 && st.st_dev == device;

		free(parent);
		if (!same)
			break;
		length = (size_t)(slash - top);
		*slash = '\0';
	}
	free(top);
	top = xstrndup(path, length);
	char *outside = length ? root_outside(root, top) : xstrdup(root->path[0] ? root->path : "/");
	free(top);
	return outside;
}

/* Ends what a killed run left under the temporary PATH, inside the tree. */
static void sweep(const struct root *root, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = xstrndup(path, (size_t)(slash - path) + 1);
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY);

	if (fd >= 0) {
		temporary_sweep(fd, slash + 1);
		close(fd);
	}
	free(directory);
}

static struct index *walk(const struct root *root, const char *top)
{
	struct index *index = xcalloc(1, sizeof *index);
	char *start[] = { (char *)(uintptr_t)top, NULL };
	size_t skip = strlen(root->path), allocated = 0;
	FTS *tree = fts_open(start, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	index->top = xstrdup(top);
	while (tree && (entry = fts_read(tree)) != NULL) {
		if (entry->fts_info == FTS_F && temporary_is(entry->fts_name))
			sweep(root, entry->fts_path + skip);
		if (entry->fts_info != FTS_F || entry->fts_statp->st_nlink < 2 ||
		    temporary_is(entry->fts_name))
			continue;
		ALLOC_GROW(index->link, index->count + 1, allocated);
		/* fts joins "/" and a name with two slashes. */
		const char *path = entry->fts_path + skip;
		index->link[index->count++] =
			(struct link){ entry->fts_statp->st_dev, entry->fts_statp->st_ino,
				       xstrdup(path[0] == '/' && path[1] == '/' ? path + 1 : path) };
	}
	if (tree)
		fts_close(tree);
	if (index->count)
		qsort(index->link, index->count, sizeof *index->link, compare_links);
	return index;
}

static const struct index *index_for(const struct root *root, const char *top)
{
	struct index *index;

	pthread_mutex_lock(&indices_lock);
	for (index = indices; index; index = index->next)
		if (strcmp(index->top, top) == 0)
			break;
	if (!index) {
		index = walk(root, top);
		index->next = indices;
		indices = index;
	}
	pthread_mutex_unlock(&indices_lock);
	return index;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Adds those names of the file ST that are in the directory of PATH. */
static void look_beside(const struct root *root, const char *path, const struct stat *st,
			struct path_list *names)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	char *directory = length ? xstrndup(path, length) : xstrdup("/");
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat found;

	while (stream && (entry = readdir(stream)) != NULL) {
		if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) || temporary_is(entry->d_name) ||
		    fstatat(dirfd(stream), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) ||
		    !is_same(&found, st))
			continue;
		char *name = xasprintf("%.*s/%s", (int)length, path, entry->d_name);
		path_list_add(names, name);
		free(name);
	}
	if (stream)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
	free(directory);
}

/* Adds those names of the file ST that are anywhere on its file system, inside the tree. */
static void look_everywhere(const struct root *root, const char *path, const struct stat *st,
			    struct path_list *names)
{
	char *top = file_system_top(root, path, st->st_dev);
	const struct index *index = index_for(root, top);
	struct link key = { st->st_dev, st->st_ino, NULL };
	const struct link *end = index->link + index->count, *link = NULL;
	struct stat now;

	free(top);
	if (index->count)
		link = bsearch(&key, index->link, index->count, sizeof key, compare_links);
	if (!link)
		return;
	while (link > index->link && link[-1].device == key.device && link[-1].inode == key.inode)
		link--;
	for (; link < end && link->device == key.device && link->inode == key.inode; link++)
		if (root_lstat(root, link->path, &now) == 0 && is_same(&now, st))
			path_list_add(names, link->path);
	path_list_sort(names);
}

/* The directory entry that a path is: a bind mount shows it under several. */
struct entry {
	dev_t device;
	ino_t directory;
	const char *name; /* borrowed */
	char *path;       /* owned */
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->directory != y->directory)
		return x->directory < y->directory ? -1 : 1;
	int order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->path, y->path);
}

/* Leaves in NAMES one path for each directory entry: PATH where that is one of them. */
static void drop_repeated(const struct root *root, const char *path, struct path_list *names)
{
	struct entry *entry = xcalloc(names->count, sizeof *entry);
	struct path_list kept = { 0 };
	size_t count = names->count;

	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(names->path[i], '/');
		char *directory = xstrndup(names->path[i], (size_t)(slash - names->path[i]) + 1);
		struct stat st = { 0 };

		root_stat(root, directory, &st);
		entry[i] = (struct entry){ st.st_dev, st.st_ino, slash + 1, names->path[i] };
		free(directory);
	}
	qsort(entry, count, sizeof *entry, compare_entries);
	for (size_t i = 0, next; i < count; i = next) {
		const char *chosen = entry[i].path;

		for (next = i; next < count && entry[next].device == entry[i].device &&
			       entry[next].directory == entry[i].directory &&
			       strcmp(entry[next].name, entry[i].name) == 0;
		     next++)
			if (strcmp(entry[next].path, path) == 0)
				chosen = path;
		path_list_add(&kept, chosen);
	}
	free(entry);
	path_list_release(names);
	*names = kept;
	path_list_sort(names);
}

int hardlinks_find(const struct root *root, const char *path, const struct stat *st, bool some,
		   struct path_list *names)
{
	path_list_add(names, path);
	if (st->st_nlink > 1) {
		look_beside(root, path, st, names);
		path_list_sort(names);
	}
	if (names->count < st->st_nlink)
		look_everywhere(root, path, st, names);
	drop_repeated(root, path, names);
	if (names->count >= st->st_nlink)
		return 0;

	char *outside = root_outside(root, path);
	if (some)
		diag_error(
			outside,
			"it has %lu hard links, and only %zu of them can be found here (is something mounted over "
			"one?); these are undone, the others stay prelinked",
			(unsigned long)st->st_nlink, names->count);
	else
		diag_error(
			outside,
			"replacing it: it has %lu hard links, and only %zu of them can be found here; left "
			"alone, since the others would keep the old file",
			(unsigned long)st->st_nlink, names->count);
	free(outside);
	return some ? 0 : -1;
}
