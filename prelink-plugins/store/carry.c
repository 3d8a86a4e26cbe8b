/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking plans over from the store that is there; see carry.h. */
#include "store/carry.h"

#include <stdlib.h>

#include "alloc.h"
#include "plan/store_file.h"
#include "store/made.h"
#include "store/pieces.h"

/* A block of an object in the older store. */
struct older_block {
	uint32_t at;
	uint32_t plan; /* the first one that has it, which it was made for */
};

/* An object of the older store, by its number there. */
struct older_member {
	struct object *object;                /* NULL: it is no longer there */
	struct older_block block[BLOCKS_MAX]; /* in the order in which they were made */
	size_t block_count;
};

/* Where a table of the older store is in the new one. */
struct moved_table {
	uint32_t at;
	uint32_t size; /* bytes; 0: it was not looked for yet */
};

struct carry {
	const struct root *root;
	const char *path;
	const struct object_table *table;
	struct store_file file; /* the older store */
	struct record_io io;    /* of its bytes */
	struct made then, now;
	uint32_t tool; /* made_tool() */
	struct made_keys keys;
	const struct made_program **found; /* by object->index; NULL: it has changed */
	struct older_member *member;       /* by number */
	size_t member_count;
	struct moved_table *moved; /* by offset / 8 in the older store: plans share most of their tables */
};

/* --- the older store --- */

/* Byte size of the block at AT; 0 where it does not lie in the store. */
static uint64_t block_size(const struct carry *carry, uint32_t at)
{
	const struct elf_image *bytes = &carry->io.plan;

	if (at > bytes->size || sizeof(struct store_block) > bytes->size - at)
		return 0;
	uint64_t size = sizeof(struct store_block) +
			(uint64_t)elf_get32(bytes, at) * sizeof(struct store_group) +
			(uint64_t)elf_get32(bytes, at + 4) * sizeof(struct store_word);
	return size <= bytes->size - at ? size : 0;
}

/* The numbers of the objects of the plan STORED, by index in it; NULL where it does not
 * name each of them once. */
static uint32_t *numbers_of(const struct carry *carry, const struct stored *stored)
{
	const struct plan_header *header = &stored->header;
	size_t count = header->object.count;

	if (header->member.count != count || !record_table_fits(&carry->io, header->member, RECORD_MEMBER))
		return NULL;
	uint32_t *number = xcalloc(count + 1, sizeof *number);
	bool *named = xcalloc(count + 1, sizeof *named), good = true;

	for (size_t i = 0; i < count && good; i++) {
		struct store_member member;

		record_get(&carry->io, header->member, RECORD_MEMBER, i, &member);
		good = member.index < count && !named[member.index] && member.number < carry->member_count;
		if (good) {
			named[member.index] = true;
			number[member.index] = member.number;
		}
	}
	free(named);
	if (good)
		return number;
	free(number);
	return NULL;
}

static bool read_plan(const struct carry *carry, uint32_t plan, struct stored *stored)
{
	stored->io = carry->io;
	return stored_at(stored, plan);
}

static void note_block(struct older_member *member, uint32_t block, uint32_t plan)
{
	for (size_t i = 0; i < member->block_count; i++)
		if (member->block[i].at == block)
			return;
	if (member->block_count < BLOCKS_MAX)
		member->block[member->block_count++] = (struct older_block){ block, plan };
}

/* Finds the blocks that PLAN names, which comes after those that were looked at. */
static void find_blocks(struct carry *carry, uint32_t plan)
{
	struct stored stored;
	uint32_t *number = read_plan(carry, plan, &stored) ? numbers_of(carry, &stored) : NULL;

	for (size_t i = 0; number && i < stored.header.object.count; i++) {
		uint32_t block = stored_object(&stored, i).block;

		if (block)
			note_block(&carry->member[number[i]], block, plan);
	}
	free(number);
}

