/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ld.so has loaded, and in which order; see process.h. */
#include "scope/process.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "limit.h"

/* Two filters of each other move each other to the front for ever: ld.so dies of it when its stack, a node
 * for each move, is full.  No other list comes near this. */
#define NODES_MAX (4 * LIMIT_CLOSURE)

/* An object of the list that is being built (struct list of dl-deps.c). */
struct node {
	loaded_t map;
	size_t next; /* index of the next node; 0 ends the list, as the first is no one's next */
	bool done;
};

struct list {
	struct node *node;
	size_t count;   /* of all nodes that were made */
	size_t tail;    /* index of the last in the list */
	size_t members; /* objects in it */
};

loaded_t process_by_name(const struct process *p, const struct name *name)
{
	return name->id < p->name_room ? p->by_name[name->id] : 0;
}

loaded_t process_by_object(const struct process *p, const struct object *object)
{
	return object->index < p->object_room ? p->by_object[object->index] : 0;
}

void process_claim(struct process *p, const struct name *name, loaded_t map)
{
	if (!name)
		return;
	ALLOC_REACH(p->by_name, name->id, p->name_room);
	if (!p->by_name[name->id])
		p->by_name[name->id] = map;
	ALLOC_REACH(p->claimed, p->claimed_count, p->claimed_room);
	p->claimed[p->claimed_count++] = (struct claim){ name->id, map };
}

/* Gives every name to the first in p->order that claims it. */
static void claim_again(struct process *p)
{
	for (size_t i = 0; i < p->count; i++)
		p->loaded[p->order[i] - 1].rank = i;
	for (size_t i = 0; i < p->claimed_count; i++)
		p->by_name[p->claimed[i].name] = 0;
	for (size_t i = 0; i < p->claimed_count; i++) {
		loaded_t *now = &p->by_name[p->claimed[i].name], map = p->claimed[i].map;

		if (!*now || p->loaded[map - 1].rank < p->loaded[*now - 1].rank)
			*now = map;
	}
}

/* Moves MAP right before BEFORE in p->order, as ld.so does with a filtee. */
static void move_before(struct process *p, loaded_t map, loaded_t before)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->order[i] != map)
			p->order[kept++] = p->order[i];
	while (p->order[at] != before)
		at++;
	memmove(&p->order[at + 1], &p->order[at], (kept - at) * sizeof *p->order);
	p->order[at] = map;
	claim_again(p);
}

const struct name *process_soname(struct search *search, struct object *object)
{
	if (object->soname && !object->soname_interned)
		object->soname_interned = search_intern(search, object->soname);
	return object->soname_interned;
}

loaded_t process_load(struct process *p, const struct place *place)
{
	struct object *object = place->object;
	loaded_t map = (loaded_t)++p->count;

	ALLOC_REACH(p->loaded, p->count, p->room);
	p->loaded[map - 1] = (struct loaded){ .place = *place };
	ALLOC_REACH(p->order, p->count, p->order_room);
	p->order[map - 1] = map;
	ALLOC_REACH(p->by_object, object->index, p->object_room);
	p->by_object[object->index] = map;
	process_claim(p, place->path, map);
	process_claim(p, process_soname(p->search, object), map);
	return map;
}

static void process_clear(struct process *p)
{
	process_forget_names(p);
	for (size_t i = 0; i < p->count; i++)
		p->by_object[p->loaded[i].place.object->index] = 0;
	p->count = 0;
	p->missing = NULL;
	p->beyond = false;
}

struct process_mark process_mark(const struct process *p)
{
	struct process_mark mark = { p->count, p->claimed_count, p->missing, p->beyond,
				     xcalloc(p->count, sizeof *p->order) };

	memcpy(mark.order, p->order, p->count * sizeof *p->order);
	return mark;
}

void process_return(struct process *p, struct process_mark mark)
{
	for (; p->claimed_count > mark.claimed_count; p->claimed_count--)
		p->by_name[p->claimed[p->claimed_count - 1].name] = 0;
	for (; p->count > mark.count; p->count--)
		p->by_object[p->loaded[p->count - 1].place.object->index] = 0;
	p->missing = mark.missing;
	p->beyond = mark.beyond;
	memcpy(p->order, mark.order, p->count * sizeof *p->order);
	free(mark.order);
	claim_again(p);
}

void process_release(struct process *p)
{
	free(p->loaded);
	free(p->order);
	free(p->by_name);
	free(p->claimed);
	free(p->by_object);
	free(p->recorded);
}

/* Notes what NAME turned out to be, once. */
static void record(struct process *p, const struct name *name, struct object *object)
{
	struct meanings *meanings = p->recording;

	if (!meanings)
		return;
	ALLOC_REACH(p->recorded, name->id, p->recorded_room);
	if (p->recorded[name->id] == p->recordings)
		return;
	p->recorded[name->id] = p->recordings;
	ALLOC_NEXT(meanings->item, meanings->count);
	meanings->item[meanings->count++] = (struct meaning){ name, object };
}

void process_record(struct process *p, struct meanings *meanings)
{
	p->recording = meanings;
	p->recordings += meanings != NULL;
}

bool process_agrees(const struct process *p, const struct meanings *meanings)
{
	for (size_t i = 0; i < meanings->count; i++) {
		const struct meaning *meaning = &meanings->item[i];
		loaded_t map = process_by_name(p, meaning->name);

		if (map && p->loaded[map - 1].place.object != meaning->object)
			return false;
	}
	return true;
}

