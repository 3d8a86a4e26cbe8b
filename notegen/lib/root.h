/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree we work in: `/`, or the directory given with --root.
 *
 * Every path in a manifest, in prelink.conf, in a note and in the table of objects is absolute and
 * meant inside this tree ("/usr/lib/libfoo.so", whatever --root says).  All access goes through
 * here: symbolic links, absolute ones and `..` included, are resolved inside the tree, so nothing
 * outside it is ever read or written (openat2(2), RESOLVE_IN_ROOT).  Diagnostics show the path with
 * the root in front (root_outside()), so that it can be typed into a shell. */
#ifndef ROOT_H
#define ROOT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

struct root {
	int lock; /* descriptor that holds the lock, -1 while there is none; set by root_lock() */
	int run;  /* of where the lock's directory is, -1 while there is no lock */
	const struct lock_place *place; /* its name (root.c); NULL while there is no lock */
	bool made;                      /* `run` was made for it */
	int fd;                         /* O_PATH descriptor of the directory; set by root_open_tree() */
	char *path;                     /* absolute, real, no trailing slash; "" for / itself; owned */
};

/* Opens the tree at PATH (NULL or "/" for the system's own).  0, or -1 after a message. */
int root_open_tree(struct root *root, const char *path);
void root_release(struct root *root);

/* Keeps a second writer out: locks (flock(2)) the file /run/prelink/lock of the tree (/etc/prelink.lock/lock
 * where it has no /run) until root_release() or the end of the process, however it ends.  The directory is
 * made for it, can be entered by its owner only, and goes with the lock: whoever could open the file could
 * lock it.  0, also where we have no right to make it: then the system's files are not ours, either, and two
 * runs over what is ours replace each file as safely as with any foreign writer.  -1 after a message, where
 * somebody else holds it: nobody waits. */
int root_lock(struct root *root);

/* True if FD (O_PATH will do), a file or directory, is immutable or append-only (chattr(1)): in such a
 * directory nothing can be replaced or deleted. */
bool root_is_fixed(int fd);

/* True if what UID owns is not some stranger's: root's, our own, or that of who owns the tree. */
bool root_trusts(const struct root *root, uid_t uid);

/* Opens PATH inside the tree, following symbolic links inside it.  Returns a descriptor, or -1 with
 * errno set and nothing printed.
 *
 * Nothing but regular files is ever opened, unless FLAGS ask for a directory: opening a device may act on it,
 * and one on a pipe may wait for ever.  Whatever is there is looked at first, with O_PATH, which opens
 * nothing; what is no regular file gives EISDIR, or EMEDIUMTYPE (diag_reason() has words for it). */
int root_open(const struct root *root, const char *path, int flags);

/* The same with a PATH outside of any tree. */
int root_open_file(const char *path, int flags);

/* The same with NAME, which is not followed, in the open DIRECTORY; to read it. */
int root_open_in(int directory, const char *name);

/* Opens the configuration file PATH, to read it by lines.  NULL with errno set: EOVERFLOW
 * where it is beyond limit.h. */
FILE *root_open_text(const struct root *root, const char *path);

/* Makes the directories that PATH, a file's inside the tree, is to lie in, as far as they are not there (mode
 * 0755 less the umask).  0, or -1 with errno set. */
int root_make_parents(const struct root *root, const char *path);

/* stat(2), following links inside the tree; lstat(2), not following the last one.  0, or -1 with
 * errno set. */
int root_stat(const struct root *root, const char *path, struct stat *st);
int root_lstat(const struct root *root, const char *path, struct stat *st);

/* The directory that root_stat_near() looked into last, kept open: of many paths in a row, those that lie
 * beside each other cost one system call each, not three.  Zeroed at first. */
struct root_near {
	char *directory; /* NULL: none */
	int fd;          /* O_PATH */
};

/* The same as root_stat(), which it is with NULL for NEAR. */
int root_stat_near(const struct root *root, struct root_near *near, const char *path, struct stat *st);
void root_near_release(struct root_near *near);

/* PATH inside the tree with every symbolic link resolved, allocated; NULL with errno set. */
char *root_real(const struct root *root, const char *path);

/* PATH inside the tree as the rest of the system sees it (root->path + PATH), allocated. */
char *root_outside(const struct root *root, const char *path);

/* Says, with errno, that DOING failed with PATH inside the tree (diag_errno()); -1. */
int root_errno(const struct root *root, const char *path, const char *doing);

/* A path given on the command line: where it names something inside the tree as seen from outside
 * (starts with root->path) or, for the system's own root, is relative to the working directory, the
 * absolute path inside the tree; otherwise taken to be inside the tree already.  Allocated. */
char *root_inside(const struct root *root, const char *argument);

#endif
