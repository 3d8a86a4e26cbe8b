/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replacing a file: the only way in which either tool writes one.
 *
 *     struct outfile out;
 *     if (outfile_begin(&out, root, path, &st))       // a new file, in the same directory
 *             return -1;
 *     if (outfile_write(&out, data, size) || outfile_commit(&out))
 *             ...                                     // the old file is still there, untouched
 *
 * commit gives the new file the old one's mode, owner, extended attributes (ACLs, capabilities and SELinux
 * labels are such) and times, fsyncs it and exchanges it with the old one; where the old file had several
 * hard links, every one of them is replaced, and the new names are hard links again; if not all names of the
 * file can be found, it is refused before anything is replaced.  What is replaced is what was read, whatever
 * others do to the file or its names meanwhile; exchange.h says how, and where the file system cannot.  Then
 * the directories are fsynced; an error of that is one of the commit's.  Every other way out,
 * outfile_abandon() or an error, removes the new file.  A reader, and a machine that loses power, sees the
 * old file or the new one, never less.
 *
 * A file that replaces none in particular (the cache, a report, what -o names) is a new one, with its owner
 * and mode; it is renamed over what has the name.
 *
 * The new file has no name until it is whole and safe on disk (O_TMPFILE), then for an instant that of a
 * temporary, see temporary.h; where the file system cannot do that, it is called so from the start.  What
 * killed runs left in a directory is swept before anything is written there.  Where nothing could be replaced
 * or deleted again, in an immutable or append-only directory (chattr(1)), nothing is begun.
 *
 * Who replaces many files gathers some dozens of them, each written in full, and ends them with one
 * outfile_commit_all(): the disk works on all of them at once, and the journal and each directory are
 * written once for the group.  Nothing here is shared between two outfiles; threads may each have
 * theirs. */
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
	char *temporary;  /* last component of the new file's own name, NULL while it has none; owned */
	int directory;    /* descriptor of the directory of both */
	int fd;           /* the new file, -1 once it is committed or given up */
	struct stat old;  /* of the file being replaced, as read; st_nlink 0: there was none */
	uint64_t size;    /* bytes of the new file so far, holes included */
	uint64_t flushed; /* of these, bytes that the disk has been told to write already */
	bool replaces;    /* OLD was given: what is replaced is one file in another form */
	bool some_names; /* to be set before commit: where not all hard links can be found, replace those that
			     can, and say so */
	bool committed;  /* the name is the new file's */

	/* To be set before commit, where nothing is replaced: whose permission bits
	 * and times the file gets. */
	const struct stat *like;
};

/* Starts replacing PATH (its last component is not followed if it is a symbolic link: such a path is refused;
 * resolve it with root_real() first).  OLD is what stat said when the file was read, NULL to create or
 * replace unconditionally (cache, -o output): then nothing of what was there is kept; the mode is 0666 less
 * the umask; fchmod(out->fd), or set out->like, where that is not right.  0, or -1 after a message. */
int outfile_begin(struct outfile *out, const struct root *root, const char *path, const struct stat *old);

/* Appends SIZE bytes.  Where the file that is replaced has holes, pages of zeros become such.
 * 0, or -1 after a message. */
int outfile_write(struct outfile *out, const void *data, size_t size);

/* Appends the first SIZE bytes of the file FROM, which stand at the same offsets here: nothing may have
 * been written yet.  Shares their blocks where the file system can; keeps holes.  0, or -1 after a
 * message. */
int outfile_copy(struct outfile *out, int from, uint64_t size);

/* Replaces SIZE bytes that are there already, at OFFSET.  0, or -1 after a message. */
int outfile_patch(struct outfile *out, uint64_t offset, const void *data, size_t size);

/* Ends it: see above.  0, or -1 after a message; either way OUT holds nothing afterwards. */
int outfile_commit(struct outfile *out);

/* Ends COUNT of them, each as outfile_commit() does and whatever becomes of the others: `committed` says
 * which were.  0 if all were, else -1 after a message for each that was not. */
int outfile_commit_all(struct outfile *out, size_t count);

/* Gives it up, silently.  Harmless after a commit. */
void outfile_abandon(struct outfile *out);

/* --- for exchange.c --- */

/* Say why OUT was not replaced, with errno and without.  -1. */
int outfile_fail(const struct outfile *out, const char *doing);
int outfile_refuse(const struct outfile *out, const char *why);

/* The directory of PATH, opened to be read.  -1 with errno set. */
int outfile_open_directory(const struct root *root, const char *path);
int outfile_sync_directory(int directory);

/* 0 if what is under the name is still what OUT means to replace, or -1 after a message. */
int outfile_check_old(const struct outfile *out);

/* True if the new file has all extended attributes of the file OLD. */
bool outfile_same_attributes(const struct outfile *out, int old);

#endif
