/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a store; see contents.h.
 *
 * The store grows in memory as bytes in their final form.  What several plans may share is put there once: it
 * is looked for by its bytes.  A block is looked for by what it would take to make do with one that is there:
 * few words that differ are the plan's own fixups; many make a block of their own. */
#include "store/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "outfile.h"
#include "plan/draft.h"
#include "plan/record.h"
#include "plan/seal.h"
#include "plan/store_file.h"
#include "store/pieces.h"

/* --- plans --- */

/* One plan on its way into the store. */
struct addition {
	struct store *store;
	const struct plan *plan;
	struct member **member; /* by index in the plan */
};

/* WORD as a block may say it; false where it does not fit. */
static bool to_word(const struct addition *entry, const struct planned_word *planned, struct word *word)
{
	int64_t offset = (int64_t)planned->value;

	*word = (struct word){ .address = (uint32_t)planned->address,
			       .number = planned->base == NO_INDEX ? STORE_NOBODY :
								     entry->member[planned->base]->number,
			       .offset = (int32_t)offset,
			       .plt = planned->plt };
	return planned->address <= UINT32_MAX && offset >= INT32_MIN && offset <= INT32_MAX;
}

/* The words of DRAFT that a block may say, ascending: COUNT of them, to be freed. */
static struct word *block_words(const struct addition *entry, const struct draft *draft, size_t *count)
{
	const struct planned_word *planned = draft->word.item;
	struct word *word = xcalloc(draft->word.count + 1, sizeof *word);

	*count = 0;
	for (size_t i = 0; i < draft->word.count; i++)
		*count += to_word(entry, &planned[i], &word[*count]);
	qsort(word, *count, sizeof *word, word_compare);
	return word;
}

/* The word of BLOCK at ADDRESS, NULL where it has none. */
static const struct word *find_word(const struct block *block, uint32_t address)
{
	const struct word key = { .address = address };

	return block ? bsearch(&key, block->word, block->count, sizeof key, word_compare) : NULL;
}

/* True if BLOCK has a word that ld.so is left RECORD for, which takes what is there for the addend: *FIXUP
 * gives back what the file has. */
static bool restored(const struct draft *draft, const struct block *block, const GElf_Rela *record,
		     struct planned_word *fixup)
{
	const struct elf_image *image = &draft->placed->image;
	const struct word *there = record->r_offset <= UINT32_MAX ?
					   find_word(block, (uint32_t)record->r_offset) :
					   NULL;
	uint64_t offset;

	if (!there || !elf_image_offset(image, record->r_offset, elf_word_size(image), &offset))
		return false;
	*fixup = (struct planned_word){ .address = record->r_offset,
					.value = elf_get_word(image, offset),
					.base = NO_INDEX,
					.plt = there->plt };
	return true;
}

/* What DRAFT has otherwise than BLOCK, as fixups of the plan. */
static struct plan_table put_overrides(const struct addition *entry, const struct draft *draft,
				       const struct block *block)
{
	const struct planned_word *planned = draft->word.item;
	const GElf_Rela *left = draft->residual.item;
	struct store *store = entry->store;
	size_t left_count = store->rela ? 0 : draft->residual.count;
	struct record_io io = store_io(store, 0);
	uint64_t size = record_size(&io, RECORD_FIXUP), room = draft->word.count + left_count;
	unsigned char *bytes = xcalloc(room + 1, size);
	struct plan_table table = { 0 };

	io = record_io(&store->form, store->rela, bytes, room * size);
	io.write = true;
	for (size_t i = 0; i < left_count; i++) {
		struct planned_word fixup;

		if (!restored(draft, block, &left[i], &fixup))
			continue;
		record_next(&io, RECORD_FIXUP, &fixup);
		table.count++;
	}
	for (size_t i = 0; i < draft->word.count; i++) {
		struct planned_word fixup = planned[i];
		struct word word;
		const struct word *there = to_word(entry, &fixup, &word) ? find_word(block, word.address) :
									   NULL;

		if (there && word_same(there, &word))
			continue;
		record_next(&io, RECORD_FIXUP, &fixup);
		table.count++;
	}
	table.offset = store_intern(store, bytes, table.count * size);
	free(bytes);
	return table;
}

