/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of a tree; see state.h. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"

#define DAY 86400 /* seconds */

/* Says that DOING something with NAME ("": the directory) failed, and why. */
static int failed(const struct state *state, const char *name, const char *doing)
{
	char *path = xasprintf("%s" STATE_DIRECTORY "%s%s", state->root->path, *name ? "/" : "", name);

	diag_errno(path, "%s", doing);
	free(path);
	return -1;
}

/* Like failed(), where WHAT is wrong. */
static int refused(const struct state *state, const char *name, const char *what)
{
	char *path = xasprintf("%s" STATE_DIRECTORY "%s%s", state->root->path, *name ? "/" : "", name);

	diag_error(path, "%s", what);
	free(path);
	return -1;
}

int state_open(struct state *state, const struct root *root)
{
	struct stat st;

	*state = (struct state){ .root = root, .lock = -1 };
	state->directory = root_open(root, STATE_DIRECTORY, O_RDONLY | O_DIRECTORY);
	if (state->directory < 0)
		return errno == ENOENT ? 0 : failed(state, "", "opening it");
	/* What we keep is kept from everybody else. */
	if (fstat(state->directory, &st) == 0 && root_trusts(root, st.st_uid) &&
	    !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	refused(state, "", "others can write it; `chown root' and `chmod 755' it");
	state_release(state);
	return -1;
}

/* Makes directory PATH inside the tree, and those above it.  0, or -1 with errno set. */
static int make_directory(const struct root *root, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char *above = name == path + 1 ? xstrdup("/") : xstrndup(path, (size_t)(name - 1 - path));
	int parent = root_open(root, above, O_RDONLY | O_DIRECTORY), result = -1;

	if (parent < 0 && errno == ENOENT && make_directory(root, above) == 0)
		parent = root_open(root, above, O_RDONLY | O_DIRECTORY);
	if (parent >= 0)
		result = mkdirat(parent, name, 0755) == 0 || errno == EEXIST ? 0 : -1;
	int saved = errno;
	if (parent >= 0)
		close(parent);
	free(above);
	errno = saved;
	return result;
}

int state_make(struct state *state, const struct root *root)
{
	if (state->directory >= 0)
		return 0;
	if (make_directory(root, STATE_DIRECTORY))
		return failed(state, "", "making it");
	if (state_open(state, root))
		return -1;
	return state->directory >= 0 ? 0 : refused(state, "", "it is a link to what is not there");
}

void state_release(struct state *state)
{
	if (state->directory >= 0)
		close(state->directory);
	if (state->lock >= 0)
		close(state->lock);
	state->directory = state->lock = -1;
}

static bool look(const struct state *state, const char *name, struct stat *st)
{
	return state->directory >= 0 && fstatat(state->directory, name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st->st_mode);
}

bool state_has(const struct state *state, const char *name)
{
	struct stat st;

	return look(state, name, &st);
}

long state_age(const struct state *state, const char *name)
{
	struct stat st;
	time_t now = time(NULL);

	if (!look(state, name, &st))
		return -1;
	return st.st_mtime > now ? 0 : (long)((now - st.st_mtime) / DAY);
}

int state_set(const struct state *state, const char *name)
{
	int fd;

	if (unlinkat(state->directory, name, 0) && errno != ENOENT)
		return failed(state, name, "making it anew");
	fd = openat(state->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST) /* somebody else made it at the same moment */
		return failed(state, name, "making it");
	if (fd >= 0)
		close(fd);
	return 0;
}

void state_clear(const struct state *state, const char *name)
{
	if (state->directory >= 0 && unlinkat(state->directory, name, 0) && errno != ENOENT)
		failed(state, name, "removing it");
}

/* Opens the directory of locks, which is made so that nobody else can enter it. */
static int open_locks(const struct state *state)
{
	static const char name[] = "locks";
	struct stat above, st;
	int fd;

	if (mkdirat(state->directory, name, 0700) && errno != EEXIST)
		return failed(state, name, "making the directory");
	fd = openat(state->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(state, name, "opening it (a directory)");
	if (fstat(state->directory, &above) == 0 && fstat(fd, &st) == 0 &&
	    (st.st_uid == above.st_uid || st.st_uid == geteuid() || st.st_uid == 0) &&
	    ((st.st_mode & 077) == 0 || fchmod(fd, 0700) == 0))
		return fd;
	close(fd);
	return refused(state, name, "others can enter it; remove it");
}

int state_lock(struct state *state, bool wait)
{
	static const char name[] = "maintain";
	int locks = open_locks(state), result;
	struct stat st;

	if (locks < 0)
		return -1;
	if (fstatat(locks, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		unlinkat(locks, name, 0); /* nothing that we made */
	state->lock = openat(locks, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (state->lock < 0)
		result = failed(state, "locks/maintain", "opening the lock");
	else if (flock(state->lock, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
		result = 0;
	else
		result = errno == EWOULDBLOCK ? 1 : failed(state, "locks/maintain", "taking the lock");
	close(locks);
	return result;
}
