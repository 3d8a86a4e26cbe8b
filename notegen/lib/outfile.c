/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replacing a file; see outfile.h. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diag.h"
#include "hardlinks.h"

#define MARK ".prelink-"
#define RANDOM_CHARACTERS 6
#define BECAME_SHORTER "it became shorter while it was being read; left alone, run again"

/* Bytes after which the disk is told to start writing, so that the fsync at the end finds little to do. */
#define FLUSH_BYTES (8u << 20)

static int fail(const struct outfile *out, const char *doing)
{
	int saved = errno;
	char *outside = root_outside(out->root, out->path);

	errno = saved;
	diag_errno(outside, "%s", doing);
	free(outside);
	return -1;
}

static int refuse(const struct outfile *out, const char *why)
{
	char *outside = root_outside(out->root, out->path);

	diag_error(outside, "replacing it: %s", why);
	free(outside);
	return -1;
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int open_directory(const struct root *root, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	char *directory = length ? xstrndup(path, length) : xstrdup("/");
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY);
	int saved = errno;

	free(directory);
	errno = saved;
	return fd;
}

/* A new name for the temporary of NAME, allocated.  NAME is cut where the whole would be too long. */
static char *temporary_name(const char *name)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab";
	unsigned char dice[RANDOM_CHARACTERS];
	char text[RANDOM_CHARACTERS + 1] = "";
	int room = NAME_MAX - (int)(1 + strlen(MARK) + RANDOM_CHARACTERS);

	if (getrandom(dice, sizeof dice, 0) != sizeof dice)
		memset(dice, getpid() & 0xff, sizeof dice);
	for (size_t i = 0; i < RANDOM_CHARACTERS; i++)
		text[i] = alphabet[dice[i] % 64];
	return xasprintf(".%.*s" MARK "%s", room, name, text);
}

