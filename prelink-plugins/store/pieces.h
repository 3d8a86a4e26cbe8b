/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a store in the making (contents.h) consists of: bytes in their final form, of which those that several
 * plans may share are there once; and for each object its number, its identity and its blocks.  For
 * contents.c and carry.c alone. */
#ifndef PIECES_H
#define PIECES_H

#include "plan/draft.h"
#include "plan/record.h"
#include "rtld/store_format.h"
#include "store/contents.h"

enum { BLOCKS_MAX = 4 }; /* that an object may have */

/* A word to be written, as any plan could say it. */
struct word {
	uint32_t address, number; /* STORE_NOBODY: of no object */
	int32_t offset;
	bool plt;
};

/* A block that is in the store, and its words by ascending address. */
struct block {
	uint32_t at;
	uint32_t from; /* where the same one is in an older store; 0: not known.  carry.c's */
	struct word *word;
	size_t count;
};

/* What the store knows of an object. */
struct member {
	uint32_t number, identity;
	struct block block[BLOCKS_MAX];
	size_t block_count;
};

struct store {
	struct elf_image form; /* class and byte order */
	bool rela;
	uint16_t machine;
	unsigned char *bytes;
	size_t size, room;
	bool full;              /* something had no room, and so is nowhere: no plan is added any more */
	void *interned;         /* struct interned: a tree of tsearch(3) */
	struct member **member; /* by object->index */
	size_t member_count;
	uint32_t numbers;       /* given out */
	struct records program; /* struct store_program */
	struct records frozen;  /* struct store_frozen; by plan, as they come */
	struct store_figures figures;
};

/* SIZE zero bytes more, 8-byte aligned; where they are.  0 where there is no room. */
uint32_t store_reserve(struct store *store, uint64_t size);
/* Where the SIZE bytes at BYTES, in their final form, are in the store; they are put
 * there if they are not. */
uint32_t store_intern(struct store *store, const void *bytes, uint64_t size);
/* For writing records at AT. */
struct record_io store_io(const struct store *store, uint64_t at);

uint32_t store_put_identity(struct store *store, const struct identity *identity);

/* What the store knows of OBJECT, whose identity is IDENTITY (NULL: none); it knows it from now on. */
struct member *store_member(struct store *store, const struct object *object,
			    const struct identity *identity);
/* The same; NULL where it does not know it. */
struct member *store_known(const struct store *store, const struct object *object);

/* For qsort() and bsearch(): by address. */
int word_compare(const void *a, const void *b);
/* True if both say the same of their address. */
bool word_same(const struct word *a, const struct word *b);

/* Adds a block of the COUNT words, ascending, which become its own, to MEMBER, which has room for one. */
struct block *store_add_block(struct store *store, struct member *member, struct word *word, size_t count);
/* The block of MEMBER that the COUNT words, ascending, which are freed, make do with; a
 * new one where none fits. */
const struct block *store_choose_block(struct store *store, struct member *member, struct word *word,
				       size_t count);

/* A plan whose tables are all in the store. */
struct ready {
	struct plan_header header; /* but for `object` and what follows from it */
	struct planned *planned;
	size_t count;
	struct identity identity; /* of the program */
	struct member **member;   /* by index in the plan */
};

/* Puts it into the store, as the plan of PROGRAM.  False where there is no room. */
bool store_put(struct store *store, struct object *program, struct ready *ready);

#endif