loaded_t process_find(struct process *p, loaded_t loader, const struct name *name)
{
	loaded_t map = process_by_name(p, name);

	if (map) {
		record(p, name, p->loaded[map - 1].place.object);
		return map;
	}
	const struct name *path = search_file(p->search, p->ldso, &p->loaded[loader - 1].place,
					      &p->loaded[0].place, name);
	p->beyond |= p->loaded[loader - 1].place.beyond;
	if (!path) {
		if (!p->missing)
			p->missing = name->text;
		record(p, name, NULL);
		return 0;
	}
	map = process_by_object(p, path->object);
	if (!map) {
		struct place place = search_place(p->search, p->ldso, path->object, path,
						  &p->loaded[loader - 1].place);

		map = process_load(p, &place);
	}
	process_claim(p, name, map);
	record(p, name, path->object);
	return map;
}

/* --- the walk ------------------------------------------------------------------------------------- */

static size_t add_node(struct list *walk, loaded_t map)
{
	ALLOC_NEXT(walk->node, walk->count);
	walk->node[walk->count] = (struct node){ .map = map };
	return walk->count++;
}

static void append(struct process *p, struct list *walk, loaded_t map)
{
	if (p->loaded[map - 1].reserved)
		return;
	size_t node = add_node(walk, map);
	if (node)
		walk->node[walk->tail].next = node;
	walk->tail = node;
	walk->members++;
	p->loaded[map - 1].reserved = true;
}

/* Puts MAP, a filtee, right before the object of node ORIG, unless it is in the list before that already.
 * As in glibc, the nodes change their contents: returns the one that now holds the object. */
static size_t insert(struct process *p, struct list *walk, size_t orig, loaded_t map)
{
	size_t late = orig;

	if (p->loaded[map - 1].reserved) {
		while (walk->node[late].next && walk->node[walk->node[late].next].map != map)
			late = walk->node[late].next;
		if (!walk->node[late].next)
			return orig; /* before ORIG, or ORIG itself */
		size_t moved = walk->node[late].next;
		walk->node[late].next = walk->node[moved].next;
		if (walk->tail == moved)
			walk->tail = late;
	}
	size_t node = add_node(walk, 0);
	walk->node[node] = walk->node[orig];
	walk->node[orig] = (struct node){ .map = map, .next = node };
	walk->members += !p->loaded[map - 1].reserved;
	p->loaded[map - 1].reserved = true;
	if (walk->tail == orig)
		walk->tail = node;
	move_before(p, map, walk->node[node].map);
	return node;
}

/* The name of NEEDED as the loaded object MAP means it; NULL where ld.so could not tell. */
static const struct name *needed_name(struct process *p, loaded_t map, struct needed *needed)
{
	if (!needed->interned) {
		if (strchr(needed->name, '$'))
			return search_expand(p->search, p->ldso, &p->loaded[map - 1].place, needed->name);
		needed->interned = search_intern(p->search, needed->name);
	}
	return needed->interned;
}

static void walk_needed(struct process *p, struct list *walk, size_t node)
{
	loaded_t map = walk->node[node].map;
	struct object *object = p->loaded[map - 1].place.object;

	walk->node[node].done = true;
	p->beyond |= object->beyond || object->needed_count > LIMIT_CLOSURE || walk->members > LIMIT_CLOSURE;
	for (size_t i = 0; i < object->needed_count && !p->beyond; i++) {
		struct needed *needed = &object->needed[i];
		const struct name *name = needed_name(p, map, needed);
		const char *missing = p->missing;
		loaded_t dependency = name ? process_find(p, map, name) : 0;

		if (dependency && needed->tag == DT_NEEDED)
			append(p, walk, dependency);
		else if (dependency && walk->count < NODES_MAX)
			node = insert(p, walk, node, dependency);
		else if (dependency)
			p->missing = needed->name;
		else if (needed->tag == DT_AUXILIARY)
			p->missing = missing; /* it need not be there */
	}
}

/* The objects of WALK, in its order; of a walk that was given up, MAP. */
static struct object_list collect(const struct process *p, const struct list *walk, loaded_t map)
{
	struct object_list list = { 0 };

	if (p->beyond)
		object_list_add(&list, p->loaded[map - 1].place.object);
	for (size_t node = 0; !p->beyond; node = walk->node[node].next) {
		object_list_add(&list, p->loaded[walk->node[node].map - 1].place.object);
		if (!walk->node[node].next)
			break;
	}
	return list;
}

struct object_list process_walk(struct process *p, loaded_t map, const loaded_t *preload, size_t count)
{
	struct list walk = { 0 };

	append(p, &walk, map);
	for (size_t i = 0; i < count; i++)
		append(p, &walk, preload[i]);
	for (size_t node = 0;;) {
		if (!walk.node[node].done)
			walk_needed(p, &walk, node);
		/* The node may hold a filtee now, which is not done; else go on to the next that is not. */
		while (walk.node[node].done && walk.node[node].next)
			node = walk.node[node].next;
		if (walk.node[node].done || p->beyond)
			break;
	}
	struct object_list list = collect(p, &walk, map);

	for (size_t node = 0; node < walk.count; node++)
		p->loaded[walk.node[node].map - 1].reserved = false;
	free(walk.node);
	return list;
}

void process_begin(struct process *p, const struct ldso *ldso, struct object *object, const char *interp)
{
	struct place place;

	process_clear(p);
	p->search->tries = 0;
	p->ldso = ldso;
	place = search_place(p->search, ldso, object, NULL, NULL);
	process_load(p, &place);
	if (ldso->object && ldso->object != object) {
		const struct name *name = search_intern(p->search, interp ? interp : ldso->arch->interpreter);

		place = search_place(p->search, ldso, ldso->object, name, NULL);
		process_load(p, &place);
	}
}

void process_forget_names(struct process *p)
{
	for (; p->claimed_count; p->claimed_count--)
		p->by_name[p->claimed[p->claimed_count - 1].name] = 0;
}