/* The records of FIRST and then of THEN, of SIZE bytes each in memory, as one table. */
static struct plan_table put_records(struct store *store, const struct records *first,
				     const struct records *then, size_t size, enum record_kind kind)
{
	const struct records *const part[] = { first, then };
	struct plan_table table = { 0 };
	struct record_io io = store_io(store, 0);
	uint64_t bytes_each = record_size(&io, kind);

	for (size_t k = 0; k < 2; k++)
		table.count += part[k] ? (uint32_t)part[k]->count : 0;
	unsigned char *bytes = xcalloc(table.count + 1, bytes_each);
	io = record_io(&store->form, store->rela, bytes, table.count * bytes_each);
	io.write = true;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; part[k] && i < part[k]->count; i++)
			record_next(&io, kind, (char *)part[k]->item + i * size);
	table.offset = store_intern(store, bytes, table.count * bytes_each);
	free(bytes);
	return table;
}

/* What is written in which order is said here, statement by statement: the same files give the same store. */
static struct planned put_object(const struct addition *entry, size_t index)
{
	const struct draft *draft = &entry->plan->draft[index];
	struct store *store = entry->store;
	const struct block *block = NULL;
	uint64_t dynamic = draft->placed->identity.dynamic;
	size_t count;
	struct word *word = block_words(entry, draft, &count);

	if (count)
		block = store_choose_block(store, entry->member[index], word, count);
	else
		free(word);
	struct planned planned = {
		.dynamic = index == PLAN_PROGRAM ? 0 : draft->placed->dynamic.address,
		.stamp = { (uint32_t)dynamic, (uint32_t)(dynamic >> 32) },
		.way = (uint16_t)draft->way,
		.flags = (uint16_t)draft->flags,
		.identity = entry->member[index]->identity,
		.certain = (uint32_t)draft->residual.count,
		.guessed = (uint32_t)draft->guessed.count,
		.block = block ? block->at : 0,
	};
	planned.closure = put_records(store, &draft->closure, NULL, sizeof(uint32_t), RECORD_INDEX);
	planned.fixup = put_overrides(entry, draft, block);
	planned.residual = put_records(store, &draft->residual, &draft->ungrown, sizeof(GElf_Rela),
				       RECORD_RESIDUAL);
	planned.ifunc = put_records(store, &draft->guessed, &draft->ifunc, sizeof(struct planned_ifunc),
				    RECORD_IFUNC);
	store->figures.overrides += planned.fixup.count;
	return planned;
}

