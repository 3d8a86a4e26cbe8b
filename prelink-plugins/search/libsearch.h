/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The search: which file ld.so opens for a name (glibc's elf/dl-load.c, _dl_map_object).  (Not search.h:
 * that is POSIX's.)
 *
 * A name with a slash is a path.  Any other is looked for, in this order, in
 *   1. DT_RPATH of the object that needs it, of the one that made ld.so load that one, and so on up to
 *      the program, unless the object has DT_RUNPATH; DT_RPATH of an object with DT_RUNPATH is void;
 *   2. --ld-library-path, as LD_LIBRARY_PATH;
 *   3. DT_RUNPATH of the object that needs it;
 *   4. ld.so.cache, but for entries in system directories where the object is DF_1_NODEFLIB; a tree
 *      without that file is taken to be one that ldconfig has yet to visit: ld.so.conf's directories;
 *   5. the system directories, unless DF_1_NODEFLIB;
 * and in each directory first in the subdirectories for better processors.  A file of another class
 * or machine is passed over; one that is no shared object at all ends the search, as ld.so dies of it.
 * What is relative to the working directory cannot be known here, and is passed over.
 *
 * Whether a name is that of an object which is loaded already is scope's to see to; what is here
 * depends on nothing but the files, and is remembered: one name is looked for once for each set of
 * directories, a path opened once, whatever the number of processes that ask. */
#ifndef LIBSEARCH_H
#define LIBSEARCH_H

#include "gather/gather.h"
#include "search/ldcache.h"
#include "search/ldso.h"

/* A string that exists once: equal strings are equal pointers. */
struct name {
	char *text;
	uint32_t id; /* 0, 1, 2 ... */
	/* Of a path, once it was opened: */
	bool opened;
	int error;             /* 0, or errno of gather_find() */
	struct object *object; /* NULL where error is set */
	/* Of a pattern, once it was expanded: the paths that matched and are objects; owned. */
	bool expanded;
	const struct name **match;
	size_t match_count;
	const struct name *no_library; /* the first that matched and is a file, and no object; or NULL */
};

struct context;

/* An object at its place in a process, as far as the search for what it needs depends on that. */
struct place {
	struct object *object;
	const struct name *path;  /* under which it was found; NULL for a program: its own */
	const struct name *chain; /* DT_RPATH directories of it and of those that made it load */
	struct context *context;  /* set when it first is asked for */
	bool beyond; /* these are more directories than limit.h says, and not all are in it; or more
				     was tried for it than that */
};

struct search {
	struct gather *gather;
	const char *library_path;   /* as LD_LIBRARY_PATH; NULL: none.  Scope sets a program's own */
	const char *dynamic_linker; /* inside the tree; NULL: as each program says */
	char *cpu;                  /* what ldso_init() is told of the processor; owned */
	struct ldcache cache;
	struct path_list conf;         /* directories of ld.so.conf, each with a slash at its end; only
					  where there is no cache */
	struct pattern_tree *patterns; /* what was seen of the tree for patterns; owned */
	struct ldso **ldso;            /* those that were asked for; owned */
	size_t ldso_count;
	struct name **name; /* by id; owned */
	size_t name_count;
	size_t tries; /* paths that were tried since the process began that is being built */
	void *names, *expansions, *directories, *contexts,
		*answers; /* trees of tsearch(3); see libsearch.c */
};

/* Prepares a search over the table of GATHER, with the options of its `options`.  The processor is the
 * one that runs (a tree of another machine is taken to run on the least of its kind).  0, or -1 after a
 * message. */
int search_init(struct search *search, struct gather *gather);
void search_release(struct search *search);

/* TEXT as a name. */
struct name *search_intern(struct search *search, const char *text);

/* The dynamic linker that programs with PT_INTERP INTERP (NULL: the machine's own) of OBJECT's machine
 * start with.  Never NULL; its object is where there is no such file.  OBJECT has an arch. */
const struct ldso *search_ldso(struct search *search, const struct object *object, const char *interp);

/* The place of OBJECT in a process of LDSO, found under PATH, that was loaded because LOADER (its place,
 * or the program's for what is loaded with dlopen; NULL for a program) needed it. */
struct place search_place(struct search *search, const struct ldso *ldso, struct object *object,
			  const struct name *path, const struct place *loader);

/* NAME as the object at PLACE means it: $ORIGIN, $LIB and $PLATFORM replaced.  NULL where ld.so could
 * not. */
const struct name *search_expand(struct search *search, const struct ldso *ldso, const struct place *place,
				 const char *name);

/* The path of the file that ld.so maps for NAME (expanded) on behalf of PLACE; its `object` is set.  NULL
 * where there is none.  PROGRAM is the place of the program (the origin of --ld-library-path). */
const struct name *search_file(struct search *search, const struct ldso *ldso, struct place *place,
			       const struct place *program, const struct name *name);

/* Where search_file() gave NULL: the file that it ended at, as that is no library; NULL where there is none. */
const struct name *search_no_library(const struct search *search, const struct place *place,
				     const struct name *name);

/* PATH opened as an object of LDSO's machine: 0, or errno: ENOENT also for one of another machine,
 * ENOEXEC for a program or a file that is no object. */
int search_open(struct search *search, const struct ldso *ldso, const struct name *path);

/* A note is read: together its patterns may cost what limit.h says. */
void search_begin_note(struct search *search);

/* The paths of objects of any machine that PATTERN matches: fills its `match`, and `no_library`. */
const struct name *search_pattern(struct search *search, const char *pattern);

#endif
