/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting a new file in the place of the old one, under all its names, while others do the same.
 *
 * Under each name the two files are exchanged (renameat2(2), RENAME_EXCHANGE): the name always names one of
 * them, and what it named until then comes out under the temporary's name.  If that is not the old file, as
 * it was read, it goes back: somebody replaced it in the instant before, and his file is the newer one.  When
 * all names are exchanged, the old file is looked at: if it was written to, if its mode, owner or attributes
 * changed, if it got another name, everything goes back as well, as it does when one name cannot be
 * exchanged.  A name that is gone stays gone.  What was replaced once more while it was being put back stays
 * as it is; a name that somebody gave the new file in that instant is corrected.  So at the end all names are
 * the new file's, or all are as if nothing had been done; where even that failed (a disk that died), it is
 * said which names are which.
 *
 * While this goes on, the old file is open, so its inode number means it, and has a lease (fcntl(2),
 * F_SETLEASE) where the file system knows such: whoever opens it to write waits for the end, and finds it in
 * its place.  A file that somebody has open for writing is left alone.
 *
 * File systems that cannot exchange (NFS, 9p, some of FUSE; EINVAL): what the name names gets a second name,
 * is looked at, and the new file is renamed over the first.  What somebody else renames there between these
 * two system calls is lost.  Nothing can be done about that there; it takes some microseconds.  File systems
 * that know no hard links, either: the same without the second name, so that nothing can be put back.  On
 * overlayfs, what comes out of a file of a lower layer that has several names is a copy; it is known by its
 * size, mtime, mode and owner. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "outfile.h"

/* Puts the new file of OUT, whole and safe on disk, in the old one's place, and takes its temporary name
 * away.  0, or -1 after a message.  *TURNED says whether the names are the new file's: they may be even if it
 * failed, where that could not be made to last. */
int exchange_all(struct outfile *out, bool *turned);

#endif
