/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every dynamic relocation resolves to in a given scope, by ld.so's rules, without running anything.
 *
 *     struct bind *bind = bind_new(root);
 *     struct searchlist main = { 0 };
 *     searchlist_set(&main, bind, &program->scope, program);
 *     for (i = program->scope.count; i-- > 0; )      // ld.so starts with the last one, too
 *             bind_object(bind, program->scope.member[i], &(struct bind_scope){ .global = &main }, &out);
 *
 * An object's tables are mapped and checked once, when it is first met, and stay until bind_free(): binding
 * it in a second program's scope costs no reading.  Every (name, version) that a relocation asks for has a
 * number, common to all objects; a searchlist remembers the answer by that number, so that the hundredth
 * object that asks for `free` costs one look into an array.
 *
 * Addresses are as in the files that were mapped, before any load bias.  Not for several threads at once.
 *
 * Follows glibc's elf/dl-lookup.c, dl-reloc.c (RESOLVE_MAP), dl-object.c (l_scope) and the
 * elf_machine_type_class of sysdeps/MACHINE/dl-machine.h. */
#ifndef BIND_H
#define BIND_H

#include "object.h"
#include "symbols.h"

/* An object as bind sees it. */
struct bind_object {
	struct object *object;
	struct elf_image image;   /* of object->path, as it is now */
	struct dynamic dynamic;
	struct symbols symbols;
	bool symbolic;            /* DT_SYMBOLIC or DF_SYMBOLIC */
	bool bind_now;            /* DT_BIND_NOW, DF_BIND_NOW or DF_1_NOW: its JUMP_SLOTs are never lazy */
	uint32_t *name;           /* number of what a reference to symbol i asks for; 0: not known yet */
};

struct bind;

/* ROOT outlives it. */
struct bind *bind_new(const struct root *root);
void bind_free(struct bind *bind);

/* OBJECT's tables, mapped on the first call and owned by BIND.  NULL after a message where they cannot be
 * read, or are not what gather saw (object->st, where that is set); said once for each object. */
struct bind_object *bind_open(struct bind *bind, struct object *object);

/* Objects that are searched one after the other: glibc's struct r_scope_elem, with a memory.  Zeroed before
 * the first searchlist_set(). */
struct searchlist {
	struct bind_object **member; /* in the order of the object_list */
	size_t count;
	const struct object *executable; /* the program, whose own copies COPY relocations skip; or NULL */
	struct memo *memo;           /* what was found, by number and class; see bind.c */
	struct memo *unique;         /* STB_GNU_UNIQUE symbols of the process: ld.so's _ns_unique_sym_table */
	size_t memo_size;            /* numbers that both have room for */
	uint32_t serial;             /* of the last searchlist_set(); marks what is remembered from before it */
};

/* Makes LIST the objects of OBJECTS, and forgets all answers and unique symbols.  EXECUTABLE is the program
 * that is being started, NULL for a list that is not a program's start-up scope.  -1 after a message if a
 * member cannot be read (it is left out, as ld.so leaves out what it cannot find when tracing). */
int searchlist_set(struct searchlist *list, struct bind *bind, const struct object_list *objects,
		   const struct object *executable);
void searchlist_release(struct searchlist *list);

/* Where an object's references are looked for: glibc's l_scope. */
struct bind_scope {
	struct searchlist *global; /* the program's start-up scope; NULL for a library's natural scope */
	struct searchlist *local;  /* of what dlopen was asked for, and came with it: its closure; NULL for
				      objects that are there from the start */
	bool deepbind;             /* RTLD_DEEPBIND: local first, and no heed to DT_SYMBOLIC */
};

enum binding_result {
	BINDING_NONE = 0,  /* the relocation names no symbol, or is R_*_NONE */
	BINDING_SELF,      /* no lookup: a local or hidden symbol of the object itself (or symbol 0) */
	BINDING_FOUND,     /* a lookup, and `provider` defines it */
	BINDING_ZERO,      /* an undefined weak reference that nobody defines: 0 */
	BINDING_UNDEFINED, /* a strong one that nobody defines: ld.so gives up, at once or when it is called */
};

/* One dynamic relocation and what it resolves to. */
struct binding {
	GElf_Addr address;       /* r_offset */
	int64_t addend;          /* r_addend; 0 for REL, whose addend lies in place */
	uint32_t type;           /* R_* of the machine */
	uint32_t symbol;         /* index in the object's own symbol table; 0 for none */
	enum reloc_kind kind;
	bool plt;                /* from DT_JMPREL: lazy unless the object says otherwise */
	enum binding_result result;
	bool protected;          /* the reference is STV_PROTECTED */
	/* Of BINDING_SELF and BINDING_FOUND: */
	struct bind_object *provider;
	uint32_t definition;     /* index in the provider's symbol table */
	unsigned char sym_type;  /* STT_* of the definition */
	unsigned char sym_bind;  /* STB_* of it */
	bool absolute;           /* SHN_ABS: st_value is no address and does not move with the provider */
	GElf_Addr value;         /* st_value */
};

struct binding_list {
	struct binding *item;    /* owned; reused from object to object */
	size_t count, room;
	size_t relative;         /* RELATIVE relocations, which are not in the list; nor are R_*_NONE */
};

/* Resolves all relocations of OBJECT in SCOPE, DT_REL and DT_RELA first, then DT_JMPREL (lazy ones as
 * LD_BIND_NOW would), each in the order of the file, into LIST, replacing what it holds.  0, or -1 after a
 * message. */
int bind_object(struct bind *bind, struct object *object, const struct bind_scope *scope,
		struct binding_list *list);
void binding_list_release(struct binding_list *list);

/* Name and version that BINDING, of the object BY, asks for; VERSION is set to NULL where it asks for none. */
const char *binding_name(const struct bind_object *by, const struct binding *binding,
			 const char **version);

#endif
