/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the loaded objects are kept; see loaded.h. */
#include "loaded.h"

#include "kernel.h"
#include "planned.h"

struct room *room;
struct object **loaded;
static uint32_t pool_used;
static struct object *pool_free;

bool loaded_have_room(void)
{
	if (!room)
		room = kernel_mmap(sizeof *room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (room)
		loaded = room->loaded;
	return room;
}

struct object *loaded_new(struct link_map *map)
{
	struct object *object = pool_free;

	if (object)
		pool_free = object->next;
	else if (loaded_have_room() && pool_used < PLAN_OBJECTS_MAX)
		object = &room->pool[pool_used++];
	else
		return NULL;
	object->map = map;
	object->next = NULL;
	object->index = NO_INDEX;
	object->level = LEVEL_NONE;
	return object;
}

void loaded_free(struct object *object)
{
	object->next = pool_free;
	pool_free = object;
}

struct object *loaded_of(uintptr_t cookie)
{
	uintptr_t at = room ? cookie - (uintptr_t)room->pool : 0;

	return room && at < sizeof room->pool && at % sizeof *room->pool == 0 ?
		       &room->pool[at / sizeof *room->pool] :
		       NULL;
}
