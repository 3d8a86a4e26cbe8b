/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths inside a tree; see root.h.  The kernel does the resolving: openat2(2) with RESOLVE_IN_ROOT
 * treats the tree's directory as `/` for absolute links and `..` alike. */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"

static bool is_system(const struct root *root)
{
	return root->path[0] == '\0';
}

static int open_in_root(const struct root *root, const char *path, int flags)
{
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.mode = creates ? 0600 : 0,
				.resolve = RESOLVE_IN_ROOT };
	int fd;

	/* EAGAIN: something was renamed while a `..` was being resolved, and the kernel could not be
	 * sure that it stayed inside. */
	for (int tries = 0; tries < 100; tries++) {
		fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

/* --- regular files --- */

/* PATH inside ROOT, or with NULL outside of any, where it is in the open DIRECTORY unless
 * that is -1; whatever it is. */
static int open_any(const struct root *root, int directory, const char *path, int flags)
{
	if (root && !is_system(root))
		return open_in_root(root, path, flags);
	return directory < 0 ? open(path, flags | O_CLOEXEC, 0600) :
			       openat(directory, path, flags | O_CLOEXEC, 0600);
}

/* FD if it is the file of ST, which it was meant to be. */
static int expect(int fd, const struct stat *st)
{
	struct stat now;

	if (fd < 0 || (fstat(fd, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino))
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

/* Opens the file that SEEN is, an O_PATH descriptor of what is in ST then, if it is a regular one. */
static int open_seen(int seen, int flags, struct stat *st)
{
	char link[sizeof "/proc/self/fd/" + 3 * sizeof seen];

	if (fstat(seen, st))
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = S_ISDIR(st->st_mode) ? EISDIR : S_ISLNK(st->st_mode) ? ELOOP : EMEDIUMTYPE;
		return -1;
	}
	snprintf(link, sizeof link, "/proc/self/fd/%d", seen);
	return open(link, (flags & ~O_NOFOLLOW) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int open_regular(const struct root *root, int directory, const char *path, int flags)
{
	int seen = open_any(root, directory, path, O_PATH | (flags & O_NOFOLLOW));
	struct stat st;

	if (seen < 0)
		return -1;
	int fd = open_seen(seen, flags, &st);
	/* Where /proc is not mounted there is no other way than by the name, once more. */
	if (fd < 0 && errno == ENOENT)
		fd = expect(open_any(root, directory, path, flags | O_NONBLOCK | O_NOCTTY), &st);
	int saved = errno;
	close(seen);
	errno = saved;
	return fd;
}

int root_open_in(int directory, const char *name)
{
	return open_regular(NULL, directory, name, O_RDONLY | O_NOFOLLOW);
}

int root_open_file(const char *path, int flags)
{
	return open_regular(NULL, -1, path, flags);
}

int root_open(const struct root *root, const char *path, int flags)
{
	/* O_TMPFILE has O_DIRECTORY in it. */
	return flags & (O_PATH | O_DIRECTORY | O_CREAT) ? open_any(root, -1, path, flags) :
							  open_regular(root, -1, path, flags);
}

FILE *root_open_text(const struct root *root, const char *path)
{
	int fd = root_open(root, path, O_RDONLY);
	struct stat st;
	FILE *file = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		errno = EOVERFLOW;
		file = st.st_size > LIMIT_CONF ? NULL : fdopen(fd, "r");
	}
	int saved = errno;
	if (fd >= 0 && !file)
		close(fd);
	errno = saved;
	return file;
}

/* --- the lock --- */

#define LOCK_NAME "lock"

/* Inside the tree: where the lock's own directory is made.  The first that there is: an image that has no
 * /run is to have none afterwards, and the times of its top directory are to stay what they were, since they
 * tell whether anything has changed there. */
static const struct lock_place {
	const char *parent, *name;
} lock_places[] = { { "/run", "prelink" }, { "/etc", "prelink.lock" } };

static void release_lock(struct root *root)
{
	/* While it is still held, so that nobody's else goes. */
	if (root->lock >= 0) {
		int directory = openat(root->run, root->place->name,
				       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (directory >= 0) {
			unlinkat(directory, LOCK_NAME, 0);
			close(directory);
		}
		unlinkat(root->run, root->place->name, AT_REMOVEDIR);
		if (root->made)
			unlinkat(root->fd, root->place->parent + 1, AT_REMOVEDIR);
		close(root->lock);
	}
	if (root->run >= 0)
		close(root->run);
}

static int open_run(struct root *root)
{
	int fd = -1;

	for (size_t i = 0; i < sizeof lock_places / sizeof *lock_places && fd < 0; i++) {
		root->place = &lock_places[i];
		fd = root_open(root, root->place->parent, O_RDONLY | O_DIRECTORY);
		if (fd < 0 && errno != ENOENT)
			return -1;
	}
	if (fd < 0) {
		root->place = &lock_places[0];
		root->made = mkdirat(root->fd, root->place->parent + 1, 0755) == 0;
		fd = root->made ? root_open(root, root->place->parent, O_RDONLY | O_DIRECTORY) : -1;
	}
	return fd;
}

bool root_trusts(const struct root *root, uid_t uid)
{
	struct stat top;

	return uid == 0 || uid == geteuid() || (fstat(root->fd, &top) == 0 && uid == top.st_uid);
}

/* True if only its owner can enter the open DIRECTORY, and that is root, us, or who owns the tree. */
static bool is_closed(const struct root *root, int directory)
{
	struct stat st;

	return fstat(directory, &st) == 0 && root_trusts(root, st.st_uid) &&
	       ((st.st_mode & 077) == 0 || fchmod(directory, 0700) == 0);
}

/* Opens the file to be locked; the directory may go while we do so.  -1 with errno set. */
static int open_lock(const struct root *root)
{
	struct stat st;
	int fd;

	if (mkdirat(root->run, root->place->name, 0700) && errno != EEXIST)
		return -1;
	int directory = openat(root->run, root->place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return -1;
	if (is_closed(root, directory)) {
		fd = openat(directory, LOCK_NAME,
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	} else {
		errno = EPERM;
		fd = -1;
	}
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EPERM;
		fd = -1;
	}
	int saved = errno;
	close(directory);
	errno = saved;
	return fd;
}

/* True if the lock that FD holds is the one that others will find. */
static bool is_current(const struct root *root, int fd)
{
	struct stat held, found;
	char *path = xasprintf("%s/%s", root->place->name, LOCK_NAME);
	bool same = fstat(fd, &held) == 0 && fstatat(root->run, path, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
		    held.st_dev == found.st_dev && held.st_ino == found.st_ino;

	free(path);
	return same;
}

/* The tree could not be locked, and errno says why.  0 where we go on without, else -1 after a message. */
static int fail_lock(const struct root *root)
{
	int error = errno, result = 0;
	char *shown = xasprintf("%s%s/%s/%s", root->path, root->place->parent, root->place->name, LOCK_NAME);

	errno = error;
	if (error == EWOULDBLOCK)
		result =
			diag_error(shown,
				   "locking the tree: another run is changing it; wait until that has ended");
	else if (error == EPERM)
		result = diag_error(
			shown, "locking the tree: its directory is not one that only its owner, you or root, "
			       "can enter; remove it");
	else if (error != EACCES && (error != EROFS || geteuid() == 0))
		result = diag_errno(shown, "locking the tree");
	free(shown);
	return result;
}

int root_lock(struct root *root)
{
	int result = 0, fd = -1;

	root->run = open_run(root);
	/* Whoever ends takes the file away, so it may be the last one's that we have locked. */
	for (int tries = 0; root->run >= 0 && tries < 100; tries++) {
		fd = open_lock(root);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || is_current(root, fd))
			break;
		close(fd);
		fd = -1;
		errno = EWOULDBLOCK;
	}
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		root->lock = fd;
	else
		result = fail_lock(root);
	if (fd >= 0 && root->lock < 0)
		close(fd);
	return result;
}

bool root_is_fixed(int fd)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH, 0, &x) == 0 &&
	       (x.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND));
}

/* --- paths --- */

int root_open_tree(struct root *root, const char *path)
{
	char *real;

	*root = (struct root){ .fd = -1, .lock = -1, .run = -1 };
	if (!path)
		path = "/";
	real = realpath(path, NULL);
	if (!real)
		return diag_errno(path, "opening the root directory");
	root->fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root->path = strcmp(real, "/") == 0 ? xstrdup("") : xstrdup(real);
	free(real);
	if (root->fd < 0) {
		diag_errno(path, "opening the root directory");
		root_release(root);
		return -1;
	}
	if (!is_system(root)) {
		int fd = open_in_root(root, "/", O_PATH);

		if (fd < 0) {
			diag_errno(path, "resolving paths inside the root directory (openat2, Linux 5.6 or "
					 "later, not forbidden by a container)");
			root_release(root);
			return -1;
		}
		close(fd);
	}
	return 0;
}

void root_release(struct root *root)
{
	release_lock(root);
	if (root->fd >= 0)
		close(root->fd);
	free(root->path);
	*root = (struct root){ .fd = -1, .lock = -1, .run = -1 };
}

static int stat_with(const struct root *root, const char *path, int flags, struct stat *st)
{
	int fd = open_in_root(root, path, O_PATH | flags);

	if (fd < 0)
		return -1;
	int result = fstat(fd, st), saved = errno;
	close(fd);
	errno = saved;
	return result;
}

/* Makes the directory PATH, whose parent is there. */
static int make_directory(const struct root *root, const char *path)
{
	char *parent = xstrdup(path), *slash = strrchr(parent, '/');
	const char *name = path + (slash - parent) + 1;

	slash[slash == parent] = '\0';
	int fd = root_open(root, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int status = fd < 0 ? -1 : mkdirat(fd, name, 0755);

	if (status && errno == EEXIST)
		status = 0;
	int saved = errno;
	if (fd >= 0)
		close(fd);
	free(parent);
	errno = saved;
	return status;
}

int root_make_parents(const struct root *root, const char *path)
{
	char *part = xstrdup(path);
	int status = 0;

	for (char *slash = strchr(part + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
		struct stat st;

		*slash = '\0';
		if (root_stat(root, part, &st))
			status = errno == ENOENT ? make_directory(root, part) : -1;
		*slash = '/';
	}
	free(part);
	return status;
}

int root_stat(const struct root *root, const char *path, struct stat *st)
{
	return is_system(root) ? stat(path, st) : stat_with(root, path, 0, st);
}

int root_lstat(const struct root *root, const char *path, struct stat *st)
{
	return is_system(root) ? lstat(path, st) : stat_with(root, path, O_NOFOLLOW, st);
}

/* Opens the first LENGTH bytes of PATH, a directory, unless it is the one that NEAR has open.
 * 0, or -1 with errno set. */
static int go_near(const struct root *root, struct root_near *near, const char *path, size_t length)
{
	if (near->directory && strncmp(near->directory, path, length) == 0 && near->directory[length] == '\0')
		return 0;
	root_near_release(near);
	char *directory = xstrndup(path, length);
	int fd = open_in_root(root, directory, O_PATH | O_DIRECTORY);

	if (fd < 0) {
		int saved = errno;
		free(directory);
		errno = saved;
		return -1;
	}
	*near = (struct root_near){ directory, fd };
	return 0;
}

int root_stat_near(const struct root *root, struct root_near *near, const char *path, struct stat *st)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : "";

	/* What is no plain name in a directory is for the kernel to resolve, a link as well. */
	if (!near || is_system(root) || slash == path || !*name || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return root_stat(root, path, st);
	if (go_near(root, near, path, (size_t)(slash - path)) ||
	    fstatat(near->fd, name, st, AT_SYMLINK_NOFOLLOW))
		return -1;
	return S_ISLNK(st->st_mode) ? root_stat(root, path, st) : 0;
}

void root_near_release(struct root_near *near)
{
	if (near->directory) {
		close(near->fd);
		free(near->directory);
	}
	*near = (struct root_near){ 0 };
}

/* What FD was opened as, seen from outside the tree.  NULL with errno set. */
static char *descriptor_path(int fd)
{
	char link[sizeof "/proc/self/fd/" + 3 * sizeof fd], path[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path);
	if (length < 0)
		return NULL;
	if (length == sizeof path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return xstrndup(path, (size_t)length);
}

/* The part of PATH (real, from outside) inside the tree, NULL where it is not inside. */
static const char *strip_root(const struct root *root, const char *path)
{
	size_t length = strlen(root->path);

	if (strncmp(path, root->path, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return "/";
	return path[length] == '/' ? path + length : NULL;
}

char *root_real(const struct root *root, const char *path)
{
	if (is_system(root))
		return realpath(path, NULL);

	int fd = open_in_root(root, path, O_PATH);
	if (fd < 0)
		return NULL;
	char *outside = descriptor_path(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	if (!outside)
		return NULL;
	/* A file that was removed meanwhile, or a tree that was moved, no longer has a name in it. */
	const char *inside = strip_root(root, outside);
	char *result = inside ? xstrdup(inside) : NULL;
	free(outside);
	if (!result)
		errno = ENOENT;
	return result;
}

char *root_outside(const struct root *root, const char *path)
{
	return xasprintf("%s%s%s", root->path, path[0] == '/' ? "" : "/", path);
}

/* ARGUMENT as an absolute path, NULL if the working directory has none. */
static char *absolute(const char *argument)
{
	if (argument[0] == '/')
		return xstrdup(argument);

	char *directory = getcwd(NULL, 0);
	if (!directory)
		return NULL;
	char *path = xasprintf("%s/%s", strcmp(directory, "/") == 0 ? "" : directory, argument);
	free(directory);
	return path;
}

/* PATH with its directory's symbolic links resolved; its last component stays.  NULL where the
 * directory does not exist. */
static char *real_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	char *real = realpath(directory, NULL);
	char *result = real ? xasprintf("%s%s", strcmp(real, "/") == 0 ? "" : real, slash) : NULL;

	free(directory);
	free(real);
	return result;
}

char *root_inside(const struct root *root, const char *argument)
{
	char *path = absolute(argument), *result = NULL;

	if (path && is_system(root))
		return path;
	if (path) {
		const char *inside = strip_root(root, path);
		char *real = inside ? NULL : real_directory(path);

		if (real)
			inside = strip_root(root, real);
		if (inside)
			result = xstrdup(inside);
		free(real);
	}
	free(path);
	return result ? result : xasprintf("%s%s", argument[0] == '/' ? "" : "/", argument);
}

int root_errno(const struct root *root, const char *path, const char *doing)
{
	int saved = errno;
	char *outside = root_outside(root, path);

	errno = saved;
	diag_errno(outside, "%s", doing);
	free(outside);
	return -1;
}
