/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every dynamic relocation resolves to in a given scope, by ld.so's rules, without running anything.
 *
 *     struct bind *bind = bind_new(root);
 *     struct searchlist main = { 0 };
 *     searchlist_set(&main, bind, &program->scope, program);
 *     struct bind_scope scope = { .global = &main, .unique = &table };
 *     for (i = program->scope.count; i-- > 0; )      // ld.so starts with the last one, too
 *             bind_object(bind, program->scope.member[i], &scope, &out);
 *
 * An object's tables are mapped and checked once, when it is first met, and stay until bind_free(): binding
 * it in a second program's scope costs no reading.  Every (name, version) that a relocation asks for has a
 * number, common to all objects; a searchlist remembers the answer by that number, so that the hundredth
 * object that asks for `free` costs one look into an array.
 *
 * Addresses are as in the files that were mapped, before any load bias.  A struct bind is one thread's;
 * others take part with one that bind_share() gives them.
 *
 * The rules are those of glibc 2.36 and later.  Earlier ones differ in one point: the GOT entry of protected
 * data that the program has a COPY relocation for gets the copy's address
 * (ELF_RTYPE_CLASS_EXTERN_PROTECTED_DATA).
 *
 * Follows glibc's elf/dl-lookup.c, dl-reloc.c (RESOLVE_MAP), dl-object.c (l_scope) and the
 * elf_machine_type_class of sysdeps/MACHINE/dl-machine.h. */
#ifndef BIND_H
#define BIND_H

#include "object.h"
#include "bind/searchlist.h"
#include "plan/shadowed.h"
#include "elf/symbols.h"

/* An object as bind sees it. */
struct bind_object {
	struct object *object;
	struct elf_image image; /* of object->path, as it is now */
	struct dynamic dynamic;
	struct symbols symbols;
	bool own_libc;  /* its code is that of the C library which this process runs on */
	bool symbolic;  /* DT_SYMBOLIC or DF_SYMBOLIC */
	bool used;      /* since its pages were last given back; bind.c's */
	bool bind_now;  /* DT_BIND_NOW, DF_BIND_NOW or DF_1_NOW: its JUMP_SLOTs are never lazy */
	uint32_t *name; /* number of what a reference to symbol i asks for; 0: not known yet */
	/* Whether bind_natural() has set what follows. */
	enum { NATURAL_NONE = 0, NATURAL_BUSY, NATURAL_DONE } natural;
	struct fill *fill;
	size_t fill_count;
	struct shadows shadows; /* shadowed.c's */
};

struct bind;

/* ROOT outlives it. */
struct bind *bind_new(const struct root *root);
void bind_free(struct bind *bind);

/* Another one for another thread, which has searchlists of its own and shares all that BIND and it learn
 * about objects and names.  Freed before BIND is. */
struct bind *bind_share(struct bind *bind);

/* Lets go of the memory that the tables take, which are read again when they are needed: of ALL objects, or
 * of those that bind_open() was called for since the last time. */
void bind_rest(struct bind *bind, bool all);

/* Makes lookups quicker from now on, in what is open now.  While no other thread looks anything up;
 * only the first call counts. */
void bind_index(struct bind *bind);

/* OBJECT's tables, mapped on the first call and owned by BIND.  NULL after a message where they cannot be
 * read, or are not what gather saw (object->st, where that is set); said once for each object. */
struct bind_object *bind_open(struct bind *bind, struct object *object);

/* Searchlist WHICH (0 or 1) of those that live as long as BIND: what they need for a whole system's symbols
 * is not taken and given back for each program. */
struct searchlist *bind_searchlist(struct bind *bind, unsigned which);

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

enum binding_result {
	BINDING_NONE = 0,  /* the relocation names no symbol */
	BINDING_OPEN,      /* it does, and nobody has looked it up: what bind_relocs() leaves */
	BINDING_SELF,      /* no lookup: a local or hidden symbol of the object itself (or symbol 0) */
	BINDING_FOUND,     /* a lookup, and `provider` defines it */
	BINDING_ZERO,      /* an undefined weak reference that nobody defines: 0 */
	BINDING_UNDEFINED, /* a strong one that nobody defines: ld.so gives up, at once or when called */
};

/* One dynamic relocation and what it resolves to. */
struct binding {
	GElf_Addr address; /* r_offset */
	int64_t addend;    /* r_addend; of a REL word, what lies in place; of other REL, 0 */
	uint32_t type;     /* R_* of the machine */
	uint32_t symbol;   /* index in the object's own symbol table; 0 for none */
	enum reloc_kind kind;
	enum binding_result result;
	bool rela;            /* it carries its addend */
	bool plt;             /* from DT_JMPREL: lazy unless the object says otherwise */
	bool weak, protected; /* of the reference: STB_WEAK, STV_PROTECTED */
	/* Of BINDING_SELF and BINDING_FOUND: */
	bool absolute;          /* SHN_ABS: st_value is no address and does not move with the provider */
	bool undefined;         /* SHN_UNDEF: an executable's PLT entry that stands for a function */
	unsigned char sym_type; /* STT_* of the definition */
	unsigned char sym_bind; /* STB_* of it */
	struct bind_object *provider;
	uint32_t definition; /* index in the provider's symbol table */
	GElf_Addr value;     /* st_value */
};

struct binding_list {
	struct binding *item; /* owned; reused from object to object */
	size_t count, room;
	size_t relative; /* RELATIVE relocations, which are not in the list; nor are R_*_NONE */
};

/* Reads all relocations of OBJECT, DT_REL and DT_RELA first, then DT_JMPREL, each in the order of the file,
 * into LIST, replacing what it holds; what needs no lookup is resolved.  0, or -1 after a message. */
int bind_relocs(struct bind *bind, struct object *object, struct binding_list *list);

/* The same, and looks up in SCOPE what is open (lazy references as well, as with LD_BIND_NOW). */
int bind_object(struct bind *bind, struct object *object, const struct bind_scope *scope,
		struct binding_list *list);
void binding_list_release(struct binding_list *list);

/* Name and version that BINDING, of the object BY, asks for; VERSION becomes NULL where it asks for none. */
const char *binding_name(const struct bind_object *by, const struct binding *binding, const char **version);

/* Number and class of what the BINDING_OPEN relocation BINDING, of BY, asks for. */
uint32_t binding_number(struct bind *bind, struct bind_object *by, const struct binding *binding);
enum symbol_class binding_class(const struct binding *binding);

/* Notes in BINDING that it resolves to DEFINITION. */
void binding_set(struct binding *binding, enum binding_result result, const struct definition *definition);

/* The values that go into the file of a library itself: the words that are right in its natural scope and
 * that ld.so never reads.  Not lazy JUMP_SLOTs (their word is their stub; before glibc 2.35, an audit module
 * makes -z now ones lazy as well), not words with an addend in place. */
struct fill {
	GElf_Addr address; /* of the word, in the object at its slot */
	GElf_Addr value;
};

/* Binds OBJECT in its natural scope (object->scope) and remembers what to fill in, in the order of its
 * relocations, unless that was done before.  For objects without slot, nothing.  0, or -1 after a message. */
int bind_natural(struct bind *bind, struct object *object);

/* Writes what bind_natural() found for OBJECT into IMAGE, OBJECT's file moved to its slot.  Reads only, but
 * for IMAGE: several threads may fill several images.  Returns the number of words written, or -1 after a
 * message. */
long bind_fill(const struct bind *bind, const struct object *object, struct elf_image *image);

#endif
