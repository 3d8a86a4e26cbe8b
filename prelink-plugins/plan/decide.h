/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each relocation needs at run time in one program: nothing, a value, or ld.so.
 *
 * The universe of a program is its start-up scope and every plugin scope that its notes name.  What a
 * start-up object binds to is certain, if the objects are there in this order (the run-time module sees to
 * that).  What a plugin-side object (one that only a dlopen brings in) binds to may depend on what was
 * loaded before it, by whom, and how; only what does not is decided here, the rest is left to ld.so.
 *
 *     universe_init(&universe, bind, program);
 *     for (i = 0; i < universe.startup->count; i++)     // all of these first
 *             universe_decide(&universe, universe.startup->member[i], &decisions);
 *     for (i = 0; i < universe.plugin_side.count; i++)
 *             universe_decide(&universe, universe.plugin_side.member[i], &decisions);
 *     universe_release(&universe);
 *
 * Addresses: of and in an object that has a slot, as they will be in the process; of and in the program,
 * ld.so and whatever else has no slot, as in its file now.  Calls come from one thread, and there is one
 * universe at a time. */
#ifndef DECIDE_H
#define DECIDE_H

#include "bind/bind.h"

struct universe {
	struct bind *bind;
	struct object *program;
	const struct object_list *startup; /* program->scope */
	struct object_list plugin_side;    /* objects of plugin scopes that are not in `startup`, in the order
					      in which the scopes name them; owned */
	bool anywhere; /* objects without a slot are decided about as well; set after universe_init() */
	/* The rest is universe.c's own. */
	struct searchlist *global; /* of startup; bind's, as the next */
	struct searchlist *others; /* of plugin_side */
	struct object_list *roots; /* by index in plugin_side: the members of it whose own scope has
					      that object in it, itself first */
	ssize_t *position;         /* by object->index: 1 + index in plugin_side; -1: in startup */
	size_t position_count;
	uint32_t *defines, defines_serial; /* by index in plugin_side: who defines the symbol in question */
	struct binding_list bindings;
	struct unique_entry *unique; /* STB_GNU_UNIQUE symbols that start-up enters into ld.so's table */
	size_t unique_count, unique_room;
	bool unique_certain; /* every start-up lookup of such a name has the same outcome */
};

enum decision_kind {
	DECISION_DONE,  /* the word in the file is right already (bind_fill() put it there) */
	DECISION_VALUE, /* the word at `address` becomes `value` */
	DECISION_FIXUP, /* the same, where the load bias of `base` is only known in the process */
	DECISION_IFUNC, /* it becomes what the resolver at `value` returns: R_*_IRELATIVE */
	DECISION_LAZY,  /* a lazy JUMP_SLOT: stays at its stub.  What a lookup now would give is in `then`,
			      `value` and `base`, as one of the kinds above, for who wants to write it */
	DECISION_UNSEEN, /* `value` would be right, and what is in the file will do: nobody looks (shadowed.h) */
	DECISION_RESIDUAL, /* ld.so has to process it */
};

/* Why ld.so has to. */
enum decision_reason {
	REASON_NONE = 0,
	REASON_TLS, /* module numbers, offsets and descriptors are the process's */
	REASON_COPY,
	REASON_UNIQUE,    /* ld.so has to see one lookup of a STB_GNU_UNIQUE symbol, to enter it */
	REASON_ORDER,     /* several objects of the universe define it: the order decides which one counts */
	REASON_REACH,     /* defined by an object that is not in this one's own closure: ld.so has to note the
			     dependency, and it may be missing another time */
	REASON_UNDEFINED, /* nobody defines it: the message is ld.so's to give */
	REASON_COPIED,    /* protected data that the program has a copy of: glibc before 2.36 takes the copy,
			     later ones do not */
	REASON_TYPE,      /* a relocation type that we do not compute, or an addend where it has no place */
	REASON_SLOT,      /* the object itself has no slot, so ld.so relocates all of it */
	REASONS
};

struct decision {
	GElf_Addr address; /* r_offset */
	GElf_Addr value;
	const struct object
		*base; /* whose address `value` is: its load bias has yet to be added, which is 0 for
				      what has a slot or is ET_EXEC.  NULL where it is a plain number */
	const struct object
		*static_tls; /* whose thread variables it needs at a fixed offset; NULL, or not known */
	int64_t addend;      /* r_addend, r_info: as in the object's own relocation */
	uint32_t type, symbol;
	enum reloc_kind reloc;
	enum decision_kind kind;
	enum decision_kind then; /* LAZY: VALUE, FIXUP, IFUNC or RESIDUAL */
	enum decision_reason reason;
	bool plt;     /* of DT_JMPREL */
	bool ungrown; /* plugin side: right only while the main scope has nothing in it that
				       came by dlopen with RTLD_GLOBAL and defines the same symbol */
};

/* The decisions about one object, in the order of its relocations; RELATIVE ones are not among them. */
struct decision_list {
	const struct bind_object *object;
	bool startup;
	struct decision *item; /* owned; reused */
	size_t count, room;

	/* About the object as a whole. */
	bool keep_plt;         /* lazy, and some JUMP_SLOT has no certain target: RTLD_NOW has to fail,
				       or to choose, so DT_JMPREL stays with ld.so */
	bool deepbind_differs; /* plugin side: with RTLD_DEEPBIND some decision could be wrong */
};

/* Gathers the universe of PROGRAM, whose scopes and slots are known.  0, or -1 after a message where an
 * object cannot be read: the program then goes without a plan. */
int universe_init(struct universe *universe, struct bind *bind, struct object *program);
void universe_release(struct universe *universe);

/* Decides about OBJECT, a member of `startup` or of `plugin_side`, into LIST.  0, or -1 after a message. */
int universe_decide(struct universe *universe, struct object *object, struct decision_list *list);
void decision_list_release(struct decision_list *list);

const char *decision_reason_text(enum decision_reason reason);

#endif
