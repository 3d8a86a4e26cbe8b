/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the plan; see planned.h. */
#include "planned.h"

#include "digest.h"
#include "memory_identity.h"
#include "store_format.h"

const struct plan_header *plan;
const struct plan_object *objects;
const char *plan_base;
bool plan_damaged;

static uint64_t plan_size; /* bytes at plan_base */

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~7ull;
}

/* True if TABLE, with what pads it, lies in the plan. */
static bool table_fits(struct plan_table table, size_t record)
{
	return table.offset % 8 == 0 && table.offset <= plan_size &&
	       padded((uint64_t)table.count * record) <= plan_size - table.offset;
}

/* --- digests --- */

static void add_words(struct plan_digest *digest, const void *from, uint64_t size)
{
	const ElfW(Addr) *word = from;
	struct plan_digest lanes = *digest;
	size_t count = padded(size) / sizeof *word, i = 0;

	for (; i + DIGEST_LANES <= count; i += DIGEST_LANES) {
		digest_add(&lanes, 0, word[i]);
		digest_add(&lanes, 1, word[i + 1]);
		digest_add(&lanes, 2, word[i + 2]);
		digest_add(&lanes, 3, word[i + 3]);
	}
	for (; i < count; i++)
		digest_add(&lanes, i, word[i]);
	*digest = lanes;
}

/* Adds TABLE; false if it does not lie in the plan. */
static bool add_table(struct plan_digest *digest, struct plan_table table, size_t record)
{
	if (!table_fits(table, record))
		return false;
	add_words(digest, plan_at(table), (uint64_t)table.count * record);
	return true;
}

static bool add_block(struct plan_digest *digest, uint32_t offset)
{
	const struct store_block *block = (const void *)(plan_base + offset);

	if (!table_fits((struct plan_table){ offset, 1 }, sizeof *block))
		return false;
	uint64_t size = sizeof *block + (uint64_t)block->group_count * sizeof(struct store_group) +
			(uint64_t)block->word_count * sizeof(struct store_word);

	if (size > plan_size - offset)
		return false;
	add_words(digest, block, size);
	return true;
}

/* True if the header, and the tables that are the whole plan's, lie in the plan and
 * are as they were written. */
static bool is_header_intact(void)
{
	struct plan_digest digest = DIGEST_START;

	add_words(&digest, plan, offsetof(struct plan_header, member.count));
	digest_add(&digest, 0, plan->member.count);
	return plan->magic == PLAN_MAGIC && plan->size >= sizeof *plan && plan->size <= plan_size &&
	       table_fits(plan->object, sizeof(struct plan_object)) &&
	       plan->object.count <= PLAN_OBJECTS_MAX && plan->startup > PLAN_FIRST_LIBRARY &&
	       plan->startup <= plan->unplaced && plan->unplaced <= plan->object.count &&
	       plan->resolver.count <= PLAN_RESOLVERS_MAX &&
	       add_table(&digest, plan->name, sizeof(uint32_t)) &&
	       add_table(&digest, plan->resolver, sizeof(struct plan_resolver)) &&
	       add_table(&digest, plan->member, sizeof(struct store_member)) &&
	       digest_end(&digest) == plan->digest;
}

/* The same of what is OBJECT's alone.  What it says of addresses in other objects is not looked at here. */
static bool is_intact(const struct plan_object *object)
{
	struct plan_digest digest = DIGEST_START;

	add_words(&digest, object, offsetof(struct plan_object, block));
	digest_add(&digest, 0, object->block);
	bool intact = add_table(&digest, object->closure, sizeof(uint32_t)) &&
		      add_table(&digest, object->value, sizeof(struct plan_value)) &&
		      add_table(&digest, object->fixup, sizeof(struct plan_fixup)) &&
		      add_table(&digest, object->residual, sizeof(machine_reloc)) &&
		      add_table(&digest, object->ifunc, sizeof(struct plan_ifunc)) &&
		      (!object->identity || add_table(&digest, (struct plan_table){ object->identity, 1 },
						      sizeof(struct identity))) &&
		      (!object->block || add_block(&digest, object->block)) &&
		      object->certain <= object->residual.count && digest_end(&digest) == object->digest;

	plan_damaged |= !intact;
	return intact;
}

/* --- finding it --- */

