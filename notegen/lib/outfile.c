/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replacing a file; see outfile.h. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "exchange.h"
#include "same_file.h"
#include "temporary.h"

#define CHANGED "it was changed by somebody else meanwhile; left alone, run again"
#define BECAME_SHORTER "it became shorter while it was being read; left alone, run again"

/* Bytes after which the disk is told to start writing, so that the fsync at the end finds little to do. */
#define FLUSH_BYTES (8u << 20)

int outfile_fail(const struct outfile *out, const char *doing)
{
	int saved = errno;
	char *outside = root_outside(out->root, out->path);

	errno = saved;
	diag_errno(outside, "%s", doing);
	free(outside);
	return -1;
}

int outfile_refuse(const struct outfile *out, const char *why)
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

int outfile_open_directory(const struct root *root, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	char *directory = length ? xstrndup(path, length) : xstrdup("/");
	int fd = root_open(root, directory, O_RDONLY | O_DIRECTORY);
	int saved = errno;

	free(directory);
	errno = saved;
	return fd;
}

/* --- the new file --- */

static int create_new_file(struct outfile *out)
{
	/* One that replaces another gets its mode when it is whole, a new one that of any new file. */
	mode_t mode = out->replaces ? 0600 : 0666;

	if (temporary_can_wait()) {
		out->fd = openat(out->directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
		if (out->fd >= 0)
			return flock(out->fd, LOCK_EX | LOCK_NB);
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return -1;
	}
	out->fd = temporary_create(out->directory, base_name(out->path), out->old.st_ino, mode,
				   &out->temporary);
	return out->fd < 0 ? -1 : 0;
}

int outfile_check_old(const struct outfile *out)
{
	struct stat now;

	if (fstatat(out->directory, base_name(out->path), &now, AT_SYMLINK_NOFOLLOW))
		return outfile_fail(out, "replacing it: looking at it again");
	if (!same_untouched(&out->old, &now))
		return outfile_refuse(out, CHANGED);
	return 0;
}

/* Looks at what is to be replaced, and whether that can be: nothing was written yet. */
static int find_old(struct outfile *out, const struct stat *old)
{
	const char *name = base_name(out->path);
	int fd;

	if (root_is_fixed(out->directory))
		return outfile_refuse(out, "its directory is immutable or append-only (chattr)");
	if (old) {
		out->old = *old;
		if (outfile_check_old(out))
			return -1;
	} else if (fstatat(out->directory, name, &out->old, AT_SYMLINK_NOFOLLOW)) {
		out->old = (struct stat){ .st_nlink = 0 };
		return errno == ENOENT ? 0 : outfile_fail(out, "looking at the file to be replaced");
	}
	if (!S_ISREG(out->old.st_mode))
		return outfile_refuse(out, "it is not a regular file; name the file itself");
	fd = openat(out->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool fixed = fd >= 0 && root_is_fixed(fd);
	if (fd >= 0)
		close(fd);
	return fixed ? outfile_refuse(out, "it is immutable or append-only (chattr)") : 0;
}

int outfile_begin(struct outfile *out, const struct root *root, const char *path, const struct stat *old)
{
	*out = (struct outfile){
		.root = root, .path = xstrdup(path), .directory = -1, .fd = -1, .replaces = old != NULL
	};
	out->directory = outfile_open_directory(root, path);
	int result = out->directory < 0 ? outfile_fail(out, "opening the directory to write in") :
					  find_old(out, old);

	if (result == 0)
		temporary_sweep_all(out->directory);
	if (result == 0 && create_new_file(out))
		result = outfile_fail(out, "creating a new file beside it");
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
			return outfile_refuse(out, BECAME_SHORTER);
		if (done < 0)
			return outfile_fail(out, "writing the new file beside it");
		from += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

/* Bytes at DATA, of SIZE that go to file offset AT, up to the first page that is, or
 * (ZERO) is not, all zeros. */
static size_t run_length(uint64_t at, const unsigned char *data, size_t size, bool zero)
{
	enum { PAGE = 4096 };
	static const unsigned char zeros[PAGE];
	size_t length = 0;

	while (length < size) {
		size_t part = PAGE - (at + length) % PAGE;

		if (part > size - length)
			part = size - length;
		if ((memcmp(data + length, zeros, part) == 0) != zero)
			break;
		length += part;
	}
	return length;
}

/* Appends SIZE bytes at DATA; pages of zeros are left out, and become holes. */
static int write_around_holes(struct outfile *out, const unsigned char *data, size_t size)
{
	bool hole = false;

	for (size_t length; size; data += length, size -= length, out->size += length, hole = !hole) {
		length = run_length(out->size, data, size, hole);
		if (!hole && write_at(out, out->size, data, length))
			return -1;
	}
	return 0;
}

int outfile_write(struct outfile *out, const void *data, size_t size)
{
	bool has_holes = out->replaces && (uint64_t)out->old.st_blocks * 512 < (uint64_t)out->old.st_size;

	if (has_holes ? write_around_holes(out, data, size) : write_at(out, out->size, data, size))
		return -1;
	if (!has_holes)
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

/* Appends up to SIZE bytes of FROM by reading them, where the kernel cannot copy.  Returns bytes copied,
 * which may be fewer, 0 at the end of FROM, -1 with errno set. */
static ssize_t copy_by_hand(struct outfile *out, int from, uint64_t size)
{
	char *buffer = xmalloc(1u << 20);
	ssize_t got = pread(from, buffer, size < 1u << 20 ? size : 1u << 20, (off_t)out->size);

	if (got > 0)
		got = pwrite(out->fd, buffer, (size_t)got, (off_t)out->size);
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
			return outfile_fail(out, "copying it to the new file beside it");
		if (done == 0)
			return outfile_refuse(out, BECAME_SHORTER);
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
		result = outfile_fail(out, "reading its extended attributes");
	for (const char *name = names; result == 0 && name < names + length; name += strlen(name) + 1)
		result = each(out, fd, other, name, value);
	free(names);
	return result;
}

static int compare_attribute(const struct outfile *out, int fd, int to, const char *name, void *value)
{
	unsigned char *now = (unsigned char *)value + XATTR_SIZE_MAX;
	ssize_t size = fgetxattr(fd, name, value, XATTR_SIZE_MAX);

	(void)out;
	return size < 0 || fgetxattr(to, name, now, XATTR_SIZE_MAX) != size ||
	       memcmp(value, now, (size_t)size) != 0;
}

bool outfile_same_attributes(const struct outfile *out, int old)
{
	void *value = xmalloc(2 * XATTR_SIZE_MAX);
	bool same = for_each_attribute(out, old, out->fd, value, compare_attribute) == 0;

	free(value);
	return same;
}

/* An attribute that the new file has by itself is not set: a security label often may not be. */
static int copy_attribute(const struct outfile *out, int fd, int to, const char *name, void *value)
{
	ssize_t size;

	if (!compare_attribute(out, fd, to, name, value))
		return 0;
	size = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
	if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0))
		return outfile_fail(out, "keeping its extended attributes");
	return 0;
}

/* What the directory gave the new file (a default ACL), and the old one does not have, goes. */
static int drop_attribute(const struct outfile *out, int fd, int old, const char *name, void *value)
{
	if (strncmp(name, "security.", 9) == 0 || fgetxattr(old, name, value, XATTR_SIZE_MAX) >= 0 ||
	    errno != ENODATA)
		return 0;
	return fremovexattr(fd, name) ? outfile_fail(out, "keeping its access control list") : 0;
}

/* The owner first: changing it takes set-id bits and capabilities away. */
static int copy_metadata(struct outfile *out, int original)
{
	struct timespec times[2] = { out->old.st_atim, out->old.st_mtim };
	struct stat now;
	void *value = xmalloc(2 * XATTR_SIZE_MAX); /* an old value and a new one */
	int result;

	if (fstat(out->fd, &now))
		result = outfile_fail(out, "looking at the new file beside it");
	else if ((now.st_uid != out->old.st_uid || now.st_gid != out->old.st_gid) &&
		 fchown(out->fd, out->old.st_uid, out->old.st_gid))
		result = outfile_fail(out, "keeping its owner (who is not you)");
	else
		result = for_each_attribute(out, out->fd, original, value, drop_attribute);
	if (result == 0)
		result = for_each_attribute(out, original, out->fd, value, copy_attribute);
	if (result == 0 && fchmod(out->fd, out->old.st_mode & 07777))
		result = outfile_fail(out, "keeping its mode");
	if (result == 0 && futimens(out->fd, times))
		result = outfile_fail(out, "keeping its times");
	free(value);
	return result;
}

/* A new file, with the permission bits and times of what has STATUS. */
static int take_after(const struct outfile *out, const struct stat *status)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	if (fchmod(out->fd, status->st_mode & 0777) || futimens(out->fd, times))
		return outfile_fail(out, "giving it the mode and times of the original");
	return 0;
}

/* The bytes are all there: the size, the attributes, and the disk is told to start. */
static int complete(struct outfile *out)
{
	struct stat now;

	if (ftruncate(out->fd, (off_t)out->size))
		return outfile_fail(out, "writing the new file beside it");
	flush(out);
	if (!out->replaces)
		return out->like ? take_after(out, out->like) : 0;
	int original = root_open_in(out->directory, base_name(out->path)), result;
	if (original < 0)
		return outfile_fail(out, "opening it to keep its attributes");
	/* Who can rename here shall not choose whose capabilities the new file gets. */
	if (fstat(original, &now) || !same_untouched(&out->old, &now))
		result = outfile_refuse(out, CHANGED);
	else
		result = copy_metadata(out, original);
	close(original);
	return result;
}

/* The new file is on disk: put it where nothing is, or something that does not matter. */
static int put(struct outfile *out)
{
	struct stat new;

	if (!out->temporary && fstat(out->fd, &new) == 0)
		out->temporary = temporary_link(out->fd, -1, NULL, out->directory, base_name(out->path),
						out->old.st_ino, new.st_ino);
	if (!out->temporary)
		return outfile_fail(out, "giving the new file beside it a name");
	if (renameat(out->directory, out->temporary, out->directory, base_name(out->path)))
		return outfile_fail(out, "replacing it");
	out->committed = true;
	return 0;
}

/* The new file is on disk: put it in its place. */
static int replace(struct outfile *out)
{
	if (!out->replaces)
		return put(out);
	return exchange_all(out, &out->committed);
}

int outfile_sync_directory(int directory)
{
	/* EINVAL: a file system whose directories cannot be synced. */
	return fsync(directory) && errno != EINVAL ? -1 : 0;
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
		if (outfile_sync_directory(out[i].directory))
			result = outfile_fail(&out[i], "it was replaced, but making that last");
	}
	return result;
}

void outfile_abandon(struct outfile *out)
{
	if (!out->path)
		return;
	if (out->temporary && !out->committed && out->directory >= 0)
		unlinkat(out->directory, out->temporary, 0);
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
			outfile_fail(&out[i], "writing the new file beside it");
			outfile_abandon(&out[i]);
			result = -1;
		}
	/* The new files have names now, for an instant: an interrupt waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < count; i++) {
		if (out[i].fd < 0)
			continue;
		if (replace(&out[i])) {
			result = -1;
			if (!out[i].committed)
				outfile_abandon(&out[i]);
		}
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
