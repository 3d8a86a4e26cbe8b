/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files whose bytes somebody compares with a digest that lies beside them: changed, they refuse to work.
 *
 *     NAME.chk of NAME.so                      NSS, shlibsign(1)
 *     .NAME.hmac, NAME.hmac                    libgcrypt, GnuTLS, libkcapi, OpenSSL, as some distributions build them
 *     fipscheck/NAME.hmac, hmaccalc/NAME.hmac  beside NAME, or in a library directory for a program
 *
 * NAME may be that of a link to the file.  A .hmac may have lines `path = FILE`, of more files beside it, as
 * GnuTLS writes for the libraries that it calls.  Digests inside of files: elf_checks_itself().
 *
 *     struct digests digests;
 *     digests_init(&digests, &root);
 *     ... digests_has(&digests, path, &st)      // by any number of threads
 *     digests_release(&digests); */
#ifndef DIGESTS_H
#define DIGESTS_H

#include <pthread.h>

#include "path_list.h"
#include "root.h"

struct digested {
	dev_t device;
	ino_t inode;
};

struct digests {
	const struct root *root;
	pthread_mutex_t lock; /* while one of them asks */
	void *directories;    /* that were read: a tree of names */
	void *files;          /* that have one: a tree of struct digested */
	bool far_read;        /* the directories of fipscheck and hmaccalc */
};

/* ROOT outlives it.  Each directory is read once, when a file in it is asked for. */
void digests_init(struct digests *digests, const struct root *root);
void digests_release(struct digests *digests);

/* True if there is a digest of the file at PATH (real, inside the root), which ST is of. */
bool digests_has(struct digests *digests, const char *path, const struct stat *st);

#endif
