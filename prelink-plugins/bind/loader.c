/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moving and filling in ld.so; see loader.h. */
#include "bind/loader.h"

#include "bind/target.h"
#include "diag.h"

bool loader_helps(const struct object *program)
{
	return program->kind == OBJECT_EXEC && program->skip == SKIP_NOT && program->loader &&
	       program->loader->knows_liblist && program->arch->loader_slot;
}

void loader_set_slots(struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct object *program = table->object[i];
		struct object *loader = program->loader;

		if (program->wanted && loader_helps(program) && loader->skip == SKIP_NOT)
			loader->slot = loader->arch->loader_slot;
	}
	for (size_t i = 0; i < table->count; i++)
		if (table->object[i]->kind == OBJECT_LOADER && !table->object[i]->slot)
			object_leave(table->object[i], SKIP_LOADER);
}

GElf_Addr loader_place(const struct object *loader, GElf_Addr address)
{
	return address - loader->start + loader->slot;
}

/* Binds LOADER in itself alone, into LIST, and brings each word that is not RELATIVE to IMAGE, if that is not
 * NULL.  NULL, or what stands against it. */
static const char *bind_loader(struct bind *bind, struct object *loader, struct binding_list *list,
			       struct elf_image *image)
{
	struct object_list self = { &loader, 1 };
	struct searchlist global = { 0 };
	const struct bind_scope scope = { .global = &global };
	const char *why = "its symbols could not be bound";

	if (searchlist_set(&global, bind->opened, &self, NULL) == 0 &&
	    bind_in(bind, loader, &scope, list) == 0)
		why = NULL;
	for (size_t i = 0; !why && i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		struct target target = binding_target(bind_open(bind, loader), binding);
		GElf_Addr address = loader_place(loader, binding->address);
		uint64_t offset;

		if (!binding->rela || (target.kind != TARGET_VALUE && target.kind != TARGET_RELATIVE))
			why = "a relocation of it is not to be had ahead of time";
		else if (image && !elf_image_offset(image, address, elf_word_size(image), &offset))
			why = "a relocation of it is outside the file";
		else if (image)
			elf_put_word(image, offset,
				     target.base ? loader_place(loader, target.value) : target.value);
	}
	searchlist_release(&global);
	return why;
}

void loader_check(struct bind *bind, struct object *loader)
{
	struct binding_list list = { 0 };
	const struct bind_object *by = bind_open(bind, loader);

	/* Thread variables of ld.so itself would be numbered before all others. */
	if (!by || elf_image_find_phdr(&by->image, PT_TLS) || bind_loader(bind, loader, &list, NULL)) {
		object_leave(loader, SKIP_LOADER);
		loader->slot = 0;
	}
	binding_list_release(&list);
}

int loader_fill(struct bind *bind, struct object *loader, struct elf_image *image)
{
	struct binding_list list = { 0 };
	const char *why = bind_loader(bind, loader, &list, image);

	binding_list_release(&list);
	return why ? diag_error(loader->shown, "moving ld.so: %s; it is left as it was", why) : 0;
}
