/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model of what ld.so has loaded into one process: an array of places, and for each name and each object
 * which of them it is.  It is built and cleared again for every program, but its memory is reused, so that a
 * step of the walk costs a look into an array.
 *
 *     process_begin(&process, ldso, program, interp);
 *     scope = process_walk(&process, 1, NULL, 0);
 *     process_release(&process);
 *
 * Follows glibc's elf/dl-load.c (_dl_map_object) and elf/dl-deps.c (_dl_map_object_deps). */
#ifndef PROCESS_H
#define PROCESS_H

#include "object.h"
#include "search/libsearch.h"

/* An index into process.loaded, plus 1; 0 is none. */
typedef uint32_t loaded_t;

struct loaded {
	struct place place;
	size_t rank;   /* its index in process.order, while names are given anew */
	bool reserved; /* is in the list that is being built (l_reserved) */
};

/* A name that a loaded object answers to. */
struct claim {
	uint32_t name; /* name.id */
	loaded_t map;
};

/* A name that a plugin or its dependencies ask for, and the object that it is. */
struct meaning {
	const struct name *name;
	struct object *object;
};
struct meanings {
	struct meaning *item; /* owned */
	size_t count;
};

/* Zeroed, but for `search`, before the first process_begin(). */
struct process {
	struct search *search;
	const struct ldso *ldso;
	struct loaded *loaded; /* in the order in which they were loaded; the program is the first */
	size_t count, room;
	loaded_t *order; /* the order in which ld.so asks them for a name: the same, but for filtees */
	size_t order_room;
	loaded_t *by_name; /* by name.id: the first in that order that claims the name */
	size_t name_room;
	struct claim *claimed; /* all claims, as they were made */
	size_t claimed_count, claimed_room;
	loaded_t *by_object; /* by object.index */
	size_t object_room;
	const char *missing;        /* the first name that was not found */
	bool beyond;                /* there is more of it than limit.h says: what is here is not all */
	struct meanings *recording; /* what is being collected; NULL: nothing */
	uint32_t *recorded;         /* by name.id: number of the last collection that has it */
	size_t recorded_room;
	uint32_t recordings; /* collections so far */
};

/* Begins a process of LDSO: OBJECT, the program, and the dynamic linker, known by INTERP, its PT_INTERP. */
void process_begin(struct process *p, const struct ldso *ldso, struct object *object, const char *interp);
void process_release(struct process *p);

/* What is loaded as NAME, and of OBJECT; 0 for nothing. */
loaded_t process_by_name(const struct process *p, const struct name *name);
loaded_t process_by_object(const struct process *p, const struct object *object);

/* Loads the object of PLACE, which is not there yet. */
loaded_t process_load(struct process *p, const struct place *place);

/* _dl_map_object: the loaded object that NAME means to the loaded object LOADER, loading it if need be;
 * 0 if it cannot be found. */
loaded_t process_find(struct process *p, loaded_t loader, const struct name *name);

/* _dl_map_object_deps: the list of MAP, then the COUNT objects at PRELOAD, and what all of them need.
 * Allocated.  Where that is more than limit.h says, or holds an object that is `beyond`, the walk ends
 * there: P is then `beyond`, and the list is MAP alone.  So a circle of thousands is walked through once,
 * not once for each of them. */
struct object_list process_walk(struct process *p, loaded_t map, const loaded_t *preload, size_t count);

/* From now on NAME means the loaded object MAP, unless it means one that came before. */
void process_claim(struct process *p, const struct name *name, loaded_t map);
void process_forget_names(struct process *p);
const struct name *process_soname(struct search *search, struct object *object);

/* Collects in MEANINGS, until it is called with NULL, what each name that is asked for turns out to be. */
void process_record(struct process *p, struct meanings *meanings);
/* True if no name in MEANINGS means something else in P. */
bool process_agrees(const struct process *p, const struct meanings *meanings);

/* A state to return to. */
struct process_mark {
	size_t count, claimed_count;
	const char *missing;
	bool beyond;
	loaded_t *order; /* owned, until the return */
};
struct process_mark process_mark(const struct process *p);
/* Unloads what was loaded, and forgets the names that were given, since MARK. */
void process_return(struct process *p, struct process_mark mark);

#endif
