/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of objects that all passes work on: one entry for each dynamic ELF file (inode).
 *
 * Calling sequence: gather fills the table (nothing is added to it later but dependencies that search
 * finds outside the gathered directories); each later pass fills the fields that say so below.  The
 * table owns its objects and an object owns everything it points to but other objects, its arch and
 * the strings that say otherwise.
 *
 * Addresses are as in the file now, before any load bias; sizes are bytes. */
#ifndef OBJECT_H
#define OBJECT_H

#include <pthread.h>

#include "arch/arch.h"
#include "elf/dynamic.h"
#include "elf/remains.h"
#include "note.h"
#include "path_list.h"
#include "root.h"

enum object_kind {
	OBJECT_LIBRARY, /* ET_DYN without PT_INTERP (and what is a library in spite of one, as libc.so.6) */
	OBJECT_PIE,     /* position-independent executable: the kernel places it, it has no slot */
	OBJECT_EXEC,    /* ET_EXEC with a dynamic section */
	OBJECT_LOADER,  /* ld.so: what a PT_INTERP names and can be one (search_ldso()); has no slot, and is
			   rewritten only for liblist.h */
};

/* Why an object is not rewritten; its text is object_skip_text().  The first reason found stands.  Found by
 * gather, in the file, but where another pass is named; and the cache recalls what an earlier run found. */
enum object_skip {
	SKIP_NOT = 0,
	SKIP_SETID,         /* set-user-id, set-group-id or file capabilities */
	SKIP_WRITABLE_DIR,  /* others can write its directory */
	SKIP_IMMUTABLE,     /* chattr +i or +a, its directory's too: nothing can be replaced there */
	SKIP_DEBUG_INFO,    /* carries DWARF that would lie after a move; rewrite, where that shows late */
	SKIP_RELOCATION,    /* rewrite: a relocation type or text relocation that we do not handle */
	SKIP_TRAILING_DATA, /* data after the end of the ELF file */
	SKIP_NO_SECTIONS,   /* no section headers to keep the undo record in */
	SKIP_LAYOUT_FULL,   /* layout: no address range left for its slot */
	SKIP_BLACKLISTED,   /* -b */
	SKIP_MALFORMED,     /* parses as ELF, but is not safe to rewrite; rewrite, where that shows late */
	SKIP_OTHER_MACHINE, /* no table for its machine under arch/ */
	SKIP_NO_SLOTS,      /* its machine has no slots */
	SKIP_LOADER,        /* layout: ld.so itself, and nothing is gained by moving it */
	SKIP_MISSING,       /* scope: a dependency cannot be found */
	SKIP_NO_ROOM,       /* rewrite: an executable whose headers cannot grow */
	SKIP_SIGNED,        /* security.ima or security.evm: the kernel may refuse what is changed */
	SKIP_LIMIT,         /* it, or scope: what it takes to load it, is more than limit.h says */
	SKIP_NOT_OURS,      /* another user's, and we are not root: it cannot be replaced by one of theirs */
	SKIP_SELF_CHECKED,  /* it, or who loads it, compares its bytes with a digest */
	SKIP_OTHERS,        /* another prelink's (remains.h) */
	SKIP_UNENDED,       /* its dynamic section has no DT_NULL: ld.so reads on, in what we would fill in */
	SKIP_COUNT,         /* how many there are */
};

/* What a run made of an object's file. */
enum object_outcome { OUTCOME_NONE, OUTCOME_PRELINKED, OUTCOME_UNCHANGED, OUTCOME_UNDONE, OUTCOME_FAILED };

/* One DT_NEEDED, DT_FILTER or DT_AUXILIARY entry, in the order of the dynamic section. */
struct needed {
	char *name; /* with $ORIGIN and the like unexpanded */
	int64_t tag;
	const struct name *interned; /* set by search; NULL where the name holds a `$` */
};

struct object;
struct name;

/* Objects in an order that matters; points into the table, owns only the array. */
struct object_list {
	struct object **member;
	size_t count;
};

