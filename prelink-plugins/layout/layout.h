/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layout: a slot for every library and plugin.
 *
 * A slot is the range of addresses that an object's segments take, from object->slot on, rounded up to
 * pages.  What holds afterwards, for each machine by itself:
 *
 *   - Any two objects that can be in one process do not overlap: the start-up scope and all plugin scopes of
 *     a program, the natural scope of a library, the addresses of an ET_EXEC program with all that it
 *     may load.  Only plugins of one program that are in the same `exclusive` group, and come into that
 *     program in no other way, never meet there.
 *   - Without -m no two objects overlap at all, whether they can meet or not; with -m those that never
 *     meet may share addresses.
 *   - A slot is a multiple of the object's alignment and of the page size to lay out for.
 *   - An object that has a slot (it is prelinked, or the cache says where it was) keeps it while it fits.
 *     Behind a new slot some room stays free, so that a library may grow a little and keep it.
 *   - The same table, cache, options and seed give the same slots.
 *
 * The most used objects come first and lowest, those that are used together next to each other. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "cache/cache.h"
#include "object.h"
#include "options.h"

/* Gives each library of the table that is wanted its slot (has_slot, slot), and keeps those of the others.
 * Where the addresses of a machine run out, the objects least used go without (SKIP_LAYOUT_FULL), which is
 * reported with the program that needed them.  OLD is the cache of the last run, whose slots are kept;
 * OPTIONS->force forgets all earlier slots.  Never fails. */
void layout(struct object_table *table, const struct cache *old, const struct options *options);

/* Bytes that have to be free from its slot on when ld.so maps OBJECT, a library of a machine that has slots;
 * behind what it takes in the end others may be mapped later. */
uint64_t layout_room(const struct object *object);

/* For those who look at files and move none: the slots that prelinked libraries are at. */
void layout_present(struct object_table *table);

/* -r: ADDRESS, wherever others are. */
void layout_at(struct object *object, GElf_Addr address);

#endif
