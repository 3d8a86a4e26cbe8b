/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A symbol on its way through a scope, by ld.so's rules.
 *
 * They are those of glibc 2.36 and later.  Earlier ones differ in one point: the GOT entry of protected data
 * that the program has a COPY relocation for gets the copy's address (ELF_RTYPE_CLASS_EXTERN_PROTECTED_DATA).
 *
 * Follows glibc's elf/dl-lookup.c, dl-reloc.c (RESOLVE_MAP) and dl-object.c (l_scope). */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "bind/relocs.h"
#include "bind/searchlist.h"

/* The STB_GNU_UNIQUE symbols that a process was bound to so far: ld.so's _ns_unique_sym_table.  Zeroed at
 * first; unique_table_forget() for the next process. */
struct unique_table {
	struct memo *memo; /* by number of the name; owned */
	size_t size;       /* numbers that it has room for */
	uint32_t serial;
};

void unique_table_forget(struct unique_table *table);
void unique_table_release(struct unique_table *table);

/* Where an object's references are looked for: glibc's l_scope. */
struct bind_scope {
	struct searchlist *global;   /* the program's start-up scope; NULL for a library's natural scope */
	struct searchlist *local;    /* of what dlopen was asked for, and came with it: its closure; NULL for
				      objects that are there from the start */
	bool deepbind;               /* RTLD_DEEPBIND: local first, and no heed to DT_SYMBOLIC */
	struct unique_table *unique; /* of the process; NULL: each lookup is the first one */
};

/* Looks in SCOPE for what BINDING, of BY, refers to, and notes what ld.so would find. */
void bind_lookup(struct opened *opened, struct bind_object *by, const struct bind_scope *scope,
		 struct binding *binding);

#endif
