/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the manifests that are installed in the tree say of its objects, beside what
 * notes in these say themselves.
 *
 * A note is what who made a file ships in it; a manifest is there for a file that has none, or none that
 * knows of some plugin, and counts for whatever file a later version of the package puts in that place.
 * Manifests are data: no program is run for one.
 *
 *     struct installed installed = { 0 };
 *     installed_read(&installed, &root);
 *     ... installed_add(&installed, object);   // by any number of threads
 *     installed_release(&installed);           // after the objects: entries point to the manifests' names */
#ifndef INSTALLED_H
#define INSTALLED_H

#include "hosts.h"
#include "object.h"
#include "path_list.h"

/* Where they are, inside the tree: those of packages, and the administrator's. */
#define INSTALLED_MANIFESTS PKGDATADIR "/manifests"
#define INSTALLED_MANIFESTS_OWN SYSCONFDIR "/prelink-plugins/manifests"

struct installed {
	struct manifest_list manifests;
	struct host_table hosts;
	struct host **by_path;   /* of `hosts`, sorted */
	struct path_list inputs; /* inside the tree: the directories, and the files that could be read */
	bool failed;             /* something there is that could not be read, and was told */
};

/* Reads the manifests in ROOT and finds their hosts.  What is wrong with one is told, and that
 * file counts for nothing. */
void installed_read(struct installed *installed, const struct root *root);
void installed_release(struct installed *installed);

/* Adds to OBJECT's plugins what the manifests say of it. */
void installed_add(const struct installed *installed, struct object *object);

#endif
