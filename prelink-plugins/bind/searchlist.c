/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Searching objects one after the other; see searchlist.h. */
#include "bind/searchlist.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

/* Where more objects may define a name, the first few that are asked will: not worth a list of answers. */
enum { ANSWERS_MAX = 64 };

struct member_place {
	uint32_t serial; /* the searchlist's, if the object is a member */
	uint32_t at;     /* index of the member */
};

/* Notes where the member AT of LIST is. */
static void set_place(struct searchlist *list, const struct opened *opened, size_t at)
{
	size_t index = list->member[at]->object->index;

	ALLOC_REACH(list->place, index, list->place_count);
	if (list->place[index].serial == list->serial) /* it is there twice, and the first time counts */
		return;
	list->place[index] = (struct member_place){ list->serial, (uint32_t)at };
	if (!definers_cover(opened->definers, index))
		list->unindexed[list->unindexed_count++] = (uint32_t)at;
}

int searchlist_set(struct searchlist *list, struct opened *opened, const struct object_list *objects,
		   const struct object *executable)
{
	int result = 0;

	list->member = xreallocarray(list->member, objects->count + 1, sizeof *list->member);
	list->unindexed = xreallocarray(list->unindexed, objects->count + 1, sizeof *list->unindexed);
	list->count = list->unindexed_count = 0;
	list->executable = executable;
	for (size_t i = 0; i < objects->count; i++) {
		struct bind_object *member = opened_open(opened, objects->member[i]);
		if (member)
			list->member[list->count++] = member;
		else
			result = -1;
	}
	if (++list->serial == 0) { /* wrapped: what lies there would look fresh */
		memset(list->memo, 0, 2 * list->memo_size * sizeof *list->memo);
		memset(list->place, 0, list->place_count * sizeof *list->place);
		list->serial = 1;
	}
	for (size_t i = 0; i < list->count; i++)
		set_place(list, opened, i);
	return result;
}

void searchlist_release(struct searchlist *list)
{
	free(list->member);
	free(list->memo);
	free(list->place);
	free(list->unindexed);
	*list = (struct searchlist){ 0 };
}

/* Numbers are handed out while a list is in use. */
static void make_room(struct searchlist *list, uint32_t number)
{
	if (number < list->memo_size)
		return;
	size_t size = 2 * (size_t)number + 4096;
	list->memo = xreallocarray(list->memo, 2 * size, sizeof *list->memo);
	memset(list->memo + 2 * list->memo_size, 0, 2 * (size - list->memo_size) * sizeof *list->memo);
	list->memo_size = size;
}

bool definition_in(const struct opened *opened, struct bind_object *object, uint32_t number,
		   enum symbol_class class, struct definition *definition)
{
	const struct asked *asked = asked_at(opened->asked, number);
	struct symbol_query query = { asked->name, asked->gnu_hash, asked->version, class };
	GElf_Sym sym;

	definition->symbol = symbols_find(&object->symbols, &query, &sym);
	definition->object = definition->symbol ? object : NULL;
	return definition->symbol != 0;
}

/* Asks, once for all lists, each indexed object that may define NUMBER.  Not indexed ones: those have to be
 * asked each time, and so have all where this returns NULL. */
static const struct answers *answers_of(const struct opened *opened, uint32_t number, enum symbol_class class)
{
	struct asked *asked = asked_at(opened->asked, number);
	unsigned which = (class & SYMBOL_PLT) != 0;
	struct answer item[ANSWERS_MAX];
	struct definition definition;
	uint32_t count = 0;
	size_t length;

	if (!opened->indexed)
		return NULL;
	const struct answers *answers = asked_answers(asked, which);
	if (answers)
		return answers;
	const struct definer *span = definers_of(opened->definers, asked->gnu_hash, &length);
	if (length > ANSWERS_MAX)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (span[i].hash == definers_hash(asked->gnu_hash) &&
		    definition_in(opened, opened->indexed[span[i].object], number, class, &definition))
			item[count++] = (struct answer){ span[i].object, definition.symbol };
	return asked_keep(opened->asked, asked, which, item, count);
}

/* Index of the first member of LIST from FROM on that may define NUMBER; list->count for none.  Sets SYMBOL
 * to what it defines, or to 0 where that has still to be asked. */
static size_t next_member(const struct opened *opened, const struct searchlist *list, uint32_t number,
			  enum symbol_class class, size_t from, uint32_t *symbol)
{
	const struct answers *answers = answers_of(opened, number, class);
	size_t found = list->count;

	*symbol = 0;
	if (!answers)
		return from;
	for (size_t i = 0; i < answers->count; i++) {
		const struct answer *answer = &answers->item[i];
		if (answer->object >= list->place_count)
			continue;
		const struct member_place *place = &list->place[answer->object];
		if (place->serial == list->serial && place->at >= from && place->at < found) {
			found = place->at;
			*symbol = answer->symbol;
		}
	}
	for (size_t i = 0; i < list->unindexed_count && list->unindexed[i] < found; i++)
		if (list->unindexed[i] >= from) {
			*symbol = 0;
			return list->unindexed[i];
		}
	return found;
}

static bool walk(const struct opened *opened, const struct searchlist *list, uint32_t number,
		 enum symbol_class class, struct definition *definition)
{
	uint32_t symbol;

	while ((definition->next = next_member(opened, list, number, class, definition->next, &symbol)) <
	       list->count) {
		struct bind_object *member = list->member[definition->next++];
		if ((class & SYMBOL_COPY) && member->object == list->executable)
			continue;
		definition->object = member;
		definition->symbol = symbol;
		if (symbol || definition_in(opened, member, number, class, definition))
			return true;
	}
	*definition = (struct definition){ .next = definition->next };
	return false;
}

bool searchlist_next(const struct opened *opened, struct searchlist *list, uint32_t number,
		     enum symbol_class class, struct definition *definition)
{
	if (definition->next || (class & SYMBOL_COPY))
		return walk(opened, list, number, class, definition);
	make_room(list, number);
	struct memo *memo = &list->memo[2 * number + class];
	if (memo->serial != list->serial) {
		walk(opened, list, number, class, definition);
		*memo = (struct memo){ list->serial, definition->next, definition->symbol };
	}
	definition->next = memo->member;
	definition->symbol = memo->symbol;
	definition->object = memo->symbol ? list->member[memo->member - 1] : NULL;
	return definition->object != NULL;
}
