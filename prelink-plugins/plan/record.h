/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of a plan (rtld/plan_format.h), as everybody but the run-time module has them: addresses of 64
 * bits, whatever the machine.  How each lies in a file is said once, in record.c, for writing (encode.c) and
 * reading (stored.c): field by field, in the class and byte order of the object. */
#ifndef RECORD_H
#define RECORD_H

#include "elf_image.h"
#include "rtld/identity.h"
#include "rtld/store_format.h"

enum record_kind {
	RECORD_HEADER,   /* struct plan_header, which is the same in every class */
	RECORD_OBJECT,   /* struct planned */
	RECORD_INDEX,    /* uint32_t: an index, or the hash of a name */
	RECORD_VALUE,    /* struct planned_word, of which `base` is not there */
	RECORD_FIXUP,    /* struct planned_word */
	RECORD_RESIDUAL, /* GElf_Rela; of a machine whose relocations carry no addend, without that */
	RECORD_IFUNC,    /* struct planned_ifunc */
	RECORD_RESOLVER, /* struct planned_resolver */
	RECORD_IDENTITY, /* struct identity */
	RECORD_STORE,    /* struct store_header */
	RECORD_PROGRAM,  /* struct store_program */
	RECORD_MEMBER,   /* struct store_member */
	RECORD_FROZEN,   /* struct store_frozen */
	RECORD_FOUND,    /* struct store_found */
};

/* struct plan_object. */
struct planned {
	GElf_Addr dynamic;
	uint32_t stamp[2];
	uint16_t way, flags;
	uint32_t identity;
	struct plan_table closure, value, fixup, residual, ifunc;
	uint32_t guessed, certain, block, digest;
};

/* struct plan_value and struct plan_fixup: the word at `address` becomes `value` + the load
 * bias of the object `base`. */
struct planned_word {
	GElf_Addr address;
	uint64_t value;
	uint32_t base; /* index */
	bool plt;      /* of a lazy JUMP_SLOT */
};

struct planned_ifunc {
	GElf_Addr address;
	uint32_t resolver; /* index */
	bool plt;          /* of a lazy JUMP_SLOT */
};

struct planned_resolver {
	GElf_Addr resolver, guess;
	uint32_t base; /* index; 0: `resolver` is an address in the process */
};

/* A place in a plan.  Set all but `write` and `at` with record_io(). */
struct record_io {
	struct elf_image plan; /* its bytes alone: data, size, class and byte order */
	bool rela;             /* relocations carry addends */
	bool write;            /* records are written, not read */
	uint64_t at;           /* byte of the plan at which the next record is */
};

/* For reading the SIZE bytes of a plan at DATA, which is for programs like PROGRAM. */
struct record_io record_io(const struct elf_image *program, bool rela, void *data, uint64_t size);

/* Bytes of a record. */
uint64_t record_size(const struct record_io *io, enum record_kind kind);

/* Reads or writes one RECORD, of the type that its KIND says, and goes on to the next.  The caller has seen
 * to it that it lies inside the plan. */
void record_next(struct record_io *io, enum record_kind kind, void *record);

/* True if TABLE, of records of KIND, lies inside the plan. */
bool record_table_fits(const struct record_io *io, struct plan_table table, enum record_kind kind);

/* Reads record INDEX of TABLE. */
void record_get(const struct record_io *io, struct plan_table table, enum record_kind kind, size_t index,
		void *record);

#endif
