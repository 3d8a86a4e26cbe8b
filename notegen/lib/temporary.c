/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Temporaries; see temporary.h. */
#include "temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "root.h"

#define MARK ".prelink-"
#define RANDOM_CHARACTERS 6
#define TAIL_LENGTH (sizeof MARK - 1 + 16 + 1 + 16 + 1 + RANDOM_CHARACTERS)
#define TRIES 100

/* What a temporary's name says. */
struct inodes {
	ino_t old, new;
};

/* --- making names --- */

/* A new name for the temporary of NAME, allocated.  NAME is cut where the whole would be too long. */
static char *new_name(const char *name, ino_t old, ino_t new)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab";
	unsigned char dice[RANDOM_CHARACTERS];
	char text[RANDOM_CHARACTERS + 1] = "";

	if (getrandom(dice, sizeof dice, 0) != sizeof dice)
		memset(dice, getpid() & 0xff, sizeof dice);
	for (size_t i = 0; i < RANDOM_CHARACTERS; i++)
		text[i] = alphabet[dice[i] % 64];
	return xasprintf(".%.*s" MARK "%016" PRIx64 "-%016" PRIx64 "-%s", (int)(NAME_MAX - 1 - TAIL_LENGTH),
			 name, (uint64_t)old, (uint64_t) new, text);
}

/* Reads 16 hexadecimal digits of TEXT and a dash. */
static bool read_inode(const char *text, ino_t *inode)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef", *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	*inode = (ino_t)value;
	return text[16] == '-';
}

