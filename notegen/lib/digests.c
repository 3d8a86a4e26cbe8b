/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that are compared with a digest; see digests.h. */
#include "digests.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "pattern.h"

/* Where the digests of programs are, which lie elsewhere. */
#define FAR "/usr/{lib*,lib/*}/{fipscheck,hmaccalc}/*.hmac"
static const char *const program_directories[] = { "/usr/bin", "/usr/sbin", "/usr/libexec", "/bin", "/sbin" };

void digests_init(struct digests *digests, const struct root *root)
{
	*digests = (struct digests){ .root = root, .lock = PTHREAD_MUTEX_INITIALIZER };
}

void digests_release(struct digests *digests)
{
	tdestroy(digests->directories, free);
	tdestroy(digests->files, free);
	*digests = (struct digests){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int compare_files(const void *a, const void *b)
{
	const struct digested *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* There is a digest of the file NAME, or what that links to, in DIRECTORY. */
static void add(struct digests *digests, const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	struct stat st;

	if (*name && root_stat(digests->root, path, &st) == 0 && S_ISREG(st.st_mode)) {
		struct digested *file = xmalloc(sizeof *file), **found;

		*file = (struct digested){ st.st_dev, st.st_ino };
		found = tsearch(file, &digests->files, compare_files);
		if (!found || *found != file)
			free(file);
	}
	free(path);
}

/* Those in DIRECTORY that the lines of the file NAME there are for.  A file with many names
 * would be read as often. */
static void add_listed(struct digests *digests, const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name), *line = NULL;
	struct stat st;
	FILE *file = root_stat(digests->root, path, &st) == 0 && st.st_nlink == 1 ?
			     root_open_text(digests->root, path) :
			     NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		char *text = line + strspn(line, " \t"), *base;

		if (strncmp(text, "path", 4) != 0 || text[4 + strspn(text + 4, " \t")] != '=')
			continue;
		text[strcspn(text, "\r\n")] = '\0';
		base = strrchr(text, '/');
		if (base)
			add(digests, directory, base + 1);
	}
	free(line);
	free(path);
	if (file)
		fclose(file);
}

/* The length of NAME without SUFFIX, 0 where it does not end so. */
static size_t stem(const char *name, const char *suffix)
{
	size_t length = strlen(name), end = strlen(suffix);

	return length > end && strcmp(name + length - end, suffix) == 0 ? length - end : 0;
}

/* The entry NAME of DIRECTORY, in BESIDE itself or in one of its directories for digests. */
static void look_at(struct digests *digests, const char *directory, const char *beside, const char *name)
{
	size_t length = stem(name, ".hmac");
	char *of = NULL;

	if (length) {
		const char *start = name + (*name == '.' && length > 1);

		of = xstrndup(start, length - (size_t)(start - name));
		add_listed(digests, directory, name);
	} else if ((length = stem(name, ".chk")) != 0) {
		of = xasprintf("%.*s.so", (int)length, name);
	}
	if (of)
		add(digests, beside, of);
	free(of);
}

static void read_directory(struct digests *digests, const char *directory, const char *beside)
{
	int fd = root_open(digests->root, directory, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!stream && fd >= 0)
		close(fd);
	while (stream && (entry = readdir(stream)))
		look_at(digests, directory, beside, entry->d_name);
	if (stream)
		closedir(stream);
}

/* Those of programs: by the name alone, as their digests say no more. */
static void read_far(struct digests *digests)
{
	struct path_list list = { 0 };

	diag_lenient(true);
	pattern_expand(digests->root, FAR, &list);
	diag_lenient(false);
	for (size_t i = 0; i < list.count; i++) {
		const char *name = strrchr(list.path[i], '/') + 1;

		for (size_t j = 0; j < sizeof program_directories / sizeof *program_directories; j++)
			look_at(digests, program_directories[j], program_directories[j], name);
	}
	path_list_release(&list);
	digests->far_read = true;
}

/* The directory of a file that is asked for, the first time. */
static void read_beside(struct digests *digests, const char *directory)
{
	char *key = xstrdup(directory);
	char *const *found = tsearch(key, &digests->directories, compare_names);

	if (!found || *found != key) {
		free(key);
		return;
	}
	read_directory(digests, directory, directory);
	for (const char *const *sub = (const char *const[]){ "fipscheck", "hmaccalc", NULL }; *sub; sub++) {
		char *path = xasprintf("%s/%s", directory, *sub);

		read_directory(digests, path, directory);
		free(path);
	}
}

bool digests_has(struct digests *digests, const char *path, const struct stat *st)
{
	char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	bool has;

	pthread_mutex_lock(&digests->lock);
	if (!digests->far_read)
		read_far(digests);
	read_beside(digests, directory);
	has = tfind(&(struct digested){ st->st_dev, st->st_ino }, &digests->files, compare_files) != NULL;
	pthread_mutex_unlock(&digests->lock);
	free(directory);
	return has;
}
