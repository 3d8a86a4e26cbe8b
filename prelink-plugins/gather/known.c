/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an earlier run found; see known.h. */
#include "gather/known.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

void known_add_directory(struct known *known, const char *path, dev_t device, ino_t inode)
{
	ALLOC_NEXT(known->directory, known->directory_count);
	known->directory[known->directory_count++] = (struct known_directory){ path, device, inode };
}

void known_add_entry(struct known *known, const char *path, bool directory)
{
	ALLOC_NEXT(known->entry, known->entry_count);
	known->entry[known->entry_count++] = (struct known_entry){ path, directory };
}

static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

/* DIRECTORY, of LENGTH bytes, against the one that PATH lies in. */
static int compare_directories(const char *directory, size_t length, const char *path)
{
	size_t other = directory_length(path);
	int order = memcmp(directory, path, length < other ? length : other);

	return order || length == other ? order : length < other ? -1 : 1;
}

int path_compare_in_directory(const void *a, const void *b)
{
	const char *one = *(const char *const *)a, *other = *(const char *const *)b;
	size_t length = directory_length(one);
	int order = compare_directories(one, length, other);

	return order ? order : strcmp(one + length, other + length);
}

static int compare_known_directories(const void *a, const void *b)
{
	return strcmp(((const struct known_directory *)a)->path, ((const struct known_directory *)b)->path);
}

void known_sort(struct known *known)
{
	if (known->directory_count)
		qsort(known->directory, known->directory_count, sizeof *known->directory,
		      compare_known_directories);
	if (known->entry_count) /* the path is what an entry begins with */
		qsort(known->entry, known->entry_count, sizeof *known->entry, path_compare_in_directory);
}

void known_release(struct known *known)
{
	free(known->directory);
	free(known->entry);
	*known = (struct known){ 0 };
}

const struct known_directory *known_find(const struct known *known, const char *path)
{
	const struct known_directory key = { .path = path };

	return known->directory_count ? bsearch(&key, known->directory, known->directory_count,
						sizeof *known->directory, compare_known_directories) :
					NULL;
}

const struct known_entry *known_entries(const struct known *known, const char *path, size_t *count)
{
	size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path), low = 0, high = known->entry_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_directories(path, length, known->entry[middle].path) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < known->entry_count; high++)
		if (compare_directories(path, length, known->entry[high].path) != 0)
			break;
	*count = high - low;
	return known->entry + low;
}
