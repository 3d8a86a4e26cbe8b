/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs were seen to load; see learned.h. */
#include "store/learned.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "outfile.h"

/* More than anybody starts, or than one program loads: what comes after is not learnt. */
enum { PROGRAMS_MAX = 4096, OBJECTS_MAX = 4096 };

/* What `seen` is called while it is read, until what it says is safe in `learned`. */
#define SEEN "seen"
#define TAKEN "seen.taken"

static int compare(const void *key, const void *program)
{
	return strcmp(key, ((const struct learned_program *)program)->path);
}

static struct learned_program *find(const struct learned *learned, const char *path)
{
	return learned->count ?
		       bsearch(path, learned->program, learned->count, sizeof *learned->program, compare) :
		       NULL;
}

/* The program at PATH, added if it is new.  NULL where there are too many. */
static struct learned_program *add(struct learned *learned, const char *path)
{
	struct learned_program *program = find(learned, path);

	if (program || learned->count == PROGRAMS_MAX)
		return program;
	ALLOC_NEXT(learned->program, learned->count);
	for (program = learned->program + learned->count++;
	     program > learned->program && strcmp(program[-1].path, path) > 0; program--)
		*program = program[-1];
	*program = (struct learned_program){ .path = xstrdup(path) };
	return program;
}

static bool is_file(const struct root *root, const char *path)
{
	struct stat st;

	return path[0] == '/' && root_stat(root, path, &st) == 0 && S_ISREG(st.st_mode);
}

static void read_line(struct learned *learned, const struct root *root, const char *line,
		      struct learned_program **program)
{
	if (line[0] == 'P' && line[1] == ' ') {
		*program = is_file(root, line + 2) ? add(learned, line + 2) : NULL;
		if (*program) {
			free((*program)->library_path);
			(*program)->library_path = NULL;
		}
	} else if (line[0] == 'L' && line[1] == ' ' && *program && !(*program)->library_path)
		(*program)->library_path = xstrdup(line + 2);
	else if (line[0] == 'O' && line[1] == ' ' && *program && (*program)->object.count < OBJECTS_MAX &&
		 is_file(root, line + 2))
		path_list_add(&(*program)->object, line + 2);
}

/* Adds what the file at PATH says; one that is not there says nothing.  *SIZE: bytes that were read. */
static int read_file(struct learned *learned, const struct root *root, const char *path, off_t *size)
{
	int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct learned_program *program = NULL;
	char line[2 * PATH_MAX];
	struct stat st;

	*size = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : root_errno(root, path, "reading what was learnt");
	FILE *file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return root_errno(root, path, "reading what was learnt");
	}
	while (fgets(line, sizeof line, file)) {
		char *end = strchr(line, '\n');

		if (!end) { /* longer than any that the module writes: what follows is none of its, either */
			*size = fstat(fd, &st) ? 0 : st.st_size;
			break;
		}
		*end = '\0';
		*size += end - line + 1;
		read_line(learned, root, line, &program);
	}
	fclose(file);
	for (size_t i = 0; i < learned->count; i++)
		path_list_sort(&learned->program[i].object);
	return 0;
}

/* Locks DIRECTORY; the descriptor, or -1 after a message. */
static int lock_directory(const struct root *root, const char *directory)
{
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX))
		if (errno != EINTR) { /* a file system without locks, as some of networks are */
			int saved = errno;

			close(fd);
			errno = saved;
			fd = -1;
		}
	if (fd < 0)
		root_errno(root, directory, "locking what was learnt");
	return fd;
}

int learned_read(struct learned *learned, const struct root *root, const char *directory)
{
	char *old = xasprintf("%s/learned", directory), *taken = xasprintf("%s/%s", directory, TAKEN);
	off_t size;
	int status;

	*learned = (struct learned){ .lock = lock_directory(root, directory) };
	status = learned->lock < 0 ? -1 : read_file(learned, root, old, &size);
	if (status == 0) /* it is there where somebody was stopped, or could not write */
		status = read_file(learned, root, taken, &learned->taken);
	/* Whoever has it open goes on writing to it; see give_back(). */
	if (status == 0 && renameat(learned->lock, SEEN, learned->lock, TAKEN) == 0)
		status = read_file(learned, root, taken, &learned->taken);
	free(old);
	free(taken);
	return status;
}

bool learned_look(struct learned *learned, const struct root *root, const char *directory)
{
	char *path = xasprintf("%s/learned", directory);
	struct stat st;
	off_t size;

	*learned = (struct learned){ .lock = -1 };
	bool there = root_stat(root, path, &st) == 0 && read_file(learned, root, path, &size) == 0;
	for (size_t i = 0; i < learned->count; i++) {
		free(learned->program[i].library_path);
		learned->program[i].library_path = NULL;
	}
	free(path);
	return there;
}

