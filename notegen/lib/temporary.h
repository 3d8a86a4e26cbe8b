/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of files that are half written, and what a killed run left of them.
 *
 * While a file is replaced there is a second name beside its own, the temporary's:
 *
 *     .NAME.prelink-OLD-NEW-XXXXXX
 *
 * OLD and NEW are the inode numbers of the file that NAME names and of the one it is to name, 16 hexadecimal
 * digits each (OLD is 0 where it does not matter what NAME names; NEW is 0 for the instant before there is a
 * number), XXXXXX is drawn.  A name of this form alone is not enough to be deleted: what is under it has to
 * be one of these two files.  Whoever copies a temporary, or invents such a name, keeps his file.
 *
 * The new file is locked (flock(2)) by its writer as long as that lives.  When nobody holds the lock, a
 * sweep ends what was begun, by the inodes alone:
 *
 *     the temporary is   and NAME is
 *     NEW                OLD, all of whose names have a temporary beside them: it is exchanged, as its other
 *                        names may have been already
 *     NEW                anything else: the work had not begun, or was taken back; deleted
 *     OLD                (done) deleted
 *     another file       NEW: somebody replaced NAME in the instant before it was exchanged, and the run was
 *                        killed before it could put that file back; it is put back now
 *     another file       that one too: deleted, it is one more name
 *     another file       anything else: left, with a warning
 *
 * Nothing is exchanged in a directory that everybody can write, nor between files of two owners: what is
 * in such places may have been put there to be exchanged. */
#ifndef TEMPORARY_H
#define TEMPORARY_H

#include <stdbool.h>
#include <sys/stat.h>

/* Creates a file with a temporary name for NAME in DIRECTORY (a descriptor), and locks it: its descriptor,
 * and the name in *TEMPORARY (allocated), or -1 with errno set. */
int temporary_create(int directory, const char *name, ino_t old, mode_t mode, char **temporary);

/* Gives the open file FD one more name, a temporary's for NAME in DIRECTORY: allocated, or NULL with errno
 * set.  NEW is the inode number that is to be in it.  Where /proc is not mounted, FD's own name, FROM in the
 * directory AT, is needed; else FROM may be NULL. */
char *temporary_link(int fd, int at, const char *from, int directory, const char *name, ino_t old, ino_t new);

/* True where a file can get its name later: where /proc is mounted. */
bool temporary_can_wait(void);

/* Whether NAME (last component) has the form of a temporary's. */
bool temporary_is(const char *name);

/* A name in DIRECTORY of the file INODE of DEVICE: allocated, with what it is in ST; NULL where there is
 * none.  BUT is not taken; if that is NULL, neither is any temporary's name. */
char *temporary_find(int directory, ino_t inode, dev_t device, const char *but, struct stat *st);

/* Ends what a killed run left half done under the temporary NAME in DIRECTORY, see
 * above, if its writer is gone. */
void temporary_sweep(int directory, const char *name);

/* The same for all of DIRECTORY, once while the process lives. */
void temporary_sweep_all(int directory);

#endif