static int compare_members(const void *a, const void *b)
{
	const struct store_member *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

static struct plan_table put_members(struct store *store, struct member *const *members, size_t count)
{
	struct store_member *member = xcalloc(count, sizeof *member);

	for (size_t i = 0; i < count; i++)
		member[i] = (struct store_member){ members[i]->number, (uint32_t)i };
	qsort(member, count, sizeof *member, compare_members);
	const struct records records = { .item = member, .count = count };
	struct plan_table table = put_records(store, &records, NULL, sizeof *member, RECORD_MEMBER);
	free(member);
	return table;
}

static void add_program(struct store *store, const struct identity *identity, uint32_t plan)
{
	struct store_program *program = records_add(&store->program, sizeof *program);

	*program = (struct store_program){ .dynamic = identity->dynamic,
					   .identity = store_put_identity(store, identity),
					   .plan = plan };
	store->figures.programs++;
}

/* --- what is found where --- */

static uint32_t put_text(struct store *store, const char *text)
{
	return store_intern(store, text, strlen(text) + 1);
}

static int compare_found(const void *a, const void *b)
{
	const struct found *left = a, *right = b;
	uint32_t x = plan_hash(left->name), y = plan_hash(right->name);

	return x != y ? (x < y ? -1 : 1) : strcmp(left->name, right->name);
}

/* Puts down where PROGRAM, whose plan is at PLAN, finds what it asks for. */
static void put_found(struct store *store, struct object *program, uint32_t plan)
{
	const char *library_path = program->found_library_path;
	struct records records = { 0 };

	qsort(program->found, program->found_count, sizeof *program->found, compare_found);
	for (size_t i = 0; i < program->found_count; i++) {
		const struct found *found = &program->found[i];
		uint32_t hash = plan_hash(found->name), size = (uint32_t)found->size;

		if (i && strcmp(found[-1].name, found->name) == 0)
			continue;
		*(struct store_found *)records_add(&records,
						   sizeof(struct store_found)) = (struct store_found){
			.hash = hash,
			.name = put_text(store, found->name),
			.path = put_text(store, found->path),
			.size = size,
			.check = store_found_check(hash, plan_hash(found->path), size),
		};
	}
	struct store_frozen *frozen = records_add(&store->frozen, sizeof *frozen);
	*frozen = (struct store_frozen){
		.plan = plan,
		.library_path = library_path && *library_path ? put_text(store, library_path) : 0,
		.found = put_records(store, &records, NULL, sizeof(struct store_found), RECORD_FOUND),
	};
	free(records.item);
}

bool store_put(struct store *store, struct object *program, struct ready *ready)
{
	struct plan_header *header = &ready->header;
	struct record_io io = store_io(store, 0);

	header->magic = PLAN_MAGIC;
	header->member = put_members(store, ready->member, ready->count);
	header->object = (struct plan_table){
		store_reserve(store, ready->count * record_size(&io, RECORD_OBJECT)), (uint32_t)ready->count
	};
	uint32_t at = store_reserve(store, header->size = (uint32_t)record_size(&io, RECORD_HEADER));
	if (store->full)
		return false;
	io = store_io(store, header->object.offset);
	for (size_t i = 0; i < ready->count; i++)
		record_next(&io, RECORD_OBJECT, &ready->planned[i]);
	io = store_io(store, at);
	record_next(&io, RECORD_HEADER, header);
	plan_seal(&io, at);
	add_program(store, &ready->identity, at);
	if (program->found_count)
		put_found(store, program, at);
	return true;
}

bool store_add(struct store *store, const struct plan *plan)
{
	const struct draft *program = &plan->draft[PLAN_PROGRAM];
	struct addition entry = { store, plan, xcalloc(plan->count, sizeof *entry.member) };
	struct ready ready = { .header = { .startup = (uint32_t)plan->startup,
					   .unplaced = (uint32_t)plan->unplaced,
					   .scope = plan->scope },
			       .planned = xcalloc(plan->count, sizeof *ready.planned),
			       .count = plan->count,
			       .identity = program->placed->identity,
			       .member = entry.member };

	for (size_t i = 0; i < plan->count; i++) {
		const struct placed *placed = plan->draft[i].placed;
		entry.member[i] = store_member(store, plan->draft[i].object,
					       placed->has_identity ? &placed->identity : NULL);
	}
	for (size_t i = 0; i < plan->count; i++)
		ready.planned[i] = put_object(&entry, i);
	ready.header.name = put_records(store, &plan->name, NULL, sizeof(uint32_t), RECORD_INDEX);
	ready.header.resolver = put_records(store, &plan->resolver, NULL, sizeof(struct planned_resolver),
					    RECORD_RESOLVER);
	bool added = store_put(store, program->object, &ready);
	free(ready.planned);
	free(entry.member);
	return added;
}

void store_add_none(struct store *store, const struct identity *identity)
{
	add_program(store, identity, 0);
}

/* --- the file --- */

static int compare_programs(const void *a, const void *b)
{
	const struct store_program *left = a, *right = b;

	if (left->dynamic != right->dynamic)
		return left->dynamic < right->dynamic ? -1 : 1;
	if (left->identity != right->identity)
		return left->identity < right->identity ? -1 : 1;
	return left->plan < right->plan ? -1 : left->plan > right->plan;
}

/* Has those of the COUNT that are at PROGRAM, and have a plan, pass the filter. */
static void put_filter(struct store *store, const struct store_program *program, size_t count)
{
	unsigned char *filter = store->bytes + offsetof(struct store_front, filter);

	for (size_t i = 0; i < count; i++) {
		uint32_t at;
		unsigned char bit = store_filter_bit(program[i].dynamic, &at);

		if (program[i].plan)
			filter[at] |= bit;
	}
}

void store_finish(struct store *store)
{
	struct store_program *program = store->program.item;
	struct plan_table frozen = put_records(store, &store->frozen, NULL, sizeof(struct store_frozen),
					       RECORD_FROZEN);
	size_t count = store->program.count;
	uint32_t at = store_reserve(store, count * sizeof *program + 8);
	struct store_header header = { .magic = STORE_MAGIC,
				       .machine = store->machine,
				       .elf_class = store->form.is64 ? ELFCLASS64 : ELFCLASS32,
				       .size = store->size,
				       .program = { at, at ? (uint32_t)count : 0 },
				       .frozen = frozen };
	struct record_io io = store_io(store, 0);

	if (count)
		qsort(program, count, sizeof *program, compare_programs);
	record_next(&io, RECORD_STORE, &header);
	io.at = at;
	for (size_t i = 0; i < header.program.count; i++)
		record_next(&io, RECORD_PROGRAM, &program[i]);
	put_filter(store, program, header.program.count);
	io = store_io(store, offsetof(struct store_header, crc));
	elf_put32(&io.plan, io.at, store_file_crc(store->bytes, store->size));
	store->figures.bytes = store->size;
}

/* True if the file at PATH has the bytes of STORE, which is finished, and the run-time module takes it. */
static bool is_there(const struct store *store, const struct root *root, const char *path)
{
	int fd = root_open(root, path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool same = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == store->size &&
		    !store_file_distrust(&st);
	uint64_t at = 0;

	while (same && at < store->size) {
		unsigned char part[65536];
		size_t wanted = store->size - at < sizeof part ? store->size - at : sizeof part;

		same = pread(fd, part, wanted, (off_t)at) == (ssize_t)wanted &&
		       memcmp(part, store->bytes + at, wanted) == 0;
		at += wanted;
	}
	if (fd >= 0)
		close(fd);
	return same;
}

int store_compare(struct store *store, const struct root *root, const char *path)
{
	int status = 0;

	if (!is_there(store, root, path)) {
		char *outside = root_outside(root, path);

		status = diag_error(outside,
				    "comparing the store with what it would be if it were made now: it "
				    "differs; make it again");
		free(outside);
	}
	return status;
}

int store_write(struct store *store, const struct root *root, const char *path)
{
	struct outfile out;

	if (is_there(store, root, path))
		return 0;
	if (root_make_parents(root, path))
		return root_errno(root, path, "making the directory of the store");
	if (outfile_begin(&out, root, path, NULL))
		return -1;
	if (fchmod(out.fd, 0644))
		root_errno(root, path, "giving the store its mode");
	else if (outfile_write(&out, store->bytes, store->size) == 0)
		return outfile_commit(&out);
	outfile_abandon(&out);
	return -1;
}

int store_remove(const struct root *root, const char *path)
{
	int directory = outfile_open_directory(root, path), status = 0;

	if (directory < 0 || unlinkat(directory, strrchr(path, '/') + 1, 0))
		status = errno == ENOENT ? 0 : root_errno(root, path, "removing the store");
	if (directory >= 0)
		close(directory);
	return status;
}

struct store *store_new(const struct object *program)
{
	struct store *store = xcalloc(1, sizeof *store);

	store->form = (struct elf_image){ .is64 = program->is64, .big_endian = program->big_endian };
	store->rela = program->arch->rela;
	store->machine = program->arch->machine;
	store_reserve(store, sizeof(struct store_front));
	return store;
}

static void free_member(struct member *member)
{
	for (size_t i = 0; member && i < member->block_count; i++)
		free(member->block[i].word);
	free(member);
}

void store_free(struct store *store)
{
	for (size_t i = 0; i < store->member_count; i++)
		free_member(store->member[i]);
	tdestroy(store->interned, free);
	free(store->member);
	free(store->program.item);
	free(store->frozen.item);
	free(store->bytes);
	free(store);
}

struct store_figures store_figures(const struct store *store)
{
	return store->figures;
}