static void release_program(struct learned_program *program)
{
	free(program->path);
	free(program->library_path);
	path_list_release(&program->object);
}

void learned_forget(struct learned *learned, const struct root *root, const char *name)
{
	char *inside = root_inside(root, name), *real = root_real(root, inside);
	struct learned_program *program = real ? find(learned, real) : NULL;

	if (program) {
		release_program(program);
		memmove(program, program + 1,
			(size_t)(learned->program + --learned->count - program) * sizeof *program);
	} else {
		diag_warn(name, "nothing was learnt of it");
	}
	free(real);
	free(inside);
}

/* Adds to `seen` in DIRECTORY what the file FD has beyond what was read of it. */
static void put_back(const struct learned *learned, const struct root *root, const char *directory, int fd)
{
	char part[4 * PATH_MAX];
	off_t at = learned->taken;
	ssize_t length;
	int seen = -1;

	while ((length = pread(fd, part, sizeof part, at)) > 0) {
		if (seen < 0)
			seen = openat(learned->lock, SEEN,
				      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
				      0600);
		if (seen < 0 || write(seen, part, (size_t)length) != length) {
			char *path = xasprintf("%s/%s", directory, SEEN);

			root_errno(root, path, "writing what was seen meanwhile");
			free(path);
			break;
		}
		at += length;
	}
	if (seen >= 0)
		close(seen);
}

/* All that was put aside is in `learned`: it goes, unless a program that had it open has written to it since
 * it was read.  Then it is for the next who learns, who finds it under either name.  Who writes after it went
 * sees that, and writes anew (rtld/learn.c); what came just before, this sees, and makes it be there again. */
static void give_back(const struct learned *learned, const struct root *root, const char *directory)
{
	int fd = openat(learned->lock, TAKEN, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) || st.st_size != learned->taken)
		renameat2(learned->lock, TAKEN, learned->lock, SEEN, RENAME_NOREPLACE);
	else if (unlinkat(learned->lock, TAKEN, 0) == 0)
		put_back(learned, root, directory, fd);
	close(fd);
}

int learned_write(const struct learned *learned, const struct root *root, const char *directory)
{
	char *path = xasprintf("%s/learned", directory), *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	struct outfile out;
	int status = -1;

	for (size_t i = 0; memory && i < learned->count; i++) {
		const struct learned_program *program = &learned->program[i];

		fprintf(memory, "P %s\n", program->path);
		if (program->library_path)
			fprintf(memory, "L %s\n", program->library_path);
		for (size_t k = 0; k < program->object.count; k++)
			fprintf(memory, "O %s\n", program->object.path[k]);
	}
	if (!memory || fclose(memory))
		root_errno(root, path, "writing what was learnt");
	else if (outfile_begin(&out, root, path, NULL) == 0) {
		if (outfile_write(&out, text, size) == 0)
			status = outfile_commit(&out);
		else
			outfile_abandon(&out);
	}
	if (status == 0)
		give_back(learned, root, directory);
	free(text);
	free(path);
	return status;
}

/* PATH as a pattern that matches it alone. */
static char *as_pattern(const char *path)
{
	char *pattern = xcalloc(2 * strlen(path) + 1, 1), *to = pattern;

	for (; *path; path++) {
		if (strchr("*?[]{}\\,", *path))
			*to++ = '\\';
		*to++ = *path;
	}
	return pattern;
}

static const struct learned_program *find_names(const struct learned *learned, const struct object *object)
{
	const struct learned_program *program = find(learned, object->path);

	for (size_t i = 0; !program && i < object->names.count; i++)
		program = find(learned, object->names.path[i]);
	return program;
}

void learned_apply(const struct learned *learned, struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];
		const struct learned_program *program = find_names(learned, object);

		if (program && program->library_path) {
			free(object->library_path);
			object->library_path = xstrdup(program->library_path);
		}
		for (size_t k = 0; program && k < program->object.count; k++) {
			struct plugin_entry entry = { .path = as_pattern(program->object.path[k]) };

			plugin_list_add(&object->plugins, &entry);
			free(entry.path);
		}
	}
}

void learned_release(struct learned *learned)
{
	for (size_t i = 0; i < learned->count; i++)
		release_program(&learned->program[i]);
	free(learned->program);
	if (learned->lock >= 0)
		close(learned->lock);
	*learned = (struct learned){ .lock = -1 };
}
