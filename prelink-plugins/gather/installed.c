/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests that are installed; see installed.h. */
#include "gather/installed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static int compare_paths(const void *a, const void *b)
{
	return strcmp((*(struct host *const *)a)->path, (*(struct host *const *)b)->path);
}

static struct host **sort_by_path(struct host_table *hosts)
{
	struct host **sorted = xcalloc(hosts->count, sizeof *sorted);

	for (size_t i = 0; i < hosts->count; i++)
		sorted[i] = &hosts->host[i];
	qsort(sorted, hosts->count, sizeof *sorted, compare_paths);
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
	installed->by_path = sort_by_path(&installed->hosts);
}

void installed_add(const struct installed *installed, struct object *object)
{
	const struct host *host = hosts_of_file(&installed->hosts, &object->st);
	struct host key = { .path = object->path }, *wanted = &key, **found = NULL;

	if (!host && installed->hosts.count) /* somebody has put another file in its place since */
		found = bsearch(&wanted, installed->by_path, installed->hosts.count, sizeof wanted,
				compare_paths);
	if (found)
		host = *found;
	for (size_t i = 0; host && i < host->plugins.count; i++)
		plugin_list_add(&object->plugins, &host->plugins.entry[i]);
}

void installed_release(struct installed *installed)
{
	manifest_list_release(&installed->manifests);
	host_table_release(&installed->hosts);
	free(installed->by_path);
	path_list_release(&installed->inputs);
	*installed = (struct installed){ 0 };
}
