/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the plan; see planned.h. */
#include "planned.h"

#include "memory_identity.h"
#include "store_format.h"

const struct plan_header *plan;
const struct plan_object *objects;
const char *plan_base;

static uint64_t plan_size; /* bytes at plan_base */

static bool table_fits(struct plan_table table, size_t record)
{
	return table.offset % 4 == 0 && table.offset <= plan_size &&
	       table.count <= (plan_size - table.offset) / record;
}

/* Bounds of every table, once.  Not of what is in them: who can write a program's plan can write the
 * program, and looking at all of it would cost what it saves. */
static bool object_sound(const struct plan_object *object)
{
	return table_fits(object->closure, sizeof(uint32_t)) &&
	       table_fits(object->value, sizeof(struct plan_value)) &&
	       table_fits(object->fixup, sizeof(struct plan_fixup)) &&
	       table_fits(object->residual, sizeof(ElfW(Rela))) &&
	       table_fits(object->ifunc, sizeof(struct plan_ifunc)) &&
	       table_fits((struct plan_table){ object->identity, 1 }, sizeof(struct identity)) &&
	       table_fits((struct plan_table){ object->block, 1 }, sizeof(struct store_block)) &&
	       object->certain <= object->residual.count;
}

static bool plan_sound(void)
{
	if (plan->magic != PLAN_MAGIC || plan->size < sizeof *plan || plan->size > plan_size ||
	    !table_fits(plan->object, sizeof(struct plan_object)) ||
	    !table_fits(plan->name, sizeof(uint32_t)) || plan->object.count > PLAN_OBJECTS_MAX ||
	    plan->startup <= PLAN_FIRST_LIBRARY || plan->startup > plan->unplaced ||
	    plan->unplaced > plan->object.count || plan->resolver.count > PLAN_RESOLVERS_MAX ||
	    !table_fits(plan->resolver, sizeof(struct plan_resolver)) ||
	    !table_fits(plan->member, sizeof(struct store_member)))
		return false;
	objects = plan_at(plan->object);
	for (uint32_t i = 0; i < plan->object.count; i++)
		if (!object_sound(&objects[i]))
			return false;
	return true;
}

void plan_take(const void *base, uint64_t size, uint32_t offset)
{
	plan_base = base;
	plan_size = size;
	if (offset % 8 || !table_fits((struct plan_table){ offset, 1 }, sizeof *plan))
		return;
	plan = (const void *)(plan_base + offset);
	if (!plan_sound())
		plan = NULL;
}

void plan_find(const struct link_map *program)
{
	const struct plan_header *found = NULL;

	for (const ElfW(Dyn) *dyn = program->l_ld; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_PRELINK_PLAN)
			found = (const void *)(program->l_addr + dyn->d_un.d_ptr);
	if (found && found->magic == PLAN_MAGIC)
		plan_take(found, found->size, 0);
}

static uint64_t digest_of(const struct plan_object *planned)
{
	return (uint64_t)planned->stamp[1] << 32 | planned->stamp[0];
}

bool is_planned(const struct link_map *map, const struct plan_object *planned, const struct tags *tags,
		uint64_t dynamic)
{
	if ((ElfW(Addr))map->l_ld != map->l_addr + planned->dynamic)
		return false;
	if (planned->identity)
		return digest_of(planned) == dynamic &&
		       is_identical(map, (const void *)(plan_base + planned->identity));
	return ((planned->flags & PLAN_UNPLACED) || map->l_addr == 0) &&
	       planned->stamp[0] == tags->stamp[0] && planned->stamp[1] == tags->stamp[1];
}

/* What has a slot is known by it, what has none by its identity, and is in the order of that. */
uint32_t find_planned(const struct link_map *map, const struct tags *tags, uint64_t dynamic)
{
	ElfW(Addr) address = (ElfW(Addr))map->l_ld;
	uint32_t low = plan->startup, high = plan->unplaced;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (objects[middle].dynamic < address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Of a group of which only one is loaded at a time, several may share a slot. */
	for (; low < plan->unplaced && objects[low].dynamic == address; low++)
		if (is_planned(map, &objects[low], tags, dynamic))
			return low;
	low = plan->unplaced;
	high = plan->object.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (digest_of(&objects[middle]) < dynamic)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < plan->object.count && digest_of(&objects[low]) == dynamic; low++)
		if (is_planned(map, &objects[low], tags, dynamic))
			return low;
	return NO_INDEX;
}

bool block_sound(const struct store_block *block)
{
	uint64_t at = (uint64_t)((const char *)(block + 1) - plan_base);

	return at <= plan_size && (uint64_t)block->group_count * sizeof(struct store_group) +
						  (uint64_t)block->word_count * sizeof(struct store_word) <=
					  plan_size - at;
}

uint32_t find_member(uint32_t number)
{
	const struct store_member *member = plan_at(plan->member);
	uint32_t low = 0, high = plan->member.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (member[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < plan->member.count && member[low].number == number &&
			       member[low].index < plan->object.count ?
		       member[low].index :
		       NO_INDEX;
}

bool table_has(struct plan_table table, uint32_t wanted)
{
	const uint32_t *entry = plan_at(table);
	uint32_t low = 0, high = table.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (entry[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table.count && entry[low] == wanted;
}