static bool read_name(const char *name, struct inodes *inodes)
{
	size_t length = strlen(name);

	if (name[0] != '.' || length < 1 + TAIL_LENGTH)
		return false;
	const char *tail = name + length - TAIL_LENGTH;
	if (memcmp(tail, MARK, strlen(MARK)) != 0 || !read_inode(tail + strlen(MARK), &inodes->old) ||
	    !read_inode(tail + strlen(MARK) + 17, &inodes->new))
		return false;
	for (const char *c = name + length - RANDOM_CHARACTERS; *c; c++)
		if (!((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z')))
			return false;
	return true;
}

bool temporary_is(const char *name)
{
	struct inodes inodes;

	return read_name(name, &inodes);
}

bool temporary_can_wait(void)
{
	return access("/proc/self/fd", X_OK) == 0;
}

char *temporary_link(int fd, int at, const char *from, int directory, const char *name, ino_t old, ino_t new)
{
	char proc[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
	int saved = EEXIST;

	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	for (int tries = 0; tries < TRIES && saved == EEXIST; tries++) {
		char *temporary = new_name(name, old, new);

		if ((from ? linkat(at, from, directory, temporary, 0) :
			    linkat(AT_FDCWD, proc, directory, temporary, AT_SYMLINK_FOLLOW)) == 0)
			return temporary;
		saved = errno;
		free(temporary);
	}
	errno = saved;
	return NULL;
}

/* Renames TEMPORARY, the empty file ST, to the name that has its inode number; it is
 * still locked and there. */
static char *number(int directory, char *temporary, const char *name, ino_t old, const struct stat *st)
{
	for (int tries = 0; tries < TRIES; tries++) {
		char *numbered = new_name(name, old, st->st_ino);

		/* Not every file system can look whether there is one: the number is ours alone. */
		if (renameat2(directory, temporary, directory, numbered, RENAME_NOREPLACE) == 0 ||
		    ((errno == EINVAL || errno == ENOSYS) &&
		     renameat(directory, temporary, directory, numbered) == 0)) {
			free(temporary);
			return numbered;
		}
		int saved = errno;
		free(numbered);
		errno = saved;
		if (saved != EEXIST)
			break;
	}
	int saved = errno;
	unlinkat(directory, temporary, 0);
	free(temporary);
	errno = saved;
	return NULL;
}

int temporary_create(int directory, const char *name, ino_t old, mode_t mode, char **temporary)
{
	struct stat st;
	int saved = EEXIST;

	for (int tries = 0; tries < TRIES && saved == EEXIST; tries++) {
		char *first = new_name(name, old, 0);
		int fd = openat(directory, first, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

		saved = errno;
		/* A sweep may come between creating and locking: then it is gone again. */
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) {
			*temporary = number(directory, first, name, old, &st);
			if (*temporary)
				return fd;
			saved = errno;
			close(fd);
			break;
		}
		if (fd >= 0) {
			saved = errno == EWOULDBLOCK ? EEXIST : errno;
			unlinkat(directory, first, 0);
			close(fd);
		}
		free(first);
	}
	errno = saved;
	return -1;
}

/* --- sweeping --- */

/* Opens the regular file NAME of DIRECTORY, to lock it.  -1 where it is none, or not ours to open. */
static int open_regular(int directory, const char *name, struct stat *st)
{
	int fd = root_open_in(directory, name);

	if (fd < 0 || fstat(fd, st) == 0)
		return fd;
	close(fd);
	return -1;
}

char *temporary_find(int directory, ino_t inode, dev_t device, const char *but, struct stat *st)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char *name = NULL;

	while (inode && stream && !name && (entry = readdir(stream)) != NULL)
		if (entry->d_ino == inode &&
		    (but ? strcmp(entry->d_name, but) != 0 : !temporary_is(entry->d_name)) &&
		    fstatat(directory, entry->d_name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
		    st->st_ino == inode && st->st_dev == device)
			name = xstrdup(entry->d_name);
	if (stream)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
	return name;
}

/* True if the files A and B of DIRECTORY may be exchanged by who was not told which they are. */
static bool may_exchange(int directory, const struct stat *a, const struct stat *b)
{
	struct stat st;

	return fstat(directory, &st) == 0 && !(st.st_mode & S_IWOTH) && a->st_uid == b->st_uid;
}

/* Exchanges TEMPORARY and NAME if they are the inodes A and B. */
static bool exchange(int directory, const char *temporary, ino_t a, const char *name, ino_t b)
{
	struct stat st;

	if (renameat2(directory, temporary, directory, name, RENAME_EXCHANGE))
		return false;
	if (fstatat(directory, temporary, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == b &&
	    fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == a)
		return fsync(directory) == 0 || errno == EINVAL;
	renameat2(directory, temporary, directory, name, RENAME_EXCHANGE);
	return false;
}

static void warn(int directory, const char *name, const char *text)
{
	char link[sizeof "/proc/self/fd/" + 3 * sizeof(int)], path[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
	ssize_t length = readlink(link, path, sizeof path);
	char *shown = length > 0 ? xasprintf("%.*s/%s", (int)length, path, name) : xstrdup(name);
	diag_warn(shown, "%s", text);
	free(shown);
}

/* True if the writer of the new file, which may be under any name of DIRECTORY but NAME, lives. */
static bool is_locked(int directory, ino_t new, const struct stat *temporary, const char *name)
{
	struct stat st;
	char *other = temporary_find(directory, new, temporary->st_dev, name, &st);
	int fd = other ? open_regular(directory, other, &st) : -1;
	bool locked = other && (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0);

	if (fd >= 0)
		close(fd);
	free(other);
	return locked;
}

/* The temporary NAME holds the new file ST.  True if it is to be deleted. */
static bool settle_new(int directory, const char *name, ino_t old, const struct stat *st)
{
	struct stat other;
	char *found = st->st_nlink > 1 ? temporary_find(directory, old, st->st_dev, NULL, &other) : NULL;
	bool done = true;

	if (found && other.st_nlink <= st->st_nlink && may_exchange(directory, st, &other))
		done = exchange(directory, name, st->st_ino, found, other.st_ino);
	free(found);
	return done;
}

/* The temporary NAME holds the file ST, which its name does not know.  True if it is to be deleted. */
static bool settle_foreign(int directory, const char *name, ino_t new, const struct stat *st)
{
	struct stat other;
	char *found = temporary_find(directory, st->st_ino, st->st_dev, NULL, &other);
	bool done = found != NULL;

	if (!found) {
		found = temporary_find(directory, new, st->st_dev, NULL, &other);
		done = found && may_exchange(directory, st, &other) &&
		       exchange(directory, name, st->st_ino, found, new);
		warn(directory, done ? found : name,
		     done ? "a run was killed between taking this file, which was new, and putting it back; it is "
			    "back now" :
			    "left by a run that was killed, and not known; look at it, and delete it by hand");
	}
	free(found);
	return done;
}

void temporary_sweep(int directory, const char *name)
{
	/* Hard links have temporaries that are one file: two threads would each see
	 * it locked by the other. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct inodes inodes;
	struct stat st;
	bool done;

	if (!read_name(name, &inodes))
		return;
	pthread_mutex_lock(&lock);
	int fd = open_regular(directory, name, &st);
	/* The new file itself is locked by us now: by another of its names it would look taken. */
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    (st.st_ino == inodes.new || !is_locked(directory, inodes.new, &st, name))) {
		if (inodes.new == 0) /* its number was not known yet: nothing was written, either */
			done = st.st_size == 0 && st.st_nlink == 1;
		else if (st.st_ino == inodes.new)
			done = settle_new(directory, name, inodes.old, &st);
		else
			done = st.st_ino == inodes.old || settle_foreign(directory, name, inodes.new, &st);
		if (done)
			unlinkat(directory, name, 0);
	}
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&lock);
}

/* Directories that were swept while the process lives. */
struct swept {
	dev_t device;
	ino_t inode;
};

/* True the first time for a directory. */
static bool is_first(const struct stat *st)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct swept *swept;
	static size_t count;
	bool first = true;

	pthread_mutex_lock(&lock);
	for (size_t i = count; i > 0 && first; i--)
		first = swept[i - 1].device != st->st_dev || swept[i - 1].inode != st->st_ino;
	if (first) {
		ALLOC_NEXT(swept, count);
		swept[count++] = (struct swept){ st->st_dev, st->st_ino };
	}
	pthread_mutex_unlock(&lock);
	return first;
}

void temporary_sweep_all(int directory)
{
	struct stat st;

	if (fstat(directory, &st) || !is_first(&st))
		return;
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)) != NULL)
		temporary_sweep(directory, entry->d_name);
	if (stream)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
}
