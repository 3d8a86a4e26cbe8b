/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What manifests match; see hosts.h. */
#include "hosts.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "alloc.h"
#include "diag.h"
#include "pattern.h"

static int tell(enum unmatched unmatched, const struct root *root, const struct manifest *manifest,
		const char *what, const char *pattern)
{
	const char *tree = root->path[0] ? root->path : "/";

	if (unmatched == UNMATCHED_ERROR)
		return diag_error(manifest->file, "%s pattern %s matches nothing in %s", what, pattern, tree);
	if (unmatched == UNMATCHED_WARNING)
		diag_warn(manifest->file, "%s pattern %s matches nothing in %s", what, pattern, tree);
	return 0;
}

/* The host of an inode: the tree's node holds its index in the array, which moves as it grows. */
struct inode {
	dev_t device;
	ino_t number;
	size_t index;
};

static int compare_inodes(const void *a, const void *b)
{
	const struct inode *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return (left->device > right->device) - (left->device < right->device);
}

struct host *hosts_of_file(const struct host_table *table, const struct stat *st)
{
	const struct inode key = { st->st_dev, st->st_ino, 0 };
	struct inode **found = tfind(&key, &table->inodes, compare_inodes);

	return found ? &table->host[(*found)->index] : NULL;
}

/* Adds the file at PATH, which it takes over. */
static struct host *add_inode(struct host_table *table, char *path, const struct stat *st)
{
	struct inode *node = xmalloc(sizeof *node);

	*node = (struct inode){ st->st_dev, st->st_ino, table->count };
	if (!tsearch(node, &table->inodes, compare_inodes)) {
		diag_error(NULL, "out of memory while looking for hosts");
		exit(EXIT_FAILURE);
	}
	ALLOC_NEXT(table->host, table->count);
	table->host[table->count] = (struct host){ .path = path, .st = *st };
	return &table->host[table->count++];
}

static struct pattern_tree *tree_of(struct host_table *table, const struct root *root)
{
	if (!table->tree)
		table->tree = pattern_tree_new(root);
	return table->tree;
}

/* Adds MANIFEST's entries to the host called PATH.  True if that is a regular file. */
static bool add_host(const struct root *root, const char *path, const struct manifest *manifest,
		     struct host_table *table)
{
	struct stat st;
	char *real;

	/* A dangling link, or a directory, that happens to match is nobody's host. */
	if (root_stat(root, path, &st) || !S_ISREG(st.st_mode) || !(real = root_real(root, path)))
		return false;

	struct host *host = hosts_of_file(table, &st);
	if (host)
		free(real);
	else
		host = add_inode(table, real, &st);
	for (size_t i = 0; host->last != manifest && i < manifest->plugins.count; i++)
		plugin_list_add(&host->plugins, &manifest->plugins.entry[i]);
	host->last = manifest;
	return true;
}

int hosts_find(const struct root *root, const struct manifest *manifest, enum unmatched unmatched,
	       struct host_table *table)
{
	bool *matched = xcalloc(manifest->host_count, sizeof *matched);
	size_t found = 0;
	int result = 0;

	pattern_tree_begin(tree_of(table, root));
	for (size_t i = 0; i < manifest->host_count; i++) {
		struct path_list paths = { 0 };

		if (pattern_tree_expand(table->tree, manifest->host[i], &paths))
			result = -1;
		for (size_t j = 0; j < paths.count; j++)
			if (add_host(root, paths.path[j], manifest, table)) {
				matched[i] = true;
				found++;
			}
		path_list_release(&paths);
	}
	if (manifest->collected && found == 0)
		unmatched = UNMATCHED_SILENT;
	for (size_t i = 0; i < manifest->host_count; i++)
		if (!matched[i] && tell(unmatched, root, manifest, "host", manifest->host[i]))
			result = -1;
	free(matched);
	return result ? -1 : (int)found;
}

int hosts_expand_plugins(const struct root *root, const struct manifest *manifest, enum unmatched unmatched,
			 struct host_table *table)
{
	size_t found = 0;
	int result = 0;

	pattern_tree_begin(tree_of(table, root));
	for (size_t i = 0; i < manifest->plugins.count; i++) {
		const char *path = manifest->plugins.entry[i].path;
		struct path_list paths = { 0 };

		if (!path)
			continue;
		if (pattern_tree_expand(table->tree, path, &paths))
			result = -1;
		else if (paths.count == 0 && tell(unmatched, root, manifest, "plugin", path))
			result = -1;
		found += paths.count;
		path_list_release(&paths);
	}
	return result ? -1 : (int)found;
}

struct host *hosts_select(const struct root *root, const struct host_table *table, const char *path)
{
	struct stat st;

	if (root_stat(root, path, &st))
		return NULL;
	errno = 0;
	return hosts_of_file(table, &st);
}

void host_table_release(struct host_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->host[i].path);
		plugin_list_release(&table->host[i].plugins);
	}
	free(table->host);
	tdestroy(table->inodes, free);
	pattern_tree_free(table->tree);
	*table = (struct host_table){ 0 };
}
