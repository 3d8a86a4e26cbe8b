/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binds damaged objects in every way: damaged PROGRAM LIBRARY, names of damaged files on standard input.
 * Each is bound alone, as a dependency of PROGRAM, as its plugin, and as a program itself, next to LIBRARY,
 * with everything that prelink does with the results but writing files; and once more while somebody writes
 * to it.  Prints how many were taken for sound. */
#include <stdio.h>
#include <stdlib.h>

#include "bind/fill.h"
#include "diag.h"
#include "plan/cost.h"

static struct object *new_object(const char *path, size_t index, enum object_kind kind)
{
	struct object *object = xcalloc(1, sizeof *object);

	object->path = object->shown = xstrdup(path);
	object->index = index;
	object->kind = kind;
	object->align = 4096;
	return object;
}

static void set_scope(struct object *object, struct object *a, struct object *b, struct object *c)
{
	object->scope.count = 0;
	object_list_add(&object->scope, a);
	object_list_add(&object->scope, b);
	if (c)
		object_list_add(&object->scope, c);
}

/* Where the object is, and where it is to be. */
static bool place(struct bind *bind, struct object *object)
{
	struct bind_object *opened = bind_open(bind, object);

	if (!opened)
		return false;
	object->arch = arch_find(&opened->image);
	for (size_t i = 0; i < opened->image.phnum; i++)
		if (opened->image.phdr[i].p_type == PT_LOAD) {
			object->start = opened->image.phdr[i].p_vaddr & -4096ull;
			break;
		}
	object->has_slot = object->kind == OBJECT_LIBRARY;
	object->slot = 0x30000000 + 0x1000000 * object->index;
	return object->arch != NULL;
}

static void decide_one(struct universe *universe, struct object *object, struct decision_list *list)
{
	if (universe_decide(universe, object, list) == 0)
		cost_count(list);
}

static void decide(struct bind *bind, struct object *program)
{
	struct universe universe;
	struct decision_list list = { 0 };

	if (universe_init(&universe, bind, program))
		return;
	for (size_t i = 0; i < universe.startup->count; i++)
		decide_one(&universe, universe.startup->member[i], &list);
	for (size_t i = 0; i < universe.plugin_side.count; i++)
		decide_one(&universe, universe.plugin_side.member[i], &list);
	decision_list_release(&list);
	universe_release(&universe);
}

static void fill(struct bind *bind, struct object *object)
{
	const struct bind_object *opened = bind_open(bind, object);
	struct elf_image image;
	void *copy = xmalloc(opened->image.size);

	memcpy(copy, opened->image.data, opened->image.size);
	if (elf_image_init(&image, copy, opened->image.size, object->path) == ELF_IMAGE_OK) {
		bind_fill(bind, object, &image);
		elf_image_release(&image);
	}
	free(copy);
}

/* What somebody does who writes to the file of OBJECT while it is open: every other word, but for the
 * headers, is another one. */
static void change(struct bind *bind, struct object *object)
{
	struct elf_image *image = &bind_open(bind, object)->image;
	uint64_t seed = image->size;

	for (size_t at = 1024; at + 4 <= image->size; at += 4) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t value = seed >> 62 ? (uint32_t)(seed >> 32) & 0xff : (uint32_t)(seed >> 24);
		if (seed >> 40 & 1)
			memcpy(image->data + at, &value, sizeof value);
	}
}

static bool bind_one(const struct root *root, const char *program_path, const char *library_path,
		     const char *path, bool changes)
{
	struct object *program = new_object(program_path, 0, OBJECT_PIE);
	struct object *library = new_object(library_path, 1, OBJECT_LIBRARY);
	struct object *damaged = new_object(path, 2, OBJECT_LIBRARY);
	struct object *all[] = { program, library, damaged };
	struct plugin_scope plugin = { .plugin = damaged };
	struct bind *bind = bind_new(root);
	bool sound = place(bind, program) && place(bind, library) && place(bind, damaged);

	if (sound) {
		bind_index(bind);
		if (changes)
			change(bind, damaged);
		set_scope(library, library, damaged, NULL);
		set_scope(damaged, damaged, library, NULL);
		for (size_t i = 1; i < 3; i++) {
			bind_natural(bind, all[i]);
			fill(bind, all[i]);
		}
		set_scope(program, program, damaged, library); /* a dependency */
		decide(bind, program);
		set_scope(program, program, library, NULL); /* a plugin */
		plugin.scope = damaged->scope;
		program->plugin = &plugin;
		program->plugin_count = 1;
		decide(bind, program);
		damaged->kind = OBJECT_PIE; /* a program */
		decide(bind, damaged);
	}
	bind_free(bind);
	for (size_t i = 0; i < 3; i++) {
		free(all[i]->scope.member);
		free(all[i]->path);
		free(all[i]);
	}
	return sound;
}

int main(int count, char **word)
{
	struct root root;
	char *line = NULL;
	size_t room = 0, files = 0, sound = 0;

	diag_tool = "damaged";
	if (count != 3 || root_open_tree(&root, NULL))
		return 2;
	while (getline(&line, &room, stdin) > 1) {
		line[strcspn(line, "\n")] = 0;
		files++;
		sound += bind_one(&root, word[1], word[2], line, false);
		bind_one(&root, word[1], word[2], line, true);
	}
	free(line);
	root_release(&root);
	printf("%zu files, %zu taken for sound\n", files, sound);
	return 0;
}
