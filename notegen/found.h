/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was found out about who loads what, on its way to being a manifest: record and suggest fill it.
 *
 *     struct found_list found = { 0 };
 *     found_add_path(&found, "/usr/lib/libx.so.1", "/usr/lib/x/plugin.so", false);
 *     found_print(&found, out, "recorded", &known);
 *     found_release(&found);
 */
#ifndef FOUND_H
#define FOUND_H

#include <stdio.h>

#include "manifest.h"

/* One object and what it loads, as a manifest of its own. */
struct found_list {
	struct manifest *manifest; /* one host each; owned */
	size_t count;
};

/* The entries of HOST (a path), made where there are none yet. */
struct plugin_list *found_host(struct found_list *found, const char *host);

/* HOST loads the file PATH, whose directory says what else it may load: where that is a directory of
 * plugins, and not one of libraries, the entry is a pattern; the file's own name if EXACT. */
void found_add_path(struct found_list *found, const char *host, const char *path, bool exact);

/* HOST loads the library called SONAME. */
void found_add_soname(struct found_list *found, const char *host, const char *soname);

/* PATH as a pattern that matches nothing else, allocated. */
char *found_quote(const char *path);

/* True if DIRECTORY is one in which ld.so looks for libraries: not everything in it is a plugin. */
bool found_is_library_directory(const char *directory);

/* True for what shared objects are called: NAME.so, NAME.so.VERSION; not for ld.so itself. */
bool found_is_object_name(const char *name);

/* The number of shared objects in DIRECTORY, by name; 0 where most of its files are others. */
size_t found_count_objects(const char *directory);

/* Prints the manifests, without what KNOWN (may be NULL) already says of the same host.  The number of
 * manifests printed. */
size_t found_print(const struct found_list *found, FILE *out, const char *description,
		   const struct manifest_list *known);

void found_release(struct found_list *found);

#endif