/* A plugin of a program: its own scope, and why it is one. */
struct plugin_scope {
	struct object *plugin;
	const struct object *host;        /* whose note names it */
	const struct plugin_entry *entry; /* of host's note */
	struct object_list scope;         /* the plugin and its dependencies, breadth first; the plugin
					       is first (but for its filtees); includes objects of the
					       start-up scope.  Programs share the array, which is the
					       table's (object_table_keep()) */
};

/* Under which path ld.so finds what a program's start-up scope asks for by NAME; all
 * strings are the search's. */
struct found {
	const char *name, *path;
	uint64_t size; /* bytes of that file */
};

struct object {
	size_t index; /* in the table */

	/* Set by gather. */
	char *shown;             /* for messages: the path that somebody outside of the tree can open.  Set by
				    object_set_path() */
	char *path;              /* real path inside the tree: one of its names; lies in `shown` */
	struct path_list names;  /* every name under which gather met it, links included */
	struct stat st;          /* when it was read */
	const struct arch *arch; /* NULL for SKIP_OTHER_MACHINE */
	uint16_t machine;        /* e_machine */
	bool is64, big_endian;
	bool unreadable; /* its dynamic section is; said once, then */
	bool has_entry;  /* e_entry is one */
	enum object_kind kind;
	bool listed; /* in a directory or by a name that we were asked to prelink; others were
				    only found as dependencies, or are known from the cache */
	bool named;  /* on the command line, itself and not its directory: what keeps it from being
				    prelinked is said */
	char *interp, *soname, *rpath, *runpath; /* NULL where absent */
	struct needed *needed;
	size_t needed_count;
	uint64_t flags_1;           /* DT_FLAGS_1: DF_1_NODEFLIB, DF_1_PIE ... */
	GElf_Addr start, end;       /* of the PT_LOAD segments: lowest p_vaddr rounded down to its p_align,
				    highest p_vaddr + p_memsz */
	uint64_t align;             /* largest p_align of its PT_LOADs, at least the page size */
	bool prelinked;             /* carries our undo record */
	enum remains remains;       /* does not, but was prelinked */
	GElf_Addr original_start;   /* `start` of the original, where prelinked */
	struct plugin_list plugins; /* what notes in it and manifests say */
	char *library_path; /* LD_LIBRARY_PATH that it is started with.  Set by learned.h; else NULL: what the
			       options say */
	enum object_skip skip; /* set by object_leave() alone; the enum says by which passes */

	/* Set by search and scope, for OBJECT_EXEC and OBJECT_PIE and, for libraries, as their own
	 * natural scope. */
	struct object_list scope;    /* start-up scope in ld.so's order, the object itself first */
	struct plugin_scope *plugin; /* programs: every plugin it may load, transitively; for a plugin
					that several notes name, once for each host entry */
	size_t plugin_count;
	const char *no_library; /* of a program: a file that is none, where a note or a manifest names a
				   plugin; the first, NULL where there is none.  The search's */
	struct found *found;    /* of a program whose search is to be frozen (--freeze-search); owned */
	size_t found_count;
	const char *found_library_path; /* the LD_LIBRARY_PATH for which that holds; NULL: none */
	bool beyond; /* it needs more objects, or directories to look for them, than limit.h says, or an
				  object that it needs does; `scope` then is itself alone.  Set by scope */
	bool wanted; /* listed, or in a scope of what is: to be rewritten.  Set by
				    object_table_want() */
	struct object *loader; /* of its PT_INTERP, NULL where that is not there */
	char *missing;         /* a dependency that ld.so would not find, NULL if there is none.  A program
				    then is SKIP_MISSING; a library may still find it in some program */
	const struct name *soname_interned; /* set by search, for itself */

	bool knows_liblist, audit_lazy; /* OBJECT_LOADER: see ldso.h.  Set by search */

