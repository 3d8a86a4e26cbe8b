/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Printing bindings; see bindings.h. */
#include "say/bindings.h"

#include "json.h"

static void put_text(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			printf("\\x%02x", *c);
		else
			putchar(*c);
	}
}

static void put_line(const struct bind_object *by, const struct binding *binding)
{
	const char *version, *name = binding_name(by, binding, &version);
	const char *nobody = binding->result == BINDING_ZERO ? "-" : "?";

	put_text(by->object->path);
	printf("\t0x%llx\t", (unsigned long long)binding->address);
	put_text(name);
	putchar('\t');
	put_text(version ? version : "-");
	putchar('\t');
	put_text(binding->result == BINDING_FOUND ? binding->provider->object->path : nobody);
	putchar('\n');
}

static json_t *json_line(const struct bind_object *by, const struct binding *binding)
{
	const char *version, *name = binding_name(by, binding, &version);
	const char *provider = binding->result == BINDING_FOUND ? binding->provider->object->path : NULL;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "object", json_text(by->object->path), "address",
			 json_address(binding->address), "symbol", json_text(name), "version",
			 json_text(version), "provider", json_text(provider), "weak", binding->weak);
}

/* What OBJECT looks up in SCOPE: to standard output, or appended to ROWS. */
static int put_object(struct bind *bind, struct object *object, const struct bind_scope *scope,
		      struct binding_list *list, json_t *rows)
{
	if (bind_in(bind, object, scope, list))
		return -1;
	const struct bind_object *by = bind_open(bind, object);
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		if (binding->result == BINDING_NONE || binding->result == BINDING_SELF)
			continue;
		if (rows)
			json_array_append_new(rows, json_line(by, binding));
		else
			put_line(by, binding);
	}
	return 0;
}

/* What the lookups will go through. */
static void open_all(struct bind *bind, const struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		for (size_t k = 0; table->object[i]->listed && k < table->object[i]->scope.count; k++)
			bind_open(bind, table->object[i]->scope.member[k]);
	bind_index(bind);
}

int bindings_print(struct bind *bind, const struct object_table *table, bool json)
{
	struct searchlist list = { 0 };
	struct unique_table unique = { 0 };
	struct binding_list bindings = { 0 };
	json_t *programs = json ? json_array() : NULL;
	int result = 0;

	open_all(bind, table);
	for (size_t i = 0; i < table->count; i++) {
		const struct object *program = table->object[i];
		bool library = program->kind == OBJECT_LIBRARY;
		if (!program->listed || program->kind == OBJECT_LOADER || !program->arch)
			continue;
		json_t *rows = json ? json_array() : NULL;
		const struct bind_scope scope = { .global = library ? NULL : &list,
						  .local = library ? &list : NULL,
						  .unique = &unique };
		unique_table_forget(&unique);
		if (searchlist_set(&list, bind->opened, &program->scope, library ? NULL : program))
			result = -1;
		for (size_t k = program->scope.count; k-- > 0;)
			if (program->scope.member[k]->kind != OBJECT_LOADER &&
			    put_object(bind, program->scope.member[k], &scope, &bindings, rows))
				result = -1;
		if (json)
			json_array_append_new(programs,
					      json_pack("{s:o, s:o}", "program", json_text(program->path),
							"bindings", rows));
	}
	if (json && json_print(programs, stdout))
		result = -1;
	binding_list_release(&bindings);
	unique_table_release(&unique);
	searchlist_release(&list);
	return result;
}
