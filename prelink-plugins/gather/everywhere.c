/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where to look for prelinked files; see everywhere.h. */
#include "gather/everywhere.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Those that <linux/magic.h> does not name. */
enum {
	CIFS_MAGIC = 0xff534d42,
	FUSECTL_MAGIC = 0x65735543,
	MQUEUE_MAGIC = 0x19800202,
	RPC_PIPEFS_MAGIC = 0x67596969
};

/* File systems whose files are another machine's, or none at all; to look at some of them takes for ever. */
static bool is_foreign(unsigned long type)
{
	static const unsigned long foreign[] = {
		NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC,   CIFS_MAGIC,
		AFS_SUPER_MAGIC,  AFS_FS_MAGIC,    CODA_SUPER_MAGIC,   CEPH_SUPER_MAGIC,
		NCP_SUPER_MAGIC,  V9FS_MAGIC,      FUSE_SUPER_MAGIC,   AUTOFS_SUPER_MAGIC,
		PROC_SUPER_MAGIC, SYSFS_MAGIC,     CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,    TRACEFS_MAGIC,   SECURITYFS_MAGIC,   SELINUX_MAGIC,
		PSTOREFS_MAGIC,   EFIVARFS_MAGIC,  BPF_FS_MAGIC,       DEVPTS_SUPER_MAGIC,
		BINFMTFS_MAGIC,   NSFS_MAGIC,      FUSECTL_MAGIC,      MQUEUE_MAGIC,
		RPC_PIPEFS_MAGIC,
	};

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (foreign[i] == type)
			return true;
	return false;
}

/* True if PATH is in what the configuration names, and goes on across file systems. */
static bool is_named(const struct conf *conf, const char *path)
{
	for (size_t i = 1; i < conf->count; i++) {
		size_t length = strlen(conf->entry[i].path);

		if (!conf->entry[i].one_file_system && strncmp(path, conf->entry[i].path, length) == 0 &&
		    (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

bool everywhere_enters(const struct conf *conf, const struct root *root, const char *path, dev_t device)
{
	char cache[] = "etc/prelink.cache";
	struct statfs fs;
	struct stat st;
	/* Without O_DIRECTORY, which would have an automounter mount something. */
	int fd = root_open(root, path, O_PATH | O_NOFOLLOW);
	bool enters = false;

	if (fd < 0)
		return true; /* who reads it says why */
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		enters = st.st_dev == device || is_named(conf, path) ||
			 (!conf->entry[0].one_file_system && fstatfs(fd, &fs) == 0 &&
			  !is_foreign((unsigned long)fs.f_type));
		enters = enters && fstatat(fd, cache, &st, AT_SYMLINK_NOFOLLOW) != 0;
	}
	close(fd);
	return enters;
}
