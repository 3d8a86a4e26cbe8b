/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replacing a file: the only way in which either tool writes one.
 *
 *     struct outfile out;
 *     if (outfile_begin(&out, root, path))          // temporary beside the file, same directory
 *             return -1;
 *     if (outfile_write(&out, data, size) || outfile_commit(&out))
 *             ...                                     // the old file is still there, untouched
 *
 * commit gives the temporary the old file's mode, owner, extended attributes (ACLs, capabilities and
 * SELinux labels are such) and times, fsyncs it and renames it over the old name; where the old file
 * had several hard links, every one of them is replaced, and the new names are hard links again; if
 * not all names of the file can be found, it is refused before anything is replaced.  Every other
 * way out, outfile_abandon() or an error, unlinks the temporary.  A reader, and a machine that
 * loses power, sees the old file or the new one, never less.
 *
 * Temporaries are called `.NAME.prelink-XXXXXX`, and are locked (flock) while their writer lives, so
 * that outfile_sweep() can remove what a killed run left.  A file that is being replaced is checked,
 * just before the rename, to be the one that was read (device, inode, size, mtime, ctime). */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "root.h"

struct outfile {
	const struct root *root;
	char *path;       /* inside the tree, real (no symbolic link in it); owned */
	char *temporary;  /* last component of the temporary's name; owned */
	int directory;    /* descriptor of the directory of both */
	int fd;           /* the temporary */
	struct stat old;  /* of the file being replaced, as read; st_nlink 0: there was none */
};

/* Starts replacing PATH (its last component is not followed if it is a symbolic link: such a path is
 * refused; resolve it with root_real() first).  OLD is what stat said when the file was read, NULL
 * to create or replace unconditionally (cache, -o output).  0, or -1 after a message. */
int outfile_begin(struct outfile *out, const struct root *root, const char *path,
		  const struct stat *old);

/* Appends SIZE bytes; outfile_skip() leaves a hole.  0, or -1 after a message. */
int outfile_write(struct outfile *out, const void *data, size_t size);
int outfile_skip(struct outfile *out, size_t size);

/* Ends it: see above.  0, or -1 after a message; either way OUT holds nothing afterwards. */
int outfile_commit(struct outfile *out);

/* Gives it up, silently.  Harmless after a commit. */
void outfile_abandon(struct outfile *out);

/* True for the name (last component) of one of our temporaries. */
bool outfile_is_temporary(const char *name);

/* Removes the temporary NAME in DIRECTORY (a descriptor) if its writer is gone. */
void outfile_sweep(int directory, const char *name);

#endif
