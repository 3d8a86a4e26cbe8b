/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests that are installed; see installed.h. */
#include "gather/installed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

static int compare_stat(const struct stat *a, const struct stat *b)
{
	if (a->st_ino != b->st_ino)
		return a->st_ino < b->st_ino ? -1 : 1;
	return (a->st_dev > b->st_dev) - (a->st_dev < b->st_dev);
}

static int compare_inodes(const void *a, const void *b)
{
	return compare_stat(&(*(struct host *const *)a)->st, &(*(struct host *const *)b)->st);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp((*(struct host *const *)a)->path, (*(struct host *const *)b)->path);
}

static struct host **sort(struct host_table *hosts, int (*compare)(const void *, const void *))
{
	struct host **sorted = xcalloc(hosts->count, sizeof *sorted);

	for (size_t i = 0; i < hosts->count; i++)
		sorted[i] = &hosts->host[i];
	qsort(sorted, hosts->count, sizeof *sorted, compare);
	return sorted;
}

static void read_directory(struct installed *installed, const struct root *root, const char *directory)
{
	struct stat st;

	path_list_add(&installed->inputs, directory);
	if (root_stat(root, directory, &st) && (errno == ENOENT || errno == ENOTDIR))
		return;
	if (manifest_read_directory(&installed->manifests, root, directory))
		installed->failed = true;
}

void installed_read(struct installed *installed, const struct root *root)
{
	read_directory(installed, root, INSTALLED_MANIFESTS);
	read_directory(installed, root, INSTALLED_MANIFESTS_OWN);
	for (size_t i = 0; i < installed->manifests.count; i++) {
		const struct manifest *manifest = &installed->manifests.manifest[i];

		if (hosts_find(root, manifest, UNMATCHED_SILENT, &installed->hosts) < 0)
			installed->failed = true;
		path_list_add(&installed->inputs, manifest->file + strlen(root->path));
	}
	path_list_sort(&installed->inputs);
	installed->by_inode = sort(&installed->hosts, compare_inodes);
	installed->by_path = sort(&installed->hosts, compare_paths);
}

void installed_add(const struct installed *installed, struct object *object)
{
	struct host key = { .path = object->path, .st = object->st }, *wanted = &key, **found = NULL;

	if (!installed->hosts.count)
		return;
	found = bsearch(&wanted, installed->by_inode, installed->hosts.count, sizeof wanted, compare_inodes);
	if (!found) /* somebody has put another file in its place since */
		found = bsearch(&wanted, installed->by_path, installed->hosts.count, sizeof wanted,
				compare_paths);
	for (size_t i = 0; found && i < (*found)->plugins.count; i++)
		plugin_list_add(&object->plugins, &(*found)->plugins.entry[i]);
}

void installed_release(struct installed *installed)
{
	manifest_list_release(&installed->manifests);
	host_table_release(&installed->hosts);
	free(installed->by_inode);
	free(installed->by_path);
	path_list_release(&installed->inputs);
	*installed = (struct installed){ 0 };
}
