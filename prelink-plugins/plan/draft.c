/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan in the making; see draft.h. */
#include "plan/draft.h"

#include <stdlib.h>

#include "bind/target.h"
#include "alloc.h"

void *records_add(struct records *records, size_t size)
{
	if (records->count == records->room)
		records->item = alloc_grow(records->item, records->count + 1, &records->room, size);
	return (char *)records->item + size * records->count++;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		struct draft *draft = &plan->draft[i];
		free(draft->closure.item);
		free(draft->word.item);
		free(draft->residual.item);
		free(draft->ungrown.item);
		free(draft->guessed.item);
		free(draft->ifunc.item);
	}
	free(plan->draft);
	free(plan->index);
	free(plan->name.item);
	free(plan->resolver.item);
	free(plan);
}

uint32_t plan_index(const struct plan *plan, const struct object *object)
{
	return object->index < plan->index_count ? plan->index[object->index] : NO_INDEX;
}

void plan_add_object(struct plan *plan, struct object *object)
{
	if (object->index >= plan->index_count) {
		size_t count = 2 * object->index + 64;
		plan->index = xreallocarray(plan->index, count, sizeof *plan->index);
		for (size_t i = plan->index_count; i < count; i++)
			plan->index[i] = NO_INDEX;
		plan->index_count = count;
	}
	if (plan->index[object->index] != NO_INDEX)
		return;
	plan->index[object->index] = (uint32_t)plan->count;
	ALLOC_NEXT(plan->draft, plan->count);
	plan->draft[plan->count++] = (struct draft){ .object = object, .fixed = bind_placed(object) };
}
