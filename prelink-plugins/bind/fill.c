/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binding libraries, and filling in what was found; see fill.h. */
#include "bind/fill.h"

#include <stdlib.h>

#include "bind/ifunc.h"
#include "bind/target.h"
#include "alloc.h"
#include "diag.h"
#include "mapfault.h"

/* True if some ld.so that OBJECT gets to would take the word of a JUMP_SLOT for the address of its stub. */
static bool has_stubs(const struct bind_object *by, const struct object *object)
{
	for (size_t i = 0; i < object->scope.count; i++)
		if (object->scope.member[i]->audit_lazy)
			return true;
	return !by->bind_now;
}

/* Collects in BY what to fill in of the bindings in LIST. */
static void collect_words(struct bind_object *by, const struct binding_list *list)
{
	bool stubs = has_stubs(by, by->object);

	by->bound = xreallocarray(NULL, list->count + 1, sizeof *by->bound);
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		struct target target = binding_target(by, binding);
		if (target.kind == TARGET_IFUNC && (target.value = ifunc_target(by, binding)) != 0)
			target.kind = TARGET_VALUE;
		if (target.kind != TARGET_VALUE ||
		    (binding->plt && stubs && binding->kind != RELOC_IRELATIVE) ||
		    (!binding->rela && (binding->kind == RELOC_WORD || binding->kind == RELOC_IRELATIVE)))
			continue;
		by->bound[by->bound_count++] = (struct bound_word){ bind_place(by->object, binding->address),
								    target.value };
	}
	by->bound = xreallocarray(by->bound, by->bound_count + 1, sizeof *by->bound);
}

/* True if BY is for this thread to bind; false, when that is done, if another one was first. */
static bool begin_natural(struct opened *opened, struct bind_object *by)
{
	pthread_mutex_lock(&opened->lock);
	while (by->natural == NATURAL_BUSY)
		pthread_cond_wait(&opened->bound, &opened->lock);
	bool first = by->natural == NATURAL_NONE;
	if (first)
		by->natural = NATURAL_BUSY;
	pthread_mutex_unlock(&opened->lock);
	return first;
}

static void end_natural(struct opened *opened, struct bind_object *by)
{
	pthread_mutex_lock(&opened->lock);
	by->natural = NATURAL_DONE;
	pthread_cond_broadcast(&opened->bound);
	pthread_mutex_unlock(&opened->lock);
}

int bind_natural(struct bind *bind, struct object *object)
{
	const struct bind_scope scope = { .local = &bind->natural };
	struct bind_object *by = bind_open(bind, object);

	if (!by)
		return -1;
	if (object->kind != OBJECT_LIBRARY || !bind_placed(object) || !begin_natural(bind->opened, by))
		return 0;
	unsigned faults;
	int result;
	do { /* what was bound while a file became zeros is bound again, without that file */
		faults = mapfault_count();
		free(by->bound);
		by->bound = NULL;
		by->bound_count = 0;
		result = searchlist_set(&bind->natural, bind->opened, &object->scope, NULL);
		if (result == 0)
			result = bind_in(bind, object, &scope, &bind->list);
		if (result == 0)
			collect_words(by, &bind->list);
	} while (mapfault_count() != faults);
	end_natural(bind->opened, by);
	return result ? -1 : 0;
}

long bind_fill(const struct bind *bind, const struct object *object, struct elf_image *image)
{
	const struct bind_object *by = opened_find(bind->opened, object->index);
	uint64_t offset;

	if (!by)
		return 0;
	for (size_t i = 0; i < by->bound_count; i++) {
		if (!elf_image_offset(image, by->bound[i].address, elf_word_size(image), &offset))
			return diag_error(object->shown,
					  "filling in bound values: the relocation at 0x%llx is "
					  "outside the file; the file is damaged",
					  (unsigned long long)by->bound[i].address);
		elf_put_word(image, offset, by->bound[i].value);
	}
	return by->bound_count;
}
