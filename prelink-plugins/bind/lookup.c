/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A symbol on its way through a scope, see lookup.h. */
#include "bind/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

/* One reference on its way through a scope. */
struct lookup {
	struct opened *opened;
	const struct bind_scope *scope;
	struct bind_object *by; /* whose relocation it is */
	uint32_t number;
	enum symbol_class class;
	struct definition found; /* its `object` is NULL for nothing */
};

static bool lookup_in(struct lookup *lookup, struct searchlist *list)
{
	lookup->found.next = 0;
	return list && searchlist_next(lookup->opened, list, lookup->number, lookup->class, &lookup->found);
}

/* DT_SYMBOLIC puts the object itself in front of its scope, but the main program's. */
static bool lookup_in_self(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;

	if (!lookup->by->symbolic || (scope->global && scope->global->executable == lookup->by->object))
		return false;
	return definition_in(lookup->opened, lookup->by, lookup->number, lookup->class, &lookup->found);
}

/* do_lookup_x over all lists of the scope, but for what it does about unique symbols. */
static bool lookup_scope(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;

	if (scope->deepbind)
		return lookup_in(lookup, scope->local) || lookup_in(lookup, scope->global);
	return lookup_in_self(lookup) || lookup_in(lookup, scope->global) || lookup_in(lookup, scope->local);
}

void unique_table_forget(struct unique_table *table)
{
	if (++table->serial == 0) {
		memset(table->memo, 0, table->size * sizeof *table->memo);
		table->serial = 1;
	}
}

void unique_table_release(struct unique_table *table)
{
	free(table->memo);
	*table = (struct unique_table){ 0 };
}

static struct memo *unique_place(struct unique_table *table, uint32_t number)
{
	if (number >= table->size) {
		size_t size = 2 * (size_t)number + 4096;
		table->memo = xreallocarray(table->memo, size, sizeof *table->memo);
		memset(table->memo + table->size, 0, (size - table->size) * sizeof *table->memo);
		table->size = size;
		table->serial += table->serial == 0;
	}
	return &table->memo[number];
}

/* STB_GNU_UNIQUE: one definition of the name for the whole process, the first that anybody was bound to; a
 * COPY relocation makes the executable's copy that one.  glibc's do_lookup_unique. */
static void lookup_unique(struct lookup *lookup, uint32_t reference)
{
	struct opened *opened = lookup->opened;
	struct unique_table *table = lookup->scope->unique;
	bool copy = lookup->class & SYMBOL_COPY;
	const char *name = asked_at(opened->asked, lookup->number)->name;
	struct memo *unique = unique_place(table, asked_number(opened->asked, name, SIZE_MAX, NULL, NULL));

	if (unique->serial != table->serial) {
		const struct bind_object *owner = copy ? lookup->by : lookup->found.object;
		*unique = (struct memo){ table->serial, owner->object->index,
					 copy ? reference : lookup->found.symbol };
	} else if (!copy) {
		lookup->found.object = opened_find(opened, unique->member);
		lookup->found.symbol = unique->symbol;
	}
}

/* A reference that is protected is the object's own, unless everybody agrees on it anyway; see the end of
 * _dl_lookup_symbol_x. */
static void lookup_protected(struct lookup *lookup, uint32_t reference)
{
	struct lookup call = *lookup;

	if (lookup->class != SYMBOL_PLT) {
		call.class = SYMBOL_PLT;
		if (!lookup_scope(&call))
			return;
	}
	if (call.found.object != lookup->by)
		lookup->found = (struct definition){ lookup->by, reference, 0 };
}

void bind_lookup(struct opened *opened, struct bind_object *by, const struct bind_scope *scope,
		 struct binding *binding)
{
	struct lookup lookup = { .opened = opened,
				 .scope = scope,
				 .by = by,
				 .class = binding_class(binding),
				 .number = binding_number(opened, by, binding) };

	if (!lookup_scope(&lookup)) {
		binding->result = binding->weak ? BINDING_ZERO : BINDING_UNDEFINED;
		return;
	}
	GElf_Sym sym;
	symbols_get(&lookup.found.object->symbols, lookup.found.symbol, &sym);
	if (GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE && scope->unique)
		lookup_unique(&lookup, binding->symbol);
	if (binding->protected)
		lookup_protected(&lookup, binding->symbol);
	binding_set(binding, BINDING_FOUND, &lookup.found);
}
