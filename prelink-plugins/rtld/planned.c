/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the plan; see planned.h. */
#include "planned.h"

const struct plan_header *plan;
const struct plan_object *objects;

static bool table_fits(struct plan_table table, size_t record)
{
	return table.offset % 4 == 0 && table.offset <= plan->size &&
	       table.count <= (plan->size - table.offset) / record;
}

/* Bounds of every table, once.  Not of what is in them: who can write a program's plan can write the
 * program, and looking at all of it would cost what it saves. */
static bool plan_sound(void)
{
	if (plan->magic != PLAN_MAGIC || plan->size < sizeof *plan ||
	    !table_fits(plan->object, sizeof(struct plan_object)) ||
	    !table_fits(plan->name, sizeof(uint32_t)) || plan->object.count > PLAN_OBJECTS_MAX ||
	    plan->startup <= PLAN_FIRST_LIBRARY || plan->startup > plan->unplaced ||
	    plan->unplaced > plan->object.count || plan->resolver.count > PLAN_RESOLVERS_MAX ||
	    !table_fits(plan->resolver, sizeof(struct plan_resolver)))
		return false;
	objects = plan_at(plan->object);
	for (uint32_t i = 0; i < plan->object.count; i++) {
		const struct plan_object *object = &objects[i];
		if (!table_fits(object->closure, sizeof(uint32_t)) ||
		    !table_fits(object->value, sizeof(struct plan_value)) ||
		    !table_fits(object->fixup, sizeof(struct plan_fixup)) ||
		    !table_fits(object->residual, sizeof(ElfW(Rela))) ||
		    !table_fits(object->ifunc, sizeof(struct plan_ifunc)))
			return false;
		if (object->note > 4096 - 8 || object->certain > object->residual.count)
			return false;
	}
	return true;
}

void plan_find(const struct link_map *program)
{
	for (const ElfW(Dyn) *dyn = program->l_ld; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_PRELINK_PLAN)
			plan = (const void *)(program->l_addr + dyn->d_un.d_ptr);
	if (plan && !plan_sound())
		plan = NULL;
}

bool is_planned(const struct link_map *map, const struct plan_object *planned, const struct tags *tags)
{
	if ((ElfW(Addr))map->l_ld != map->l_addr + planned->dynamic)
		return false;
	const uint32_t *identity;
	if ((planned->flags & PLAN_UNPLACED) &&
	    planned->note) /* its first page is mapped, whatever file it is */
		identity = (const uint32_t *)(map->l_addr + planned->note);
	else if ((planned->flags & PLAN_UNPLACED) || map->l_addr == 0)
		identity = tags->identity;
	else
		return false;
	return identity[0] == planned->identity[0] && identity[1] == planned->identity[1];
}

uint32_t find_planned(const struct link_map *map, const struct tags *tags)
{
	ElfW(Addr) dynamic = (ElfW(Addr))map->l_ld;
	uint32_t low = plan->startup, high = plan->unplaced;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (objects[middle].dynamic < dynamic)
			low = middle + 1;
		else
			high = middle;
	}
	/* Of a group of which only one is loaded at a time, several may share a slot. */
	for (; low < plan->unplaced && objects[low].dynamic == dynamic; low++)
		if (is_planned(map, &objects[low], tags))
			return low;
	for (low = plan->unplaced; low < plan->object.count; low++)
		if (is_planned(map, &objects[low], tags))
			return low;
	return NO_INDEX;
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
