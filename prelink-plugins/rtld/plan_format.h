/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: what is left to do at run time for one program, as it lies in the program's file.
 *
 * It lies in a read-only PT_LOAD segment of the executable, in section `.prelink.plan`; a DT_PRELINK_PLAN
 * entry of the dynamic section holds its address.  The run-time module (prelink-rtld.c) reads it where it
 * lies, and the structs with ElfW() below are the module's alone: prelink writes and reads plans of other
 * machines, too (plan/record.h, which says the same in its way).
 *
 * Layout: the header, then the tables, each 8-byte aligned, in any order.  Every reference is an
 * offset in bytes from the header's first byte, or an index into a table; there is no pointer, so
 * nothing in it is relocated.  Words are in the byte order and class of the machine it is for.
 *
 * Objects:
 *   [0]               the program
 *   [1]               ld.so, of which PLAN_UNPLACED is always true
 *   [2, startup)      the other objects of the start-up scope, in the order in which ld.so maps them
 *   [startup, count)  everything that the program's plugins can bring in: first, by ascending `dynamic`,
 *                     what has a slot, then from `unplaced` on what has none
 * An object with a slot has an address of its dynamic section that no other object can have: this is how the
 * module knows it, and addresses in it are addresses in the process.  An object without one (PLAN_UNPLACED)
 * is known by its identity (identity.h), and what others need of it is said relative to its load bias.
 * Addresses of such objects, and of the program, are as in the file.  ld.so relocates it, but where it is
 * PLAN_ANYWHERE: then the module does that as well, wherever it lies.
 *
 * A plan that was damaged is not used: the header and each object carry a digest of themselves and of all
 * that they name (digest.h).  The module looks at that of an object where it is about to use what is in it,
 * so nothing is read for it that would not be read anyhow.
 *
 * A plan in a store (store_format.h) is the same, but for this: what its tables' offsets are
 * counted from is the first byte of the store; no object in it has a slot; and what is the same in
 * several plans is there once. */
#ifndef PLAN_FORMAT_H
#define PLAN_FORMAT_H

#include <link.h>
#include <stdint.h>

#define DT_PRELINK_PLAN DT_CONFIG /* an address tag that glibc passes over and eu-elflint knows */
#define PLAN_SECTION ".prelink.plan"
#define PLAN_MAGIC 0x354e4c50u /* "PLN5": changes with every change of layout */
#define PLAN_OBJECTS_MAX 4096  /* what the module has room to remember */
#define PLAN_RESOLVERS_MAX 256 /* likewise */

enum { PLAN_PROGRAM = 0, PLAN_LOADER = 1, PLAN_FIRST_LIBRARY = 2 };

/* COUNT records at byte OFFSET of the plan. */
struct plan_table {
	uint32_t offset;
	uint32_t count;
};

struct plan_header {
	uint32_t magic;
	uint32_t size;            /* bytes, of all of it */
	struct plan_table object; /* struct plan_object */
	uint32_t startup;         /* index of the first object that is not in the start-up scope */
	uint32_t unplaced;        /* index of the first object after it that has no slot */
	uint32_t scope;           /* objects of the start-up scope as ld.so counts them: the program, and
				      ld.so where something needs it */
	struct plan_table name; /* uint32_t, ascending: plan_hash() of every name by which an object is asked
				      for, its last path component: sonames, what is needed, what manifests
				      say; an unknown object of such a name may take the place of ours */
	struct plan_table resolver; /* struct plan_resolver, at most PLAN_RESOLVERS_MAX */
	struct plan_table member;   /* struct store_member, in a store; else empty */
	uint32_t digest;            /* of the fields before it, of the names, the resolvers and the members */
};

/* Where ld.so is sent for what it must still process itself. */
enum plan_way {
	PLAN_LEAVE = 0,  /* everything is ld.so's: values and fixups are empty */
	PLAN_RELA = 1,   /* DT_RELA is pointed at the residual list, the PLT's range is empty */
	PLAN_JMPREL = 2, /* the DT_RELACOUNT first records stay, the PLT's range is pointed at the residual
			    list; for a position-independent program without lazy binding */
};

