/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file becomes an object: what it is, what it needs, and why it may be left alone. */
#ifndef READ_H
#define READ_H

#include "gather/conf.h"
#include "object.h"
#include "options.h"
#include "root.h"

/* A file that is being read. */
struct file {
	int fd;
	const char *path; /* real, inside the root */
	struct stat st;
	bool fixed; /* it or its directory is: root_is_fixed() */
	mode_t directory_mode;
};

/* Sets `st`, and `fixed` where it is: fstat(2) and, in the same system call, the attributes of chattr(1).
 * 0, or -1 with errno set. */
int read_status(struct file *file);

/* By the first bytes alone: whether the file may be an ELF object that ld.so maps. */
bool read_starts_like_object(int fd);

/* A new object for FILE, which starts like one; all but `listed` and `names` of what gather sets.  NULL with
 * errno ENOEXEC where it is none that ld.so maps, or EBADMSG where it was said what is wrong with it. */
struct object *read_object(const struct file *file, const struct root *root, const struct conf *conf,
			   const struct options *options);

#endif