bool outfile_is_temporary(const char *name)
{
	size_t length = strlen(name), end = strlen(MARK) + RANDOM_CHARACTERS;

	if (name[0] != '.' || length < 1 + end || memcmp(name + length - end, MARK, strlen(MARK)) != 0)
		return false;
	for (const char *c = name + length - RANDOM_CHARACTERS; *c; c++)
		if (!((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z')))
			return false;
	return true;
}

void outfile_sweep(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (outfile_is_temporary(name) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(directory, name, 0);
	close(fd);
}

/* --- ending the process in the middle ---
 *
 * Names of temporaries come and go only between enter() and leave(), so that outfile_stop() sees either none
 * or those that are on this list. */

/* A temporary that has had a name from the start. */
struct named {
	struct named *next;
	int directory;
	const char *name; /* of the struct outfile */
};

static struct named *named;
static pthread_mutex_t named_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int entered; /* threads */
static atomic_bool stopped;

static void wait_for_the_end(void)
{
	for (;;)
		pause();
}

static void enter(void)
{
	entered++;
	if (stopped) {
		entered--;
		wait_for_the_end();
	}
}

static void leave(void)
{
	entered--;
}

static void named_add(int directory, const char *name)
{
	struct named *entry = xmalloc(sizeof *entry);

	*entry = (struct named){ .directory = directory, .name = name };
	pthread_mutex_lock(&named_lock);
	entry->next = named;
	named = entry;
	pthread_mutex_unlock(&named_lock);
}

static void named_remove(const char *name)
{
	struct named *entry = NULL;

	pthread_mutex_lock(&named_lock);
	for (struct named **at = &named; *at; at = &(*at)->next)
		if ((*at)->name == name) {
			entry = *at;
			*at = entry->next;
			break;
		}
	pthread_mutex_unlock(&named_lock);
	free(entry);
}

void outfile_stop(void)
{
	if (atomic_exchange(&stopped, true))
		wait_for_the_end(); /* another thread brings it about */
	while (entered)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	for (const struct named *entry = named; entry; entry = entry->next)
		unlinkat(entry->directory, entry->name, 0);
}

/* --- the new file --- */

/* Creates the new file under a name, where it cannot be without one. */
static int create_named(struct outfile *out, mode_t mode)
{
	struct stat st;

	for (int tries = 0; tries < 100; tries++) {
		out->temporary = temporary_name(base_name(out->path));
		out->fd = openat(out->directory, out->temporary,
				 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		/* A sweep may come between creating and locking: then it is gone again. */
		if (out->fd >= 0 && flock(out->fd, LOCK_EX | LOCK_NB) == 0 && fstat(out->fd, &st) == 0 &&
		    st.st_nlink == 1)
			return 0;
		int saved = errno;
		if (out->fd >= 0)
			close(out->fd);
		free(out->temporary);
		out->temporary = NULL;
		if (out->fd < 0 && saved != EEXIST) {
			errno = saved;
			return -1;
		}
	}
	errno = EEXIST;
	return -1;
}

static int create_new_file(struct outfile *out)
{
	/* One that replaces another gets its mode when it is whole, a new one that of any new file. */
	mode_t mode = out->old.st_nlink ? 0600 : 0666;

	/* To give it a name later takes /proc. */
	if (access("/proc/self/fd", X_OK) == 0) {
		out->fd = openat(out->directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
		if (out->fd >= 0)
			return flock(out->fd, LOCK_EX | LOCK_NB);
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return -1;
	}
	enter();
	int result = create_named(out, mode);
	int saved = errno;
	if (result == 0)
		named_add(out->directory, out->temporary);
	leave();
	errno = saved;
	return result;
}

/* True if NOW is the file that was read when stat said OLD. */
static bool is_unchanged(const struct stat *old, const struct stat *now)
{
	return old->st_dev == now->st_dev && old->st_ino == now->st_ino && old->st_size == now->st_size &&
	       old->st_mtim.tv_sec == now->st_mtim.tv_sec && old->st_mtim.tv_nsec == now->st_mtim.tv_nsec &&
	       old->st_ctim.tv_sec == now->st_ctim.tv_sec && old->st_ctim.tv_nsec == now->st_ctim.tv_nsec;
}

/* 0 if what is under the name is still what OUT means to replace. */
static int check_old(const struct outfile *out)
{
	struct stat now;

	if (fstatat(out->directory, base_name(out->path), &now, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT && out->old.st_nlink == 0)
			return 0;
		return fail(out, "replacing it: looking at it again");
	}
	if (!is_unchanged(&out->old, &now))
		return refuse(out, "it was changed by somebody else meanwhile; left alone, run again");
	return 0;
}

static int find_old(struct outfile *out, const struct stat *old)
{
	if (old) {
		out->old = *old;
		return check_old(out);
	}
	if (fstatat(out->directory, base_name(out->path), &out->old, AT_SYMLINK_NOFOLLOW)) {
		out->old = (struct stat){ .st_nlink = 0 };
		return errno == ENOENT ? 0 : fail(out, "looking at the file to be replaced");
	}
	return 0;
}

int outfile_begin(struct outfile *out, const struct root *root, const char *path, const struct stat *old)
{
	*out = (struct outfile){
		.root = root, .path = xstrdup(path), .directory = -1, .fd = -1, .keep_times = old != NULL
	};
	out->directory = open_directory(root, path);
	int result = out->directory < 0 ? fail(out, "opening the directory to write in") : find_old(out, old);

	if (result == 0 && out->old.st_nlink && !S_ISREG(out->old.st_mode))
		result = refuse(out, "it is not a regular file; name the file itself");
	if (result == 0 && create_new_file(out))
		result = fail(out, "creating a new file beside it");
	if (result)
		outfile_abandon(out);
	return result;
}

/* Tells the disk to start writing. */
static void flush(struct outfile *out)
{
	if (out->size > out->flushed)
		sync_file_range(out->fd, (off_t)out->flushed, (off_t)(out->size - out->flushed),
				SYNC_FILE_RANGE_WRITE);
	out->flushed = out->size;
}

static int write_at(struct outfile *out, uint64_t offset, const void *data, size_t size)
{
	const char *from = data;

	while (size) {
		ssize_t done = pwrite(out->fd, from, size < 1u << 30 ? size : 1u << 30, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EFAULT) /* DATA is of a mapped file */
			return refuse(out, BECAME_SHORTER);
		if (done < 0)
			return fail(out, "writing the new file beside it");
		from += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int outfile_write(struct outfile *out, const void *data, size_t size)
{
	if (write_at(out, out->size, data, size))
		return -1;
	out->size += size;
	if (out->size - out->flushed >= FLUSH_BYTES)
		flush(out);
	return 0;
}

int outfile_patch(struct outfile *out, uint64_t offset, const void *data, size_t size)
{
	if (offset < out->flushed)
		out->flushed = 0;
	return write_at(out, offset, data, size);
}

int outfile_skip(struct outfile *out, uint64_t size)
{
	out->size += size;
	return 0;
}

/* Appends up to SIZE bytes of FROM by reading them, where the kernel cannot copy.  Returns bytes copied,
 * 0 at the end of FROM, -1 with errno set. */
static ssize_t copy_by_hand(struct outfile *out, int from, uint64_t size)
{
	char *buffer = xmalloc(1u << 20);
	ssize_t got = pread(from, buffer, size < 1u << 20 ? size : 1u << 20, (off_t)out->size);

	if (got > 0 && pwrite(out->fd, buffer, (size_t)got, (off_t)out->size) != got)
		got = -1;
	free(buffer);
	return got;
}

/* Appends the bytes of FROM up to END, which are no hole. */
static int copy_data(struct outfile *out, int from, uint64_t end)
{
	while (out->size < end) {
		off_t in = (off_t)out->size, to = in;
		uint64_t left = end - out->size;
		ssize_t done = copy_file_range(from, &in, out->fd, &to,
					       left < FLUSH_BYTES ? left : FLUSH_BYTES, 0);

		/* Some file systems cannot, and some say that there is nothing where there is. */
		if (done == 0 || (done < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP ||
					       errno == ENOSYS)))
			done = copy_by_hand(out, from, left);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail(out, "copying it to the new file beside it");
		if (done == 0)
			return refuse(out, BECAME_SHORTER);
		out->size += (uint64_t)done;
		flush(out); /* the disk works while we copy on */
	}
	return 0;
}

int outfile_copy(struct outfile *out, int from, uint64_t size)
{
	while (out->size < size) {
		off_t data = lseek(from, (off_t)out->size, SEEK_DATA), hole = -1;

		if (data < 0 && errno == ENXIO) {
			out->size = size;
			break;
		}
		if (data >= 0)
			hole = lseek(from, data, SEEK_HOLE);
		if (data < 0 || hole < 0) {
			data = (off_t)out->size;
			hole = (off_t)size;
		}
		out->size = (uint64_t)data < size ? (uint64_t)data : size;
		if (copy_data(out, from, (uint64_t)hole < size ? (uint64_t)hole : size))
			return -1;
	}
	return 0;
}

/* Calls `each` for every extended attribute of FD until it returns non-zero, which is then returned. */
static int for_each_attribute(const struct outfile *out, int fd, int other, void *value,
			      int (*each)(const struct outfile *out, int fd, int other, const char *name,
					  void *value))
{
	char *names = xmalloc(XATTR_LIST_MAX);
	ssize_t length = flistxattr(fd, names, XATTR_LIST_MAX);
	int result = 0;

	if (length < 0 && errno != EOPNOTSUPP)
		result = fail(out, "reading its extended attributes");
	for (const char *name = names; result == 0 && name < names + length; name += strlen(name) + 1)
		result = each(out, fd, other, name, value);
	free(names);
	return result;
}

/* An attribute that the new file has by itself is not set: a security label often may not be. */
static int copy_attribute(const struct outfile *out, int fd, int to, const char *name, void *value)
{
	unsigned char *now = (unsigned char *)value + XATTR_SIZE_MAX;
	ssize_t size = fgetxattr(fd, name, value, XATTR_SIZE_MAX);

	if (size >= 0 && fgetxattr(to, name, now, XATTR_SIZE_MAX) == size &&
	    memcmp(value, now, (size_t)size) == 0)
		return 0;
	if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0))
		return fail(out, "keeping its extended attributes");
	return 0;
}

/* What the directory gave the new file (a default ACL), and the old one does not have, goes. */
static int drop_attribute(const struct outfile *out, int fd, int old, const char *name, void *value)
{
	if (strncmp(name, "security.", 9) == 0 || fgetxattr(old, name, value, XATTR_SIZE_MAX) >= 0 ||
	    errno != ENODATA)
		return 0;
	return fremovexattr(fd, name) ? fail(out, "keeping its access control list") : 0;
}

/* The owner first: changing it takes set-id bits and capabilities away. */
static int copy_metadata(struct outfile *out, int original)
{
	struct timespec times[2] = { out->old.st_atim, out->old.st_mtim };
	struct stat now;
	void *value = xmalloc(2 * XATTR_SIZE_MAX); /* an old value and a new one */
	int result;

	if (fstat(out->fd, &now))
		result = fail(out, "looking at the new file beside it");
	else if ((now.st_uid != out->old.st_uid || now.st_gid != out->old.st_gid) &&
		 fchown(out->fd, out->old.st_uid, out->old.st_gid))
		result = fail(out, "keeping its owner (who is not you)");
	else
		result = for_each_attribute(out, out->fd, original, value, drop_attribute);
	if (result == 0)
		result = for_each_attribute(out, original, out->fd, value, copy_attribute);
	if (result == 0 && fchmod(out->fd, out->old.st_mode & 07777))
		result = fail(out, "keeping its mode");
	if (result == 0 && out->keep_times && futimens(out->fd, times))
		result = fail(out, "keeping its times");
	free(value);
	return result;
}

/* The bytes are all there: the size, the attributes, and the disk is told to start. */
static int complete(struct outfile *out)
{
	if (ftruncate(out->fd, (off_t)out->size))
		return fail(out, "writing the new file beside it");
	flush(out);
	if (out->old.st_nlink == 0)
		return 0;
	int original = openat(out->directory, base_name(out->path),
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (original < 0)
		return fail(out, "opening it to keep its attributes");
	int result = copy_metadata(out, original);
	close(original);
	return result;
}

/* Gives the new file a temporary name in DIRECTORY, for NAME there: allocated, NULL with errno set. */
static char *link_beside(const struct outfile *out, int directory, const char *name)
{
	char proc[sizeof "/proc/self/fd/" + 3 * sizeof(int)];

	snprintf(proc, sizeof proc, "/proc/self/fd/%d", out->fd);
	for (int tries = 0; tries < 100; tries++) {
		char *temporary = temporary_name(name);
		int failed = out->temporary ?
				     linkat(out->directory, out->temporary, directory, temporary, 0) :
				     linkat(AT_FDCWD, proc, directory, temporary, AT_SYMLINK_FOLLOW);

		if (!failed)
			return temporary;
		int saved = errno;
		free(temporary);
		errno = saved;
		if (saved != EEXIST)
			break;
	}
	return NULL;
}

/* One more name of the old file. */
struct other_name {
	const char *path; /* borrowed */
	char *temporary;  /* owned; NULL once renamed */
	int directory;
};

/* Gives the new file a temporary name beside one more name of the old file. */
static int prepare_other(const struct outfile *out, struct other_name *other)
{
	struct stat now;

	other->directory = open_directory(out->root, other->path);
	if (other->directory < 0 ||
	    fstatat(other->directory, base_name(other->path), &now, AT_SYMLINK_NOFOLLOW))
		return fail(out, "replacing it: opening the directory of one of its hard links");
	if (!is_unchanged(&out->old, &now))
		return refuse(out, "one of its hard links was changed meanwhile; left alone, run again");
	other->temporary = link_beside(out, other->directory, base_name(other->path));
	return other->temporary ? 0 : fail(out, "replacing it: writing beside one of its hard links");
}

static int rename_other(const struct outfile *out, struct other_name *other)
{
	if (renameat(other->directory, other->temporary, other->directory, base_name(other->path)))
		return fail(out, "replacing one of its hard links");
	free(other->temporary);
	other->temporary = NULL;
	fsync(other->directory);
	return 0;
}

/* Replaces all names of the old file but the one in OUT.  Nothing is replaced until all can be. */
static int replace_others(struct outfile *out, const struct path_list *names)
{
	struct other_name *others = xcalloc(names->count, sizeof *others);
	size_t count = 0;
	int result = 0;

	for (size_t i = 0; i < names->count && result == 0; i++)
		if (strcmp(names->path[i], out->path) != 0) {
			others[count].path = names->path[i];
			result = prepare_other(out, &others[count++]);
		}
	for (size_t i = 0; i < count && result == 0; i++)
		result = rename_other(out, &others[i]);
	for (size_t i = 0; i < count; i++) {
		if (others[i].temporary)
			unlinkat(others[i].directory, others[i].temporary, 0);
		if (others[i].directory >= 0)
			close(others[i].directory);
		free(others[i].temporary);
	}
	free(others);
	return result;
}

/* The new file is on disk: put it in the old one's place. */
static int replace(struct outfile *out)
{
	struct path_list names = { 0 };
	int result = 0;

	if (out->old.st_nlink > 1)
		result = hardlinks_find(out->root, out->path, &out->old, &names);
	if (result == 0)
		result = check_old(out);
	if (result == 0 && !out->temporary) {
		out->temporary = link_beside(out, out->directory, base_name(out->path));
		if (!out->temporary)
			result = fail(out, "giving the new file beside it a name");
	}
	if (result == 0 && names.count > 1)
		result = replace_others(out, &names);
	if (result == 0 && renameat(out->directory, out->temporary, out->directory, base_name(out->path)))
		result = fail(out, "replacing it");
	out->committed = result == 0;
	path_list_release(&names);
	return result;
}

/* Makes the renames of the group last: each directory once, if its files come together. */
static int sync_directories(struct outfile *out, size_t count)
{
	struct stat st, last = { 0 };
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		if (!out[i].committed || fstat(out[i].directory, &st) ||
		    (st.st_dev == last.st_dev && st.st_ino == last.st_ino))
			continue;
		last = st;
		/* EINVAL: a file system whose directories cannot be synced. */
		if (fsync(out[i].directory) && errno != EINVAL)
			result = fail(&out[i], "it was replaced, but making that last");
	}
	return result;
}

/* Between enter() and leave(). */
static void give_up(struct outfile *out)
{
	if (!out->path)
		return;
	if (out->temporary && !out->committed && out->directory >= 0)
		unlinkat(out->directory, out->temporary, 0);
	named_remove(out->temporary);
	if (out->fd >= 0)
		close(out->fd);
	if (out->directory >= 0)
		close(out->directory);
	free(out->temporary);
	free(out->path);
	*out = (struct outfile){ .directory = -1, .fd = -1, .committed = out->committed };
}

int outfile_commit_all(struct outfile *out, size_t count)
{
	sigset_t all, before;
	int result = 0;

	for (size_t i = 0; i < count; i++)
		if (out[i].fd < 0 || complete(&out[i])) {
			outfile_abandon(&out[i]);
			result = -1;
		}
	for (size_t i = 0; i < count; i++)
		if (out[i].fd >= 0 && fsync(out[i].fd)) {
			fail(&out[i], "writing the new file beside it");
			outfile_abandon(&out[i]);
			result = -1;
		}
	/* The new files have names now, for an instant: an interrupt waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < count; i++) {
		if (out[i].fd < 0)
			continue;
		enter();
		if (replace(&out[i])) {
			give_up(&out[i]);
			result = -1;
		}
		leave();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (sync_directories(out, count))
		result = -1;
	for (size_t i = 0; i < count; i++)
		outfile_abandon(&out[i]);
	return result;
}

int outfile_commit(struct outfile *out)
{
	return outfile_commit_all(out, 1);
}

void outfile_abandon(struct outfile *out)
{
	enter();
	give_up(out);
	leave();
}
