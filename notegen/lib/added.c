/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What notegen changed on a system; see added.h.  In the file, each change is its bytes' digest before and
 * after, the note and the path, each with a NUL behind it. */
#include "added.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "outfile.h"

#define ADDED_DIRECTORY "/var/lib/prelink"
#define ADDED_FILE ADDED_DIRECTORY "/notes"
#define ADDED_MAX (64 << 20) /* bytes; a change has some hundred */

void added_digest_end(struct sha256_ctx *context, char digest[ADDED_DIGEST])
{
	unsigned char sum[SHA256_DIGEST_SIZE];

	sha256_digest(context, sizeof sum, sum);
	for (size_t i = 0; i < sizeof sum; i++)
		snprintf(digest + 2 * i, 3, "%02x", sum[i]);
}

int added_digest(int fd, const char *path, char digest[ADDED_DIGEST])
{
	unsigned char block[65536];
	struct sha256_ctx context;
	off_t at = 0;
	ssize_t length;

	sha256_init(&context);
	while ((length = pread(fd, block, sizeof block, at)) > 0) {
		sha256_update(&context, (size_t)length, block);
		at += length;
	}
	if (length < 0)
		return diag_errno(path, "reading it for its digest");
	added_digest_end(&context, digest);
	return 0;
}

static void append(struct added *added, const char *path, const char *note, const char *before,
		   const char *after)
{
	added->change = xreallocarray(added->change, added->count + 1, sizeof *added->change);
	struct added_change *change = &added->change[added->count++];

	*change = (struct added_change){ .path = xstrdup(path), .note = xstrdup(note) };
	memcpy(change->before, before, ADDED_DIGEST);
	memcpy(change->after, after, ADDED_DIGEST);
}

static bool is_digest(const char *text)
{
	return strlen(text) == ADDED_DIGEST - 1 && strspn(text, "0123456789abcdef") == ADDED_DIGEST - 1;
}

/* The SIZE bytes at TEXT, which a NUL follows.  0, or -1 if they are not what we write. */
static int parse(struct added *added, const char *text, size_t size)
{
	const char *field[4], *end = text + size;

	while (text < end) {
		for (size_t i = 0; i < 4; i++) {
			if (text >= end)
				return -1;
			field[i] = text;
			text += strlen(text) + 1;
		}
		if (!is_digest(field[0]) || !is_digest(field[1]) || field[3][0] != '/')
			return -1;
		append(added, field[3], field[2], field[0], field[1]);
	}
	return text == end ? 0 : -1;
}

static int read_all(struct added *added, int fd, const char *outside)
{
	struct stat st;
	int result = -1;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > ADDED_MAX)
		return diag_error(outside, "reading it: it is not a file of ours; move it away");
	char *text = xcalloc(1, (size_t)st.st_size + 1);
	ssize_t length = read(fd, text, (size_t)st.st_size);
	if (length < 0)
		diag_errno(outside, "reading it");
	else if (length != st.st_size || parse(added, text, (size_t)length))
		diag_error(outside, "reading it: it is damaged; move it away, and what notegen added stays");
	else
		result = 0;
	free(text);
	return result;
}

int added_read(struct added *added, const struct root *root)
{
	struct stat st;
	int fd, result;

	*added = (struct added){ 0 };
	if (root_lstat(root, ADDED_FILE, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 : diag_errno(ADDED_FILE, "looking at it");
	char *outside = root_outside(root, ADDED_FILE);
	fd = S_ISREG(st.st_mode) ?
		     root_open(root, ADDED_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) :
		     -1;
	if (fd < 0 && S_ISREG(st.st_mode))
		result = diag_errno(outside, "opening it");
	else if (fd < 0)
		result = diag_error(outside, "opening it: it is not a file of ours; move it away");
	else
		result = read_all(added, fd, outside);
	if (fd >= 0)
		close(fd);
	free(outside);
	return result;
}

int added_open(struct added *added, struct root *root)
{
	struct stat st;
	bool kept = geteuid() == 0 && root_stat(root, ADDED_DIRECTORY, &st) == 0 && S_ISDIR(st.st_mode);

	*added = (struct added){ 0 };
	if (kept && ((root->lock < 0 && root_lock(root)) || added_read(added, root)))
		return -1;
	added->root = root;
	added->kept = kept;
	return 0;
}

void added_release(struct added *added)
{
	for (size_t i = 0; i < added->count; i++) {
		free(added->change[i].path);
		free(added->change[i].note);
	}
	free(added->change);
	*added = (struct added){ 0 };
}

const struct added_change *added_find(const struct added *added, const char *path, const char *after)
{
	for (size_t i = 0; i < added->count; i++)
		if ((!path || strcmp(added->change[i].path, path) == 0) &&
		    strcmp(added->change[i].after, after) == 0)
			return &added->change[i];
	return NULL;
}

bool added_has(const struct added *added, const char *path)
{
	for (size_t i = 0; i < added->count; i++)
		if (!path || strcmp(added->change[i].path, path) == 0)
			return true;
	return false;
}

void added_change(struct added *added, const char *path, const char *before, const char *after,
		  const char *note)
{
	const struct added_change *first = added_find(added, path, before);

	/* Earlier ones stay: the file may still be what it was, should we be killed now. */
	if (!added_find(added, path, after) && strcmp(first ? first->before : before, after) != 0) {
		char start[ADDED_DIGEST];

		memcpy(start, first ? first->before : before, sizeof start);
		char *was = xstrdup(first ? first->note : note);
		append(added, path, was, start, after);
		free(was);
		added->unsaved = true;
	}
}

void added_forget(struct added *added, const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < added->count; i++) {
		struct added_change *change = &added->change[i];

		if (strcmp(change->path, path) != 0) {
			added->change[kept++] = *change;
			continue;
		}
		free(change->path);
		free(change->note);
		added->unsaved = true;
	}
	added->count = kept;
}

int added_write(struct added *added)
{
	struct outfile out;
	int result = 0;

	if (!added->kept || !added->unsaved)
		return 0;
	if (outfile_begin(&out, added->root, ADDED_FILE, NULL))
		return -1;
	for (size_t i = 0; i < added->count && !result; i++) {
		const struct added_change *change = &added->change[i];
		const char *field[] = { change->before, change->after, change->note, change->path };

		for (size_t f = 0; f < 4 && !result; f++)
			result = outfile_write(&out, field[f], strlen(field[f]) + 1);
	}
	if (result)
		outfile_abandon(&out);
	else
		result = outfile_commit(&out);
	added->unsaved = result != 0;
	return result;
}
