/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints what gather, search and scope find, for tests to compare with what ld.so does:
 *
 *     scopes [--option=value]... PATH...
 *
 *     program PATH        (or library PATH, with --libraries)
 *     member PATH         the start-up scope, in order, each by its object's own path
 *     missing NAME
 *     plugin PATH HOST    one of its plugins, and
 *     member PATH         that one's scope */
#include "diag.h"
#include "gather/gather.h"
#include "scope/scope.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
	struct options options;
	struct conf conf;
	const char *cpu;
	bool libraries, quiet;
};

static const struct argp_option option_table[] = { { "root", 'r', "DIR", 0, NULL, 0 },
						   { "ld-library-path", 'L', "LIST", 0, NULL, 0 },
						   { "dynamic-linker", 'd', "PATH", 0, NULL, 0 },
						   { "cpu", 'c', "WORDS", 0,
						     "the processor, as in /proc/cpuinfo", 0 },
						   { "blacklist", 'b', "PATTERN", 0, NULL, 0 },
						   { "dereference", 'h', NULL, 0, NULL, 0 },
						   { "with-plugins", 'p', NULL, 0, NULL, 0 },
						   { "libraries", 'l', NULL, 0, "print libraries too", 0 },
						   { "quiet", 'q', NULL, 0, "print totals only", 0 },
						   { "jobs", 'j', "N", 0, NULL, 0 },
						   { 0 } };

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct conf *conf = &a->conf;

	switch (key) {
	case 'r': a->options.root = value; break;
	case 'L': a->options.ld_library_path = xstrdup(value); break;
	case 'd': a->options.dynamic_linker = value; break;
	case 'c': a->cpu = value; break;
	case 'b':
		conf->blacklist = xreallocarray(conf->blacklist, conf->blacklist_count + 1, sizeof(char *));
		conf->blacklist[conf->blacklist_count++] = value;
		break;
	case 'h': a->options.dereference = true; break;
	case 'p': a->options.with_plugins = true; break;
	case 'l': a->libraries = true; break;
	case 'q': a->quiet = true; break;
	case 'j': a->options.jobs = (unsigned)atoi(value); break;
	case ARGP_KEY_ARG:
		conf->entry = xreallocarray(conf->entry, conf->count + 1, sizeof *conf->entry);
		conf->entry[conf->count++] = (struct conf_entry){ .path = value,
								  .dereference = a->options.dereference };
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void print_members(const struct object_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		printf("member %s\n", list->member[i]->path);
}

static void print_object(const struct object *object)
{
	printf("%s %s\n", object->kind == OBJECT_LIBRARY ? "library" : "program", object->path);
	print_members(&object->scope);
	if (object->missing)
		printf("missing %s\n", object->missing);
	for (size_t i = 0; i < object->plugin_count; i++) {
		printf("plugin %s %s\n", object->plugin[i].plugin->path, object->plugin[i].host->path);
		print_members(&object->plugin[i].scope);
	}
}

static void print_all(const struct object_table *table, const struct arguments *a)
{
	size_t members = 0, plugins = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct object *object = table->object[i];
		bool library = object->kind == OBJECT_LIBRARY || object->kind == OBJECT_LOADER;

		members += object->scope.count;
		plugins += object->plugin_count;
		if (!a->quiet && object->arch &&
		    (!library || (a->libraries && object->kind == OBJECT_LIBRARY)))
			print_object(object);
	}
	printf("objects %zu members %zu plugins %zu\n", table->count, members, plugins);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { option_table, parse, "PATH...", NULL, NULL, NULL, NULL };
	struct arguments a = { .options = { .jobs = 2, .dry_run = true } };
	struct object_table table;
	struct gather gather;
	struct search search;
	struct root root;

	diag_tool = "scopes";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	if (root_open_tree(&root, a.options.root))
		return 1;
	options_resolve(&a.options, &root);
	object_table_init(&table);
	gather_init(&gather, &table, &root, &a.conf, &a.options, NULL);
	gather_all(&gather);
	if (search_init(&search, &gather) == 0) {
		if (a.cpu) {
			free(search.cpu);
			search.cpu = xstrdup(a.cpu);
		}
		scope_all(&table, &search);
		print_all(&table, &a);
	}
	search_release(&search);
	gather_release(&gather);
	object_table_release(&table);
	root_release(&root);
	options_release(&a.options);
	free(a.conf.entry);
	free(a.conf.blacklist);
	return diag_failed() ? 1 : 0;
}