void plan_take(const void *base, uint64_t size, uint32_t offset)
{
	plan_base = base;
	plan_size = size;
	if (!table_fits((struct plan_table){ offset, 1 }, sizeof *plan))
		return;
	plan = (const void *)(plan_base + offset);
	plan_damaged = !is_header_intact();
	if (plan_damaged)
		plan = NULL;
	objects = plan ? plan_at(plan->object) : NULL;
	if (plan && !is_intact(&objects[PLAN_PROGRAM]))
		plan = NULL;
}

void plan_find(const struct link_map *program)
{
	for (const ElfW(Dyn) *dyn = program->l_ld; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag != DT_PRELINK_PLAN)
			continue;
		const struct plan_header *found = mapped_from_file(program, dyn->d_un.d_ptr, sizeof *found);

		if (found && found->magic == PLAN_MAGIC &&
		    mapped_from_file(program, dyn->d_un.d_ptr, found->size))
			plan_take(found, found->size, 0);
	}
}

/* --- finding an object --- */

uint32_t first_from(const void *table, uint32_t low, uint32_t high, plan_key *key, uint64_t wanted)
{
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (key(table, middle) < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t address_of(const void *table, uint32_t index)
{
	return ((const struct plan_object *)table)[index].dynamic;
}

static uint64_t digest_of(const void *table, uint32_t index)
{
	const struct plan_object *planned = (const struct plan_object *)table + index;

	return (uint64_t)planned->stamp[1] << 32 | planned->stamp[0];
}

static uint64_t member_number(const void *table, uint32_t index)
{
	return ((const struct store_member *)table)[index].number;
}

static uint64_t entry_of(const void *table, uint32_t index)
{
	return ((const uint32_t *)table)[index];
}

/* True if MAP, whose dynamic section has the digest DYNAMIC, is the object that
 * PLANNED names by its identity. */
static bool is_named(const struct link_map *map, const struct plan_object *planned, uint64_t dynamic)
{
	return table_fits((struct plan_table){ planned->identity, 1 }, sizeof(struct identity)) &&
	       digest_of(planned, 0) == dynamic &&
	       is_identical(map, (const void *)(plan_base + planned->identity));
}

/* The digest of all that the plan has for an object comes last: libraries that a generator made may have
 * dynamic sections that are all the same, and the plan of each is not to be read for each of the others. */
bool is_planned(const struct link_map *map, const struct plan_object *planned, const struct tags *tags,
		uint64_t dynamic)
{
	if ((ElfW(Addr))map->l_ld != map->l_addr + planned->dynamic)
		return false;
	if (planned->identity)
		return is_named(map, planned, dynamic) && is_intact(planned);
	return ((planned->flags & PLAN_UNPLACED) || map->l_addr == 0) &&
	       planned->stamp[0] == tags->stamp[0] && planned->stamp[1] == tags->stamp[1] &&
	       is_intact(planned);
}

/* What has a slot is known by it, what has none by its identity, and is in the order of that.  Of a group of
 * which only one is loaded at a time, several may share a slot. */
uint32_t find_planned(const struct link_map *map, const struct tags *tags, uint64_t dynamic)
{
	ElfW(Addr) address = (ElfW(Addr))map->l_ld;
	uint32_t at = first_from(objects, plan->startup, plan->unplaced, address_of, address);

	for (; at < plan->unplaced && objects[at].dynamic == address; at++)
		if (is_planned(map, &objects[at], tags, dynamic))
			return at;
	at = first_from(objects, plan->unplaced, plan->object.count, digest_of, dynamic);
	for (; at < plan->object.count && digest_of(objects, at) == dynamic; at++)
		if (is_planned(map, &objects[at], tags, dynamic))
			return at;
	return NO_INDEX;
}

uint32_t find_member(uint32_t number)
{
	const struct store_member *member = plan_at(plan->member);
	uint32_t at = first_from(member, 0, plan->member.count, member_number, number);

	return at < plan->member.count && member[at].number == number &&
			       member[at].index < plan->object.count ?
		       member[at].index :
		       NO_INDEX;
}

bool table_has(struct plan_table table, uint32_t wanted)
{
	const uint32_t *entry = plan_at(table);
	uint32_t at = first_from(entry, 0, table.count, entry_of, wanted);

	return at < table.count && entry[at] == wanted;
}
