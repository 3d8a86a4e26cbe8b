/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of paths; see path_list.h. */
#include "path_list.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

void path_list_add(struct path_list *list, const char *path)
{
	ALLOC_NEXT(list->path, list->count);
	list->path[list->count++] = xstrdup(path);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void path_list_sort(struct path_list *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->path, list->count, sizeof *list->path, compare_paths);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && strcmp(list->path[kept - 1], list->path[i]) == 0)
			free(list->path[i]);
		else
			list->path[kept++] = list->path[i];
	}
	list->count = kept;
}

bool path_list_has(const struct path_list *list, const char *path)
{
	return list->count && bsearch(&path, list->path, list->count, sizeof *list->path, compare_paths);
}

void path_list_release(struct path_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->path[i]);
	free(list->path);
	*list = (struct path_list){ 0 };
}
