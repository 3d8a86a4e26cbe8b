/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binds objects in scopes that its standard input spells out: what the tests compare with ld.so, without
 * our own search in between.  Lines, their words separated by tabs:
 *
 *     G PATH...    the start-up scope; the first is the program
 *     N PATH...    a natural scope: like L, but nothing is global
 *     L PATH...    a dlopen's own scope; none: back to start-up objects
 *     D PATH...    the same, with RTLD_DEEPBIND
 *     P            a new process: forget the unique symbols
 *     B PATH       bind this object, and print
 *     V PATH       the same, with what is written where
 *     T PATH       bind it, print nothing
 *
 * Prints for each B the path, and then, for each lookup that ld.so would do, a line: address, symbol,
 * version or nothing, provider or "0" (weak, undefined) or "?" (undefined), "protected" or "normal"; tabs
 * between.  For each V, of words and GOT entries: address, symbol, provider ("0" where that does not matter),
 * and the value less the provider's load bias, or "ifunc". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/fill.h"
#include "diag.h"

static struct object **table;
static size_t table_count;

static struct object *find_object(struct bind *bind, const char *path)
{
	for (size_t i = 0; i < table_count; i++)
		if (strcmp(table[i]->path, path) == 0)
			return table[i];
	struct object *object = xcalloc(1, sizeof *object);
	object->path = object->shown = xstrdup(path);
	object->index = table_count;
	table = xreallocarray(table, table_count + 1, sizeof *table);
	table[table_count++] = object;
	const struct bind_object *opened = bind_open(bind, object);
	if (opened)
		object->arch = arch_find(&opened->image);
	return object;
}

/* The rest of a line as a list of objects. */
static void read_list(struct bind *bind, char *rest, struct object_list *list)
{
	list->count = 0;
	for (char *path = strtok(rest, "\t"); path; path = strtok(NULL, "\t")) {
		list->member = xreallocarray(list->member, list->count + 1, sizeof *list->member);
		list->member[list->count++] = find_object(bind, path);
	}
}

static void print(const struct bind_object *by, const struct binding_list *list)
{
	puts(by->object->path);
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		const char *version, *provider = "?";
		if (binding->result == BINDING_NONE || binding->result == BINDING_SELF)
			continue;
		const char *name = binding_name(by, binding, &version);
		if (binding->result == BINDING_FOUND)
			provider = binding->provider->object->path;
		else if (binding->result == BINDING_ZERO)
			provider = "0";
		printf("0x%llx\t%s\t%s\t%s\t%s\n", (unsigned long long)binding->address, name,
		       version ? version : "", provider, binding->protected ? "protected" : "normal");
	}
}

static void print_values(const struct bind_object *by, const struct binding_list *list)
{
	puts(by->object->path);
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		bool moves = binding->provider && !binding->absolute;
		bool word = binding->kind == RELOC_WORD;
		const char *version;
		if (!word && binding->kind != RELOC_GLOB_DAT && binding->kind != RELOC_JUMP_SLOT)
			continue;
		unsigned long long value = binding->value + (word ? binding->addend : 0);
		printf("0x%llx\t%s\t%s\t", (unsigned long long)binding->address,
		       binding_name(by, binding, &version), moves ? binding->provider->object->path : "0");
		if (moves && binding->sym_type == STT_GNU_IFUNC && !binding->undefined)
			printf("ifunc\n");
		else
			printf("0x%llx\n", value);
	}
}

int main(void)
{
	struct root root;
	struct searchlist global = { 0 }, local = { 0 };
	struct unique_table unique = { 0 };
	struct bind_scope scope = { .unique = &unique };
	struct object_list objects = { 0 };
	struct binding_list list = { 0 };
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	diag_tool = "bindings";
	if (root_open_tree(&root, NULL))
		return 1;
	struct bind *bind = bind_new(&root);
	while ((length = getline(&line, &room, stdin)) > 1) {
		line[strcspn(line, "\n")] = 0;
		char command = line[0];
		read_list(bind, line + 1, &objects);
		if (command == 'P') {
			unique_table_forget(&unique);
		} else if (objects.count == 0) {
			scope.local = NULL;
		} else if (command == 'G') {
			bind_index(bind); /* of start-up objects; plugins go without */
			searchlist_set(&global, bind->opened, &objects, objects.member[0]);
			scope.global = &global;
			scope.local = NULL;
		} else if (command == 'L' || command == 'D' || command == 'N') {
			searchlist_set(&local, bind->opened, &objects, NULL);
			scope.local = &local;
			scope.deepbind = command == 'D';
			if (command == 'N')
				scope.global = NULL;
		} else if (bind_in(bind, objects.member[0], &scope, &list) == 0) {
			if (command == 'B')
				print(bind_open(bind, objects.member[0]), &list);
			else if (command == 'V')
				print_values(bind_open(bind, objects.member[0]), &list);
		}
	}
	binding_list_release(&list);
	searchlist_release(&global);
	searchlist_release(&local);
	unique_table_release(&unique);
	bind_free(bind);
	for (size_t i = 0; i < table_count; i++) {
		free(table[i]->path);
		free(table[i]);
	}
	free(table);
	free(objects.member);
	free(line);
	root_release(&root);
	return diag_failed();
}
