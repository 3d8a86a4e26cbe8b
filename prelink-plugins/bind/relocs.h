/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dynamic relocations of an object, read, and those resolved that need no lookup.
 *
 * Addresses are as in the file that was mapped, before any load bias.  Follows the elf_machine_type_class of
 * glibc's sysdeps/MACHINE/dl-machine.h. */
#ifndef BIND_RELOCS_H
#define BIND_RELOCS_H

#include "bind/opened.h"

/* One definition after the other of what a list has. */
struct definition {
	struct bind_object *object; /* NULL before the first, and after the last */
	uint32_t symbol;            /* index in its symbol table */
	size_t next;                /* member of the list to look at next */
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
	bool at_once;         /* arch->at_once */
	uint8_t other;        /* st_other of the reference */
	/* Of BINDING_SELF and BINDING_FOUND: */
	bool absolute;          /* SHN_ABS: st_value is no address and does not move with the provider */
	bool undefined;         /* SHN_UNDEF: an executable's PLT entry that stands for a function */
	unsigned char sym_type; /* STT_* of the definition */
	unsigned char sym_bind; /* STB_* of it */
	uint8_t sym_other;      /* st_other of it */
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
int bind_relocs(struct opened *opened, struct object *object, struct binding_list *list);

void binding_list_release(struct binding_list *list);

/* True while the lookups for BY, which started when symbols_steps was START, and the names that it asks for
 * are within what limit.h allows an object; else says so, once. */
bool bind_within_limits(struct bind_object *by, uint64_t start);

/* Name and version that BINDING, of the object BY, asks for; VERSION becomes NULL where it asks for none. */
const char *binding_name(const struct bind_object *by, const struct binding *binding, const char **version);

/* Number and class of what the BINDING_OPEN relocation BINDING, of BY, asks for. */
uint32_t binding_number(struct opened *opened, struct bind_object *by, const struct binding *binding);
enum symbol_class binding_class(const struct binding *binding);

/* Notes in BINDING that it resolves to DEFINITION. */
void binding_set(struct binding *binding, enum binding_result result, const struct definition *definition);

#endif
