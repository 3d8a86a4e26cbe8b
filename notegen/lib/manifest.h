/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests: which objects of an application load which plugins; see plugin-manifest(5).
 *
 * A manifest that was read is well-formed in all its parts: the version is known, every pattern is
 * absolute and passes pattern_check(), there is a host and a plugin entry. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "note.h"
#include "root.h"

#define MANIFEST_VERSION 1

/* Manifests in one file. */
#define MANIFEST_DOCUMENTS_MAX 64

struct manifest {
	char *file;        /* its name, as given, or as the rest of the system sees it; owned */
	bool collected;    /* from a directory of manifests: of applications that need not be installed */
	char *application; /* owned */
	char **host;       /* patterns of the objects that get the note; owned */
	size_t host_count;
	struct plugin_list plugins;
};

struct manifest_list {
	struct manifest *manifest;
	size_t count;
};

/* Reads the manifests in FILE, one or several YAML documents (at most MANIFEST_DOCUMENTS_MAX), and adds them
 * to LIST: all or none.  FILE is a path inside ROOT, or, where that is NULL, outside of any tree.  0, or -1
 * after a message with file, line and column. */
int manifest_read(struct manifest_list *list, const struct root *root, const char *file);

/* The same for LENGTH bytes at TEXT, which came from FILE. */
int manifest_parse(struct manifest_list *list, const char *file, const char *text, size_t length);

/* Reads every *.yaml file in DIRECTORY, inside ROOT as above, sorted by name.  All of them are tried.  0, or
 * -1 after a message for each that cannot be read. */
int manifest_read_directory(struct manifest_list *list, const struct root *root, const char *directory);

void manifest_list_release(struct manifest_list *list);

#endif
