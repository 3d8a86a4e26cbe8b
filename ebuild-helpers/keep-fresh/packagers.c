/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The locks of package managers; see packagers.h.
 *
 * dpkg (lib/dpkg/file.c), apt (apt-pkg/contrib/fileutl.cc) and rpm (lib/rpmlock.c) lock with F_SETLK, all of
 * the file, for writing.  portage (lib/portage/locks.py) takes lockf(3), the same, where it has tried that it
 * works, as it does on Linux: for the database, and for each package that it merges. */
#include "packagers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"

#define ANCESTORS_MAX 1000 /* what is further up is taken for somebody else */

static const char *const locks[] = {
	"/var/lib/dpkg/lock-frontend",   "/var/lib/dpkg/lock",      "/var/cache/apt/archives/lock",
	"/var/lib/apt/lists/lock",       "/var/lib/rpm/.rpm.lock",  "/usr/lib/sysimage/rpm/.rpm.lock",
	"/var/db/.pkg.portage_lockfile", "/var/lib/portage/config",
};

#define PORTAGE_DATABASE "/var/db/pkg"

/* The parent of PROCESS, 0 where that cannot be known. */
static pid_t parent_of(pid_t process)
{
	char *path = xasprintf("/proc/%d/stat", (int)process), text[512];
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
	int parent = 0;

	text[length] = '\0';
	/* `PROCESS (NAME) STATE PARENT`; a name may hold anything. */
	char *end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
		parent = 0;
	if (file)
		fclose(file);
	free(path);
	return parent;
}

static bool is_ancestor(pid_t process)
{
	pid_t above = getppid();

	for (int i = 0; above > 0 && i < ANCESTORS_MAX; i++) {
		if (above == process)
			return true;
		above = parent_of(above);
	}
	return false;
}

/* True if somebody else holds the lock PATH, a file inside the tree. */
static bool is_held(const struct root *root, const char *path)
{
	/* Asked like this, only a lock for writing is in the way. */
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct stat st;

	if (root_lstat(root, path, &st) || !S_ISREG(st.st_mode))
		return false;
	int fd = root_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && !is_ancestor(lock.l_pid);
	close(fd);
	return held;
}

static DIR *open_directory(const struct root *root, const char *path)
{
	int fd = root_open(root, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !directory)
		close(fd);
	return directory;
}

/* The lock of a package of portage's CATEGORY that is held, inside the tree, allocated; NULL if none is. */
static char *find_in_category(const struct root *root, const char *category)
{
	static const char suffix[] = ".portage_lockfile";
	char *directory = xasprintf(PORTAGE_DATABASE "/%s", category), *found = NULL;
	DIR *stream = open_directory(root, directory);
	struct dirent *entry;

	while (stream && !found && (entry = readdir(stream))) {
		size_t length = strlen(entry->d_name);

		if (length <= strlen(suffix) || strcmp(entry->d_name + length - strlen(suffix), suffix) != 0)
			continue;
		found = xasprintf("%s/%s", directory, entry->d_name);
		if (!is_held(root, found)) {
			free(found);
			found = NULL;
		}
	}
	if (stream)
		closedir(stream);
	free(directory);
	return found;
}

static char *find_portage_package(const struct root *root)
{
	DIR *stream = open_directory(root, PORTAGE_DATABASE);
	struct dirent *entry;
	char *found = NULL;

	while (stream && !found && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			found = find_in_category(root, entry->d_name);
	if (stream)
		closedir(stream);
	return found;
}

char *packagers_lock(const struct root *root)
{
	char *found = NULL;

	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
		if (is_held(root, locks[i]))
			return root_outside(root, locks[i]);
	found = find_portage_package(root);
	char *outside = found ? root_outside(root, found) : NULL;
	free(found);
	return outside;
}