static int compare_offsets(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* Looks at all plans, in the order in which they were added. */
static void find_all_blocks(struct carry *carry)
{
	const struct plan_table programs = carry->file.header.program;
	uint32_t *plan = xcalloc(programs.count + 1, sizeof *plan);

	for (size_t i = 0; i < programs.count; i++) {
		struct store_program program;

		record_get(&carry->io, programs, RECORD_PROGRAM, i, &program);
		plan[i] = program.plan;
	}
	qsort(plan, programs.count, sizeof *plan, compare_offsets);
	for (size_t i = 0; i < programs.count; i++)
		if (plan[i])
			find_blocks(carry, plan[i]);
	free(plan);
}

/* Finds out which object has which number; those found by a search come after the sorted ones. */
static void find_members(struct carry *carry)
{
	const struct object_table *table = carry->table;
	struct object **sorted = xcalloc(table->count + 1, sizeof *sorted);

	memcpy(sorted, table->object, table->count * sizeof *sorted);
	qsort(sorted, table->count, sizeof *sorted, object_compare_paths);
	for (size_t i = 0; i < carry->then.object_count; i++) {
		const struct made_object *object = &carry->then.object[i];

		if (object->number >= carry->then.object_count)
			continue;
		ALLOC_REACH(carry->member, object->number, carry->member_count);
		carry->member[object->number].object = object_find_path(sorted, table->count,
									carry->then.text + object->path);
	}
	free(sorted);
}

/* True if FILE is a store for ARCH's machine that is as it was written. */
static bool is_whole(const struct store_file *file, const struct arch *arch)
{
	return file->bytes && !file->damaged && file->header.machine == arch->machine;
}

struct carry *carry_begin(const struct root *root, const char *path, const struct object_table *table,
			  const struct options *options, const struct arch *arch)
{
	struct carry *carry = xcalloc(1, sizeof *carry);

	carry->root = root;
	carry->path = path;
	carry->table = table;
	carry->keys.options = options;
	carry->tool = made_tool();
	carry->found = xcalloc(table->count + 1, sizeof *carry->found);
	if (options->verbose || store_file_read(&carry->file, root, path) || !is_whole(&carry->file, arch))
		return carry;
	carry->io = record_io(&carry->file.form, arch->rela, carry->file.bytes, carry->file.size);
	made_read(&carry->then, root, path, carry->file.header.crc, carry->tool);
	if (!carry->then.program_count)
		return carry;
	carry->moved = xcalloc(carry->file.size / 8 + 1, sizeof *carry->moved);
	find_members(carry);
	find_all_blocks(carry);
	for (size_t i = 0; i < table->count; i++)
		if (object_is_program(table->object[i]))
			carry->found[i] = made_find(&carry->then, made_key(&carry->keys, table->object[i]));
	return carry;
}

void carry_end(struct carry *carry)
{
	store_file_release(&carry->file);
	made_release(&carry->then);
	made_release(&carry->now);
	made_keys_release(&carry->keys);
	free(carry->found);
	free(carry->member);
	free(carry->moved);
	free(carry);
}

bool carry_has(const struct carry *carry, const struct object *program)
{
	return carry->found[program->index];
}

/* --- a plan --- */

/* One that is taken over. */
struct moving {
	struct carry *carry;
	struct store *store;
	struct stored stored;
	uint32_t plan;    /* where it is in the older store */
	uint32_t *number; /* by index in it: what its objects have there */
	struct planned *planned;
	struct member **member;
	struct word **image; /* by index: the words of a block that is made for this plan; NULL: it has one */
	size_t *image_count;
	size_t count;
};

/* The number that the object NUMBER of the older store has now; false where it has none. */
static bool number_now(const struct moving *moving, uint32_t number, uint32_t *now)
{
	const struct carry *carry = moving->carry;
	const struct object *object = number < carry->member_count ? carry->member[number].object : NULL;
	const struct member *member = object ? store_known(moving->store, object) : NULL;

	*now = number == STORE_NOBODY ? STORE_NOBODY : member ? member->number : 0;
	return member || number == STORE_NOBODY;
}

/* The words of the block at AT of the older store, numbered as they are now, by ascending address: COUNT of
 * them, to be freed.  NULL where that cannot be. */
static struct word *read_block(const struct moving *moving, uint32_t at, size_t *count)
{
	const struct elf_image *bytes = &moving->carry->io.plan;

	if (!block_size(moving->carry, at))
		return NULL;
	size_t groups = elf_get32(bytes, at), left = *count = elf_get32(bytes, at + 4), done = 0;
	uint64_t group = at + sizeof(struct store_block), place = group + groups * sizeof(struct store_group);
	struct word *word = xcalloc(left + 1, sizeof *word);
	bool good = true;

	for (size_t i = 0; i < groups && good; i++, group += sizeof(struct store_group)) {
		uint32_t now, size = elf_get32(bytes, group + 4);
		bool plt = size & STORE_PLT;

		size &= ~STORE_PLT;
		good = number_now(moving, elf_get32(bytes, group), &now) && size <= left - done;
		for (size_t k = 0; good && k < size; k++, place += sizeof(struct store_word))
			word[done++] = (struct word){ .address = elf_get32(bytes, place),
						      .number = now,
						      .offset = (int32_t)elf_get32(bytes, place + 4),
						      .plt = plt };
	}
	if (good && done == left) {
		qsort(word, done, sizeof *word, word_compare);
		return word;
	}
	free(word);
	return NULL;
}

/* True if BLOCK is the one at AT of the older store, which it is noted to be then. */
static bool is_block(const struct moving *moving, struct block *block, uint32_t at)
{
	size_t count;

	if (block->from)
		return block->from == at;
	struct word *word = read_block(moving, at, &count);
	bool same = word && count == block->count;

	for (size_t i = 0; same && i < count; i++)
		same = word[i].address == block->word[i].address && word_same(&word[i], &block->word[i]);
	if (same)
		block->from = at;
	free(word);
	return same;
}

/* Finds the block of object INDEX in the new store, or the words of the one that has to be made.  False where
 * the blocks that the object has there are not those that it had when the plan was made. */
static bool find_block(struct moving *moving, size_t index)
{
	const struct older_member *older = &moving->carry->member[moving->number[index]];
	struct member *member = moving->member[index];
	struct planned *planned = &moving->planned[index];
	uint32_t wanted = planned->block;
	size_t before = 0;
	bool found = false;

	while (before < older->block_count && older->block[before].plan < moving->plan)
		before++;
	if (!wanted)
		return true;
	if (member->block_count != before)
		return false;
	for (size_t i = 0; i < before; i++) {
		if (!is_block(moving, &member->block[i], older->block[i].at))
			return false;
		if (older->block[i].at != wanted)
			continue;
		planned->block = member->block[i].at;
		found = true;
	}
	if (found)
		return true;
	if (before == older->block_count || older->block[before].at != wanted)
		return false;
	moving->image[index] = read_block(moving, wanted, &moving->image_count[index]);
	return moving->image[index];
}

/* TABLE of the older store, in the new one. */
static struct plan_table put_table(const struct moving *moving, struct plan_table table,
				   enum record_kind kind)
{
	const struct record_io *io = &moving->carry->io;
	uint64_t size = table.count * record_size(io, kind);
	struct moved_table *moved = &moving->carry->moved[table.offset / 8];

	if (size && moved->size == size && table.offset % 8 == 0)
		return (struct plan_table){ moved->at, table.count };
	uint32_t at = store_intern(moving->store, io->plan.data + table.offset, size);
	if (table.offset % 8 == 0)
		*moved = (struct moved_table){ at, (uint32_t)size };
	return (struct plan_table){ at, table.count };
}

/* In the order of contents.c. */
static void put_object(struct moving *moving, size_t index)
{
	struct planned *planned = &moving->planned[index];
	struct word *word = moving->image[index];

	if (word) {
		struct block *block = store_add_block(moving->store, moving->member[index], word,
						      moving->image_count[index]);

		block->from = planned->block;
		planned->block = block->at;
		moving->image[index] = NULL;
	}
	planned->identity = moving->member[index]->identity;
	planned->closure = put_table(moving, planned->closure, RECORD_INDEX);
	planned->fixup = put_table(moving, planned->fixup, RECORD_FIXUP);
	planned->residual = put_table(moving, planned->residual, RECORD_RESIDUAL);
	planned->ifunc = put_table(moving, planned->ifunc, RECORD_IFUNC);
	moving->store->figures.overrides += planned->fixup.count;
}

static bool tables_fit(const struct record_io *io, const struct planned *planned)
{
	return record_table_fits(io, planned->closure, RECORD_INDEX) &&
	       record_table_fits(io, planned->fixup, RECORD_FIXUP) &&
	       record_table_fits(io, planned->residual, RECORD_RESIDUAL) &&
	       record_table_fits(io, planned->ifunc, RECORD_IFUNC);
}

/* Reads what the plan says of each object, and makes the store know them. */
static bool read_objects(struct moving *moving)
{
	for (size_t i = 0; i < moving->count; i++) {
		struct object *object = moving->carry->member[moving->number[i]].object;
		struct planned *planned = &moving->planned[i];
		struct identity identity;

		*planned = stored_object(&moving->stored, i);
		bool known = stored_identity(&moving->stored, planned, &identity);
		if (!object || !tables_fit(&moving->carry->io, planned) || known != (planned->identity != 0))
			return false;
		moving->member[i] = store_member(moving->store, object, known ? &identity : NULL);
	}
	return true;
}

static bool move(struct moving *moving, struct object *program)
{
	const struct plan_header *header = &moving->stored.header;
	struct ready ready = { .header = *header,
			       .planned = moving->planned,
			       .count = moving->count,
			       .member = moving->member };

	if (!read_objects(moving) ||
	    !stored_identity(&moving->stored, &moving->planned[PLAN_PROGRAM], &ready.identity))
		return false;
	for (size_t i = 0; i < moving->count; i++)
		if (!find_block(moving, i))
			return false;
	for (size_t i = 0; i < moving->count; i++)
		put_object(moving, i);
	ready.header.name = put_table(moving, header->name, RECORD_INDEX);
	ready.header.resolver = put_table(moving, header->resolver, RECORD_RESOLVER);
	return store_put(moving->store, program, &ready);
}

static bool take_plan(struct carry *carry, struct store *store, struct object *program, uint32_t plan)
{
	struct moving moving = { .carry = carry, .store = store, .plan = plan };
	bool moved = false;

	if (read_plan(carry, plan, &moving.stored))
		moving.number = numbers_of(carry, &moving.stored);
	if (moving.number) {
		moving.count = moving.stored.header.object.count;
		moving.planned = xcalloc(moving.count, sizeof *moving.planned);
		moving.member = xcalloc(moving.count, sizeof *moving.member);
		moving.image = xcalloc(moving.count, sizeof *moving.image);
		moving.image_count = xcalloc(moving.count, sizeof *moving.image_count);
		moved = move(&moving, program);
	}
	for (size_t i = 0; i < moving.count; i++)
		free(moving.image[i]);
	free(moving.number);
	free(moving.planned);
	free(moving.member);
	free(moving.image);
	free(moving.image_count);
	return moved;
}

bool carry_add(struct carry *carry, struct store *store, struct object *program)
{
	const struct made_program *found = carry->found[program->index];
	const struct stored stored = { .io = carry->io };
	struct identity identity;

	if (found->plan)
		return take_plan(carry, store, program, found->plan);
	if (!stored_identity(&stored, &(struct planned){ .identity = found->identity }, &identity))
		return false;
	store_add_none(store, &identity);
	program->no_plan = xstrdup(carry->then.text + found->why);
	return true;
}

/* --- for the next run --- */

void carry_note(struct carry *carry, const struct store *store, const struct object *program)
{
	const struct store_program *newest = (const struct store_program *)store->program.item +
					     store->program.count - 1;

	made_add_program(&carry->now,
			 (struct made_program){ .key = made_key(&carry->keys, program),
						.plan = newest->plan,
						.identity = newest->identity },
			 program->no_plan);
}

int carry_write(struct carry *carry, const struct store *store)
{
	struct record_io io = record_io(&store->form, store->rela, store->bytes, store->size);
	struct store_header header;

	for (size_t i = 0; i < carry->table->count; i++) {
		const struct object *object = carry->table->object[i];
		const struct member *member = store_known(store, object);

		if (member)
			made_add_object(&carry->now, object->path, member->number);
	}
	record_next(&io, RECORD_STORE, &header);
	return made_write(&carry->now, carry->root, carry->path, header.crc, carry->tool);
}
