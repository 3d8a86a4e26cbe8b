/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store: the plans of many programs in one file beside the system, for objects that lie where ld.so and
 * the kernel happen to put them.
 *
 * prelink writes it (store/contents.c), the run-time module maps it read-only (rtld/store.c).  It names no
 * address, inode, time or path of the machine that it was made on: the same files give the same store, and it
 * is valid wherever these files are.
 *
 * Layout: the header and a filter, then tables, each 8-byte aligned, in any order.  Every reference
 * is an offset in bytes from the first byte of the store, or an index; so are those inside the
 * plans (plan_format.h), which share what is the same in several of them: identities, blocks of
 * natural bindings, residual lists.  Words are in the byte order and class of the machine it is
 * for; one store is for one machine.
 *
 * What a word becomes is always the load bias of some object + an offset.  The bindings of an object that are
 * the same in every program are a *block*, named by each plan that has the object; a plan has fixups for what
 * is otherwise there, written after the block.  A block names objects by number, the same in the whole store;
 * a plan says which of its objects has which number.  Of objects that are not in the plan the block's words
 * are passed over: the plan has a fixup or a residual record for each of those. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "plan_format.h"

#define STORE_MAGIC 0x34535450u /* "PTS4": changes with every change of layout */

struct store_header {
	uint32_t magic;
	uint16_t machine; /* e_machine */
	uint16_t elf_class;
	uint64_t size;             /* bytes, of all of it */
	struct plan_table program; /* struct store_program, ascending by `dynamic` */
	struct plan_table frozen;  /* struct store_frozen, ascending by `plan` */
	uint32_t
		crc; /* CRC-32 of all of it, with this as zero; the module, which does not read all of it, goes by the
			 digests of the plans */
	uint32_t reserved;
};

/* How a store begins.  Most programs of a system have no plan in it: they read this, and map nothing. */
#define STORE_FILTER_BYTES \
	2048 /* a power of two: one of 16 programs without a plan is not told from 1,000 with one */
struct store_front {
	struct store_header header;
	unsigned char filter[STORE_FILTER_BYTES]; /* the bit of each program that has a plan is set */
};

/* The bit of FILTER for the program whose dynamic section has DIGEST: in byte *AT, this one. */
static inline unsigned char store_filter_bit(uint64_t digest, uint32_t *at)
{
	uint32_t bit = (uint32_t)(digest * 0x9e3779b97f4a7c15u >> 32) % (8 * STORE_FILTER_BYTES);

	*at = bit / 8;
	return (unsigned char)(1u << bit % 8);
}

/* A program whose search for libraries is frozen: it is answered with what was found when the store was
 * made.  Paths are those inside the tree that it was made of: here alone the store depends on more than
 * what the files contain. */
struct store_frozen {
	uint32_t plan;           /* offset of its struct plan_header */
	uint32_t library_path;   /* offset of the LD_LIBRARY_PATH for which this holds; 0: none */
	struct plan_table found; /* struct store_found, ascending by `hash` */
};

/* A name that is asked for.  Strings are offsets, and end with a NUL. */
struct store_found {
	uint32_t hash; /* plan_hash() of the name */
	uint32_t name, path;
	uint32_t size;  /* bytes of that file, modulo 2^32 */
	uint32_t check; /* store_found_check(): an entry that is damaged is not used */
	uint32_t reserved;
};

static inline uint32_t store_found_check(uint32_t name_hash, uint32_t path_hash, uint32_t size)
{
	return ((name_hash * 31 + path_hash) * 31 + size) ^ 0x5eed5eedu;
}

/* A program that was looked at. */
struct store_program {
	uint64_t dynamic;  /* digest of its dynamic section (identity.h) */
	uint32_t identity; /* offset of its struct identity */
	uint32_t plan;     /* offset of its struct plan_header; 0: it can have none, or it would not pay */
};

/* The natural bindings of an object: this, GROUP_COUNT groups, then the words of each. */
struct store_block {
	uint32_t group_count;
	uint32_t word_count; /* of all groups */
};

/* COUNT words whose targets lie in the object with NUMBER. */
struct store_group {
	uint32_t number;
	uint32_t count; /* and STORE_PLT where the words are those of JUMP_SLOTs */
};
#define STORE_PLT 0x80000000u
#define STORE_NOBODY UINT32_MAX /* as a number: the words are no addresses, but what `offset` says */

/* The word at ADDRESS becomes OFFSET, which is signed, + the load bias of the group's object.
 * Both are as in the files. */
struct store_word {
	uint32_t address;
	int32_t offset;
};

/* Which object of a plan has which number; ascending by number. */
struct store_member {
	uint32_t number;
	uint32_t index;
};

#endif
