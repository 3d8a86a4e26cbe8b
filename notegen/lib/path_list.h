/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of paths: zeroed, it is empty. */
#ifndef PATH_LIST_H
#define PATH_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct path_list {
	char **path; /* owned, as are the paths */
	size_t count;
};

void path_list_add(struct path_list *list, const char *path);       /* a copy of it */
void path_list_sort(struct path_list *list);                        /* and drop duplicates */
bool path_list_has(const struct path_list *list, const char *path); /* a sorted one */
void path_list_release(struct path_list *list);

#endif
