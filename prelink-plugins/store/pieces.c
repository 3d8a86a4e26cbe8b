/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a store in the making consists of; see pieces.h. */
#include "store/pieces.h"

#include <search.h>
#include <stdlib.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"
#include "limit.h"

/* A block may stand in for one that differs in a word of so many. */
enum { BLOCK_SHARE = 8 };

/* Bytes that are in the store. */
struct interned {
	const struct store *store;
	uint64_t hash, size;
	uint32_t at;
	const void *bytes; /* while it is looked for */
};

/* --- bytes --- */

uint32_t store_reserve(struct store *store, uint64_t size)
{
	uint64_t at = align_up(store->size, 8);

	if (size > LIMIT_STORE || at > LIMIT_STORE - size) {
		store->full = true;
		return 0;
	}
	ALLOC_GROW(store->bytes, at + size, store->room);
	memset(store->bytes + store->size, 0, at + size - store->size);
	store->size = at + size;
	return (uint32_t)at;
}

struct record_io store_io(const struct store *store, uint64_t at)
{
	struct record_io io = record_io(&store->form, store->rela, store->bytes, store->size);

	io.write = true;
	io.at = at;
	return io;
}

static int compare_interned(const void *a, const void *b)
{
	const struct interned *left = a, *right = b;

	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	if (left->size != right->size)
		return left->size < right->size ? -1 : 1;
	const unsigned char *bytes = left->store->bytes;
	return memcmp(left->bytes ? left->bytes : bytes + left->at,
		      right->bytes ? right->bytes : bytes + right->at, left->size);
}

uint32_t store_intern(struct store *store, const void *bytes, uint64_t size)
{
	struct interned wanted = { .store = store, .size = size, .bytes = bytes };

	if (size == 0)
		return 0;
	wanted.hash = identity_add_bytes(IDENTITY_START, bytes, (uint32_t)size);
	struct interned **found = tsearch(&wanted, &store->interned, compare_interned);
	if (!found) {
		diag_errno(NULL, "making the store");
		exit(1);
	}
	if (*found != &wanted)
		return (*found)->at;
	struct interned *entry = xcalloc(1, sizeof *entry);
	*entry = wanted;
	*found = entry;
	entry->at = store_reserve(store, size);
	if (entry->at)
		memcpy(store->bytes + entry->at, bytes, size);
	entry->bytes = NULL;
	return entry->at;
}

/* --- identities and numbers --- */

uint32_t store_put_identity(struct store *store, const struct identity *identity)
{
	unsigned char bytes[sizeof *identity];
	struct record_io io = record_io(&store->form, store->rela, bytes, sizeof bytes);
	struct identity copy = *identity;

	io.write = true;
	record_next(&io, RECORD_IDENTITY, &copy);
	return store_intern(store, bytes, sizeof bytes);
}

struct member *store_member(struct store *store, const struct object *object, const struct identity *identity)
{
	ALLOC_REACH(store->member, object->index, store->member_count);
	struct member **member = &store->member[object->index];
	if (!*member) {
		*member = xcalloc(1, sizeof **member);
		(*member)->number = store->numbers++;
		(*member)->identity = identity ? store_put_identity(store, identity) : 0;
		store->figures.objects++;
	}
	return *member;
}

struct member *store_known(const struct store *store, const struct object *object)
{
	return object->index < store->member_count ? store->member[object->index] : NULL;
}

/* --- blocks --- */

int word_compare(const void *a, const void *b)
{
	const struct word *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

bool word_same(const struct word *a, const struct word *b)
{
	return a->number == b->number && a->offset == b->offset && a->plt == b->plt;
}

/* How many of the COUNT words of an object, ascending, BLOCK does not give their value. */
static size_t count_different(const struct block *block, const struct word *word, size_t count)
{
	size_t different = 0;

	for (size_t i = 0, k = 0; i < count; i++) {
		while (k < block->count && block->word[k].address < word[i].address)
			k++;
		different += k == block->count || block->word[k].address != word[i].address ||
			     !word_same(&block->word[k], &word[i]);
	}
	return different;
}

/* By group, then by address: the order in the file. */
static int compare_groups(const void *a, const void *b)
{
	const struct word *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	if (left->plt != right->plt)
		return left->plt ? 1 : -1;
	return word_compare(a, b);
}

static bool same_group(const struct word *a, const struct word *b)
{
	return a->number == b->number && a->plt == b->plt;
}

static uint32_t put_block(struct store *store, const struct word *words, size_t count)
{
	struct word *sorted = xcalloc(count, sizeof *sorted);
	uint32_t groups = 0;

	memcpy(sorted, words, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_groups);
	for (size_t i = 0; i < count; i++)
		groups += i == 0 || !same_group(&sorted[i], &sorted[i - 1]);
	uint64_t size = sizeof(struct store_block) + groups * sizeof(struct store_group) +
			count * sizeof(struct store_word);
	uint32_t at = store_reserve(store, size), group = at + sizeof(struct store_block);
	uint32_t word = group + groups * (uint32_t)sizeof(struct store_group);
	struct elf_image image = store_io(store, 0).plan, *out = &image;

	for (size_t i = 0, first = 0; at && i < count; i++) {
		elf_put32(out, word + 8 * i, sorted[i].address);
		elf_put32(out, word + 8 * i + 4, (uint32_t)sorted[i].offset);
		if (i + 1 < count && same_group(&sorted[i], &sorted[i + 1]))
			continue;
		elf_put32(out, group, sorted[i].number);
		elf_put32(out, group + 4, (uint32_t)(i + 1 - first) | (sorted[i].plt ? STORE_PLT : 0));
		group += sizeof(struct store_group);
		first = i + 1;
	}
	if (at) {
		elf_put32(out, at, groups);
		elf_put32(out, at + 4, (uint32_t)count);
	}
	free(sorted);
	store->figures.words += count;
	return at;
}

struct block *store_add_block(struct store *store, struct member *member, struct word *word, size_t count)
{
	struct block *block = &member->block[member->block_count++];

	*block = (struct block){ .at = put_block(store, word, count), .word = word, .count = count };
	return block;
}

const struct block *store_choose_block(struct store *store, struct member *member, struct word *word,
				       size_t count)
{
	const struct block *best = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < member->block_count; i++) {
		size_t different = count_different(&member->block[i], word, count);
		if (different < least) {
			least = different;
			best = &member->block[i];
		}
	}
	if (!best || (least > count / BLOCK_SHARE && member->block_count < BLOCKS_MAX))
		return store_add_block(store, member, word, count);
	free(word);
	return best;
}
