/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scope: which objects are in a process together, and in what order ld.so looks for symbols in them.
 *
 * Three kinds, all found by one walk, breadth first, which is _dl_map_object_deps() of glibc's
 * elf/dl-deps.c: objects that are loaded already are recognised by name (the name they were asked for,
 * their path, their soname) and by inode; filtees (DT_FILTER, DT_AUXILIARY) come right before the
 * object that names them.
 *
 *   - the start-up scope of a program (what /etc/ld.so.preload names included);
 *   - the natural scope of a library: that of a process where nothing else is loaded;
 *   - of a program, the scope of each plugin: loaded by dlopen after start-up, before any other plugin.
 *     Plugins come from the notes of every object in the start-up scope, and in turn of every object
 *     in the scope of a plugin.
 *
 * One thing is not as in glibc 2.36: a filtee of the program itself drops out of ld.so's list of what is
 * loaded, and is mapped a second time when something else asks for it.  Here it is there once, before the
 * program.
 *
 * A dependency that cannot be found is left out (it is `missing`), so that the rest is still known. */
#ifndef SCOPE_H
#define SCOPE_H

#include "search/libsearch.h"

/* Fills scope, loader, missing and plugin of every object in the table of SEARCH, dependencies that are
 * found on the way included.  -1 after a message when something had to be left out. */
int scope_all(struct object_table *table, struct search *search);

#endif