	/* Set by layout. */
	bool has_slot;
	GElf_Addr slot; /* address that `start` moves to; multiple of align.  Of an ld.so, which has no
				    slot: where ET_EXEC programs get it, 0 where it stays.  Set by loader.h */
	bool missed;    /* its file did not get to its slot.  Set by plan_look() */

	char *no_plan; /* OBJECT_EXEC and OBJECT_PIE: why it has none, NULL where it has one.  Set by
				    rewrite_programs(), and from the cache where the last run saw to it */

	/* Set by rewrite. */
	enum object_outcome outcome;
};

struct object_table {
	struct object **object; /* by index; sorted by path when gather ends, found ones after */
	size_t count;
	void *inodes; /* (st_dev, st_ino) -> object: a tree of tsearch(3); see object.c */
	void **kept;  /* what object_table_keep() was given */
	size_t kept_count;
	pthread_mutex_t lock; /* while gather's threads add */
};

void object_table_init(struct object_table *table);
void object_table_release(struct object_table *table);
/* The object of that inode, NULL where there is none yet. */
struct object *object_table_find(struct object_table *table, dev_t dev, ino_t ino);
/* Adds OBJECT (allocated, owned by the table from then on), unless that inode is there already:
 * then OBJECT is released, and the one that is there gets its names.  Returns the one in the table.
 * Whatever the order of the calls: `path` is the first of the real names, an object is listed if
 * one of its names is, and skipped if one of them is not to be replaced where it is. */
struct object *object_table_add(struct object_table *table, struct object *object);
/* OBJECT is not to be rewritten, because of SKIP (nothing happens where that is SKIP_NOT);
 * the first reason stands. */
void object_leave(struct object *object, enum object_skip skip);
/* Makes PATH, real and inside ROOT, the path of OBJECT, which has none yet. */
void object_set_path(struct object *object, const struct root *root, const char *path);
/* Sets `wanted`, when the scopes are known. */
void object_table_want(struct object_table *table);
/* Sorts by path and numbers anew. */
void object_table_sort(struct object_table *table);
/* For qsort() of struct object *: by path.  Then the object at PATH of the COUNT that are SORTED
 * so; NULL: there is none. */
int object_compare_paths(const void *a, const void *b);
struct object *object_find_path(struct object *const *sorted, size_t count, const char *path);
/* Memory (of malloc) that several objects share: freed with the table. */
void object_table_keep(struct object_table *table, void *memory);

/* True if OBJECT's file is to be moved, or has been. */
static inline bool object_moves(const struct object *object)
{
	return object->kind == OBJECT_LIBRARY ? object->has_slot :
						object->kind == OBJECT_LOADER && object->slot;
}

static inline bool object_is_program(const struct object *object)
{
	return object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE;
}

/* Where OBJECT, a program that is prelinked, finds the run-time module, inside the root; NULL where its
 * machine has none, or has one for stores only. */
static inline const char *object_module(const struct object *object)
{
	return object->arch && object->arch->plan_in_file ? object->arch->module[object->big_endian] : NULL;
}

/* Who a pass is for, of the table: for object_table_select().  Those to be rewritten are wanted, and nothing
 * was found against it nor done to them yet. */
bool object_is_listed(const struct object *object);
bool object_is_library_to_rewrite(const struct object *object);
bool object_is_loader_to_rewrite(const struct object *object);
bool object_is_program_to_rewrite(const struct object *object);
bool object_is_to_undo(const struct object *object);

/* Objects of TABLE for which IS is true, in its order; the caller frees the array. */
struct object_list object_table_select(const struct object_table *table,
				       bool (*is)(const struct object *object));

void object_release(struct object *object);
const char *object_kind_text(enum object_kind kind); /* "library", "pie", "exec", "loader" */
const char *object_skip_text(enum object_skip skip);
const char *object_skip_cure(enum object_skip skip); /* what to do about it; NULL where that is nothing */
void object_list_add(struct object_list *list, struct object *object);
bool object_list_has(const struct object_list *list, const struct object *object);

#endif
