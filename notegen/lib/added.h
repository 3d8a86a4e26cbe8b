/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What notegen changed on a system, so that all of it can be taken back when the package goes: the tree's
 * /var/lib/prelink/notes.  Notes that came inside packages are not in it, and stay.
 *
 *     struct added added;
 *     if (added_open(&added, &root) == 0) {       // with the tree's lock; nothing is kept where
 *             added_change(&added, path, before, after, note);   // the directory is not there
 *             added_write(&added);                // before the file is replaced
 *     }
 *     added_release(&added);
 *
 * A file is known by its bytes (SHA-256): what an upgrade put in its place since is not touched. */
#ifndef ADDED_H
#define ADDED_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>

#include "root.h"

#define ADDED_DIGEST 65 /* characters of a SHA-256 in hexadecimal, and the NUL */

/* A change: a file PATH (inside the tree) with the bytes AFTER had BEFORE and the note NOTE (JSON; "": none)
 * before notegen's first change of it. */
struct added_change {
	char *path, *note;
	char before[ADDED_DIGEST], after[ADDED_DIGEST];
};

struct added {
	struct root *root;
	bool kept;    /* there is a directory for it */
	bool unsaved; /* there is something to write */
	struct added_change *change;
	size_t count;
};

/* Reads what there is, for who changes nothing.  0, or -1 after a message. */
int added_read(struct added *added, const struct root *root);

/* The same, with the tree's lock, for who changes files.  0, or -1 after a message. */
int added_open(struct added *added, struct root *root);
void added_release(struct added *added);

/* Adds that PATH became AFTER; was it changed before, that counts as one change. */
void added_change(struct added *added, const char *path, const char *before, const char *after,
		  const char *note);
/* Forgets the changes of PATH. */
void added_forget(struct added *added, const char *path);
/* True if any change of PATH (NULL: of any file) is known, whatever it is now. */
bool added_has(const struct added *added, const char *path);
/* How PATH (NULL: some file, which may have other names), with the bytes AFTER, came to be so;
 * NULL if that is not known. */
const struct added_change *added_find(const struct added *added, const char *path, const char *after);

/* Writes it; nothing where it is not kept, or has not changed.  0, or -1 after a message. */
int added_write(struct added *added);

/* What CONTEXT has come to, in hexadecimal. */
void added_digest_end(struct sha256_ctx *context, char digest[ADDED_DIGEST]);

/* The SHA-256 of the file FD, which messages call PATH.  0, or -1 after a message. */
int added_digest(int fd, const char *path, char digest[ADDED_DIGEST]);

#endif