enum plan_flag {
	PLAN_SYMBOLIC = 1, /* DT_SYMBOLIC: ld.so puts the object itself first in its scope */
	PLAN_LAZY = 2,     /* at start-up, its JUMP_SLOTs are left to lazy binding */
	PLAN_UNPLACED = 4, /* has no slot */
	PLAN_KEEP_PLT =
		8, /* DT_JMPREL stays with ld.so: with RTLD_NOW dlopen may have to fail on its lazy calls, or it
			      is a position-independent program's, and lazy */
	PLAN_NOT_DEEPBIND = 16, /* with RTLD_DEEPBIND it would bind otherwise */
	PLAN_ANYWHERE = 32, /* unplaced, and the module applies its RELATIVE and RELR relocations and all of
				      the plan's words; ld.so is left the residual list */
};

struct plan_object {
	ElfW(Addr) dynamic; /* address of its dynamic section; 0 for the program */
	uint32_t stamp[2]; /* of elf/dynamic.h: checksum and time; of an object that is known by its identity,
				      the low and the high half of identity.dynamic */
	uint16_t way;      /* enum plan_way */
	uint16_t flags;    /* enum plan_flag, or-ed */
	uint32_t identity; /* offset of its struct identity; 0: it is known by its stamp */
	struct plan_table closure;  /* uint32_t: indices, ascending, of the objects from `startup` on that are
				      in its dependency closure, itself included; empty at start-up, and
				      where the closure is not all in the plan */
	struct plan_table value;    /* struct plan_value */
	struct plan_table fixup;    /* struct plan_fixup */
	struct plan_table residual; /* relocations in ld.so's own form: ElfW(Rela), or ElfW(Rel) on a machine
				       whose ld.so takes addends in place.  R_*_IRELATIVE is among them for
				       references to a STT_GNU_IFUNC symbol of any object.  Those behind the
				       first `certain` are only left to do where RTLD_GLOBAL has added
				       something to the start-up scope: else the word is right without */
	struct plan_table
		ifunc;    /* struct plan_ifunc; first those whose word in the file is the guess already */
	uint32_t guessed; /* how many that are */
	uint32_t certain; /* residual records that are always left to do */
	uint32_t block;   /* in a store: offset of its struct store_block, 0 where it has none; else 0 */
	uint32_t digest;  /* of the fields before it, of the five tables, the identity and the block */
};

/* The word at ADDRESS becomes VALUE. */
struct plan_value {
	ElfW(Addr) address;
	ElfW(Addr) value;
};

/* The word at ADDRESS becomes OFFSET + the load bias of OBJECT, which has no slot.  Of an object of the
 * start-up scope or of the closure of the one that the fixup is in. */
struct plan_fixup {
	ElfW(Addr) address;
	ElfW(Addr) offset;
	uint32_t object; /* index, or UINT32_MAX: the word becomes OFFSET */
	uint32_t plt;    /* as in struct plan_ifunc */
};

/* An IFUNC resolver of a start-up object, and what it was seen to choose; of an object without slot relative
 * to its load bias, and without a guess.  The module asks each of them in each process, when the words of all
 * start-up objects are written: they are those of the C library, which look at what ld.so knows of the
 * processor and at nothing else. */
struct plan_resolver {
	ElfW(Addr) resolver;
	ElfW(Addr) guess;
	uint32_t
		object; /* index of an object without slot, to whose load bias `resolver` is relative; 0: none */
	uint32_t reserved;
};

/* The word at ADDRESS becomes what the resolver chooses. */
struct plan_ifunc {
	ElfW(Addr) address;
	uint32_t resolver; /* index */
	uint32_t plt;      /* 1: the word is that of a lazy JUMP_SLOT, which always_lazy() releases see to */
};

/* The hash of a name in the plan: that of DT_GNU_HASH. */
static inline uint32_t plan_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

#endif
