/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread's handle, and whole objects; see bind.h. */
#include "bind/bind.h"

#include <stdlib.h>

#include "alloc.h"

struct bind *bind_new(const struct root *root)
{
	struct bind *bind = xcalloc(1, sizeof *bind);

	bind->opened = opened_new(root);
	bind->owner = true;
	return bind;
}

struct bind *bind_share(struct bind *bind)
{
	struct bind *other = xcalloc(1, sizeof *other);

	other->opened = bind->opened;
	return other;
}

void bind_free(struct bind *bind)
{
	if (!bind)
		return;
	searchlist_release(&bind->natural);
	searchlist_release(&bind->shared[0]);
	searchlist_release(&bind->shared[1]);
	binding_list_release(&bind->list);
	if (bind->owner)
		opened_free(bind->opened);
	free(bind);
}

struct searchlist *bind_searchlist(struct bind *bind, unsigned which)
{
	return &bind->shared[which];
}

int bind_in(struct bind *bind, struct object *object, const struct bind_scope *scope,
	    struct binding_list *list)
{
	if (bind_relocs(bind->opened, object, list))
		return -1;
	struct bind_object *by = bind_open(bind, object);
	uint64_t start = symbols_steps;
	for (size_t i = 0; i < list->count; i++) {
		if (!bind_within_limits(by, start))
			return -1;
		struct binding *binding = &list->item[i];
		const struct binding *last = i ? binding - 1 : NULL;
		if (binding->result != BINDING_OPEN)
			continue;
		if (!last || last->symbol != binding->symbol || last->result == BINDING_NONE ||
		    binding_class(last) != binding_class(binding)) {
			bind_lookup(bind->opened, by, scope, binding);
			continue;
		}
		binding->result = last->result; /* as in ld.so's l_lookup_cache */
		if (last->result == BINDING_FOUND)
			binding_set(binding, BINDING_FOUND,
				    &(struct definition){ last->provider, last->definition, 0 });
	}
	return 0;
}
