/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanging files; see exchange.h. */
#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "hardlinks.h"
#include "same_file.h"
#include "temporary.h"

#define MEANWHILE "by somebody else meanwhile; left alone, run again"

/* One name of the old file. */
struct place {
	const char *path; /* borrowed */
	const char *name; /* its last component */
	char *temporary; /* beside it: names the new file, and once it is `done` what came out; NULL where there
			     is none; owned */
	int directory;   /* of both, owned */
	bool done;       /* exchanged */
	bool keep;       /* what came out could not be put back */
};

struct exchange {
	struct outfile *out;
	struct stat new;
	int old; /* the old file, open */
	bool leased;
	bool by_hand; /* the file system cannot exchange */
	bool counted; /* the old file has all names that it had, here or beside, until they are deleted */
	struct path_list names;
	struct place *place;
	size_t count;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int look(const struct place *place, const char *name, struct stat *st)
{
	return fstatat(place->directory, name, st, AT_SYMLINK_NOFOLLOW);
}

/* --- before --- */

static int open_places(struct exchange *x)
{
	struct outfile *out = x->out;

	if (out->old.st_nlink > 1) {
		if (hardlinks_find(out->root, out->path, &out->old, out->some_names, &x->names))
			return -1;
	} else {
		path_list_add(&x->names, out->path);
	}
	x->place = xcalloc(x->names.count, sizeof *x->place);
	for (size_t i = 0; i < x->names.count; i++) {
		struct place *place = &x->place[i];

		place->path = x->names.path[i];
		place->name = strrchr(place->path, '/') + 1;
		place->directory = outfile_open_directory(out->root, place->path);
		if (place->directory < 0)
			return outfile_fail(out,
					    "replacing it: opening the directory of one of its hard links");
		x->count++;
		if (root_is_fixed(place->directory))
			return outfile_refuse(out, "the directory of one of its hard links is immutable or "
						   "append-only (chattr)");
		temporary_sweep_all(place->directory);
	}
	return 0;
}

/* Opens the old file, keeps writers away from it, and looks whether it is what was read. */
static int hold_old(struct exchange *x)
{
	const struct outfile *out = x->out;
	struct stat now;

	x->old = root_open_in(out->directory, strrchr(out->path, '/') + 1);
	if (x->old < 0 || fstat(x->old, &now))
		return outfile_fail(out, "replacing it: looking at it again");
	/* By default a writer that waits would be announced with a signal that ends the process. */
	if (fcntl(x->old, F_SETSIG, SIGURG) == 0) {
		x->leased = fcntl(x->old, F_SETLEASE, F_RDLCK) == 0;
		if (!x->leased && errno == EAGAIN)
			return outfile_refuse(out, "somebody has it open for writing; left alone, run again");
	}
	if (fstat(x->old, &now) || !same_untouched(&out->old, &now))
		return outfile_refuse(out, "it was changed " MEANWHILE);
	return 0;
}

/* Gives the new file a temporary name beside each of the old one's. */
static int link_new(struct exchange *x)
{
	struct outfile *out = x->out;
	const char *named = out->temporary; /* from the start */

	for (size_t i = 0; i < x->count && named; i++)
		if (strcmp(x->place[i].path, out->path) == 0) {
			x->place[i].temporary = out->temporary;
			out->temporary = NULL;
		}
	for (size_t i = 0; i < x->count; i++) {
		struct place *place = &x->place[i];

		if (!place->temporary)
			place->temporary = temporary_link(out->fd, out->directory, named, place->directory,
							  place->name, out->old.st_ino, x->new.st_ino);
		if (!place->temporary)
			return outfile_fail(out, "giving the new file beside it a name");
	}
	return 0;
}

/* --- exchanging --- */

/* What exchanging does, step by step, where the file system cannot. */
static int swap_by_hand(struct exchange *x, struct place *place)
{
	struct stat now;
	char *kept = temporary_link(-1, place->directory, place->name, place->directory, place->name,
				    x->out->old.st_ino, x->new.st_ino);

	if (!kept && errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
		return -1;
	x->counted &= kept != NULL;
	if (look(place, kept ? kept : place->name, &now) == 0) {
		if (!is_same(&x->out->old, &now))
			errno = ESTALE;
		else if (renameat(place->directory, place->temporary, place->directory, place->name) == 0) {
			free(place->temporary);
			place->temporary = kept;
			return 0;
		}
	}
	int saved = errno;
	if (kept)
		unlinkat(place->directory, kept, 0);
	free(kept);
	errno = saved;
	return -1;
}

/* True if NOW, which came out at PLACE, is the copy that overlayfs makes of a file of a lower layer
 * when one of its names is changed: where that had hard links, each name then has a copy of its
 * own, with a new number. */
static bool is_copied_up(struct exchange *x, const struct place *place, const struct stat *now)
{
	const struct stat *old = &x->out->old;
	struct statfs fs;

	if (old->st_nlink < 2 || fstatfs(place->directory, &fs) || fs.f_type != OVERLAYFS_SUPER_MAGIC ||
	    now->st_size != old->st_size || now->st_mtim.tv_sec != old->st_mtim.tv_sec ||
	    now->st_mtim.tv_nsec != old->st_mtim.tv_nsec || now->st_mode != old->st_mode ||
	    now->st_uid != old->st_uid || now->st_gid != old->st_gid)
		return false;
	x->counted = false;
	return true;
}

static int swap(struct exchange *x, struct place *place)
{
	const struct outfile *out = x->out;
	struct stat old, now;
	int failed = -1;

	if (look(place, place->name, &now))
		return outfile_fail(out, "replacing it: looking at it again");
	if (!is_same(&out->old, &now))
		return outfile_refuse(out, "it was changed " MEANWHILE);
	if (!x->by_hand) {
		failed = renameat2(place->directory, place->temporary, place->directory, place->name,
				   RENAME_EXCHANGE);
		x->by_hand = failed && (errno == EINVAL || errno == ENOSYS);
	}
	if (x->by_hand)
		failed = swap_by_hand(x, place);
	if (failed && errno == ESTALE)
		return outfile_refuse(out, "it was changed " MEANWHILE);
	if (failed)
		return outfile_fail(out, x->count > 1 ? "replacing one of its hard links" : "replacing it");
	place->done = true;
	if (!place->temporary)
		return 0;
	if (fstat(x->old, &old) || look(place, place->temporary, &now) ||
	    (!is_same(&out->old, &now) && !is_same(&old, &now) && !is_copied_up(x, place, &now)))
		return outfile_refuse(out, "it was changed " MEANWHILE);
	return 0;
}

/* All names are exchanged: is the old file still what was read?  Its ctime is that of the exchange. */
static int check_old(const struct exchange *x)
{
	const struct stat *old = &x->out->old;
	struct stat now;

	if (!x->counted) /* nothing came out that could be put back, or copies */
		return 0;
	if (fstat(x->old, &now) || (x->leased && fcntl(x->old, F_GETLEASE) != F_RDLCK) ||
	    now.st_size != old->st_size || now.st_mtim.tv_sec != old->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != old->st_mtim.tv_nsec || now.st_mode != old->st_mode ||
	    now.st_uid != old->st_uid || now.st_gid != old->st_gid || now.st_nlink != old->st_nlink ||
	    !outfile_same_attributes(x->out, x->old))
		return outfile_refuse(x->out, "it was changed " MEANWHILE);
	return 0;
}

/* --- and back --- */

/* Somebody took the name away.  What came out goes with it, unless the new file was given another name
 * instead: then that is what the file that came out should have. */
static int taken_away(const struct exchange *x, const struct stat *held)
{
	struct stat new, old, now;
	nlink_t ours = 0;

	for (size_t i = 0; i < x->count; i++) {
		const struct place *p = &x->place[i];

		ours += p->temporary && look(p, p->done ? p->name : p->temporary, &now) == 0 &&
			is_same(&now, &x->new);
	}
	if (fstat(x->old, &old) == 0 && !is_same(held, &old) && fstat(x->out->fd, &new) == 0 &&
	    new.st_nlink > ours) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

/* Puts back what came out at PLACE.  If something else than what we put there comes out in exchange, it is
 * newer, and goes back in turn. */
static int put_back(struct exchange *x, struct place *place)
{
	struct stat last = x->new, held, now;

	while (place->temporary) {
		if (look(place, place->temporary, &held))
			return errno == ENOENT ? 0 : -1;
		if (look(place, place->name, &now))
			return errno == ENOENT ? taken_away(x, &held) : -1;
		if (!is_same(&now, &last))
			return 0; /* replaced since: what we hold is the past */
		if (!x->by_hand && renameat2(place->directory, place->temporary, place->directory,
					     place->name, RENAME_EXCHANGE) == 0) {
			if (look(place, place->temporary, &now) == 0 && is_same(&now, &last))
				break;
			last = held;
		} else if (x->by_hand || errno != ENOENT) { /* as good as it can be done */
			if (renameat(place->directory, place->temporary, place->directory, place->name))
				return -1;
			free(place->temporary);
			place->temporary = NULL;
		}
	}
	return 0;
}

static void put_all_back(struct exchange *x)
{
	for (size_t i = 0; i < x->count; i++) {
		struct place *place = &x->place[i];

		if (!place->done || put_back(x, place) == 0)
			continue;
		char *outside = root_outside(x->out->root, place->path);

		place->keep = true;
		diag_error(outside, "putting it back: %s; what was there is %s beside it now",
			   errno == ENOENT ? "somebody renamed it" : strerror(errno), place->temporary);
		free(outside);
	}
}

/* --- after --- */

static int unlink_temporaries(struct exchange *x)
{
	int result = 0;

	for (size_t i = 0; i < x->count; i++) {
		struct place *place = &x->place[i];

		if (place->temporary && !place->keep && unlinkat(place->directory, place->temporary, 0) &&
		    errno != ENOENT)
			result = outfile_fail(x->out, "removing the temporary beside it");
		free(place->temporary);
		place->temporary = NULL;
	}
	return result;
}

/* True if the old file has a name that we do not know: it got one in the very last moment. */
static bool has_more_names(const struct exchange *x)
{
	struct stat now;

	return x->counted && fstat(x->old, &now) == 0 && now.st_nlink > x->out->old.st_nlink - x->count;
}

/* Gives the old file its names back, which it has lost. */
static int give_back(struct exchange *x)
{
	struct stat old;

	outfile_refuse(x->out, "it got another name " MEANWHILE);
	if (fstat(x->old, &old))
		return -1;
	for (size_t i = 0; i < x->count; i++) {
		struct place *place = &x->place[i];

		place->temporary = temporary_link(x->old, -1, NULL, place->directory, place->name, old.st_ino,
						  x->new.st_ino);
		if (!place->temporary)
			outfile_fail(x->out,
				     "it is replaced, but its other name still names the old file; giving "
				     "that a name beside it");
	}
	put_all_back(x);
	unlink_temporaries(x);
	return -1;
}

/* True if all places in the directory of PLACE name the file that PLACE does, which is in
 * ST, and not the new one. */
static bool is_alone(const struct exchange *x, const struct place *place, struct stat *st)
{
	struct stat directory, other;

	if (look(place, place->name, st) || is_same(st, &x->new) || fstat(place->directory, &directory))
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (fstat(x->place[i].directory, &other) ||
		    (is_same(&directory, &other) &&
		     (look(&x->place[i], x->place[i].name, &other) || !is_same(&other, st))))
			return false;
	return true;
}

/* Gives NAME, beside PLACE, what PLACE names, the file THERE, for the new one.  False
 * where that is not to be. */
static bool correct(const struct exchange *x, const struct place *place, const struct stat *there,
		    const char *name)
{
	struct stat now;
	char *temporary = temporary_link(-1, place->directory, place->name, place->directory, name,
					 x->new.st_ino, there->st_ino);
	bool done = temporary &&
		    renameat2(place->directory, temporary, place->directory, name, RENAME_EXCHANGE) == 0;

	if (done && (look(place, temporary, &now) || !is_same(&now, &x->new)))
		done = renameat2(place->directory, temporary, place->directory, name, RENAME_EXCHANGE) != 0;
	if (temporary)
		unlinkat(place->directory, temporary, 0);
	free(temporary);
	return done;
}

/* The new file, which was taken back, may have been given a name in the instant it was there: that is to name
 * what its place does, as it would have a moment later.  What is not found beside is said. */
static void correct_names(const struct exchange *x)
{
	struct stat now, there;

	for (size_t i = 0; i < x->count; i++) {
		const struct place *place = &x->place[i];
		bool more = place->done && fstat(x->out->fd, &now) == 0 && now.st_nlink > 0 &&
			    is_alone(x, place, &there);

		while (more) {
			char *name = temporary_find(place->directory, x->new.st_ino, x->new.st_dev, NULL,
						    &now);

			more = name && correct(x, place, &there, name);
			free(name);
		}
	}
	if (fstat(x->out->fd, &now) == 0 && now.st_nlink > 0)
		outfile_refuse(x->out,
			       "and somebody gave the new file another name in that instant; look for it "
			       "(find -inum), it is not what it should be");
}

/* Makes the renames last; the directory of OUT itself is synced with its group. */
static int sync_places(const struct exchange *x)
{
	struct stat last, st;
	int result = 0;

	if (fstat(x->out->directory, &last))
		return outfile_fail(x->out, "it was replaced, but making that last");
	for (size_t i = 0; i < x->count; i++) {
		if (fstat(x->place[i].directory, &st) == 0 && is_same(&st, &last))
			continue;
		last = st;
		if (outfile_sync_directory(x->place[i].directory))
			result = outfile_fail(x->out,
					      "it was replaced, but making that last under one of its names");
	}
	return result;
}

static void release(struct exchange *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->place[i].directory >= 0)
			close(x->place[i].directory);
	if (x->old >= 0)
		close(x->old); /* and with it the lease */
	free(x->place);
	path_list_release(&x->names);
}

int exchange_all(struct outfile *out, bool *turned)
{
	struct exchange x = { .out = out, .old = -1, .counted = true };
	int result = outfile_check_old(out);

	if (result == 0 && fstat(out->fd, &x.new))
		result = outfile_fail(out, "looking at the new file beside it");
	if (result == 0)
		result = open_places(&x);
	if (result == 0)
		result = hold_old(&x);
	if (result == 0)
		result = link_new(&x);
	for (size_t i = 0; i < x.count && result == 0; i++)
		result = swap(&x, &x.place[i]);
	if (result == 0)
		result = check_old(&x);
	if (result)
		put_all_back(&x);
	*turned = result == 0;
	if (unlink_temporaries(&x))
		result = -1;
	if (*turned && has_more_names(&x)) {
		*turned = false;
		result = give_back(&x);
	}
	if (!*turned)
		correct_names(&x);
	else if (sync_places(&x))
		result = -1;
	release(&x);
	return result;
}
