/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes; see scope.h. */
#include "scope/scope.h"

#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "scope/process.h"

#define LD_SO_PRELOAD "/etc/ld.so.preload"

/* A plugin with its dependencies, loaded into a process in which there is nothing but a program's
 * DT_RPATH.  It is the same in every program where no name means something else. */
struct closure {
	const struct name *path; /* of the plugin */
	const struct ldso *ldso;
	const struct name *chain;     /* of the program */
	const struct object *program; /* only where --ld-library-path depends on it */
	struct object *object;
	struct object_list scope; /* array kept by the table */
	struct meanings meanings;
	struct place *host; /* members with notes of their own; owned */
	size_t host_count;
	bool beyond; /* process.beyond */
};

struct scoping {
	struct object_table *table;
	struct search *search;
	struct process process, plain; /* the program's, and an empty one for closures */
	const char *library_path;      /* of the options; a program may have its own */
	struct path_list preload;
	void *closures;     /* tree of struct closure */
	struct place *host; /* of one program: objects whose notes are to be read */
	size_t host_count, host_room;
	bool *seen; /* by object.index: it is among them */
	size_t seen_room;
	size_t steps; /* objects in the scopes of its plugins so far */
	bool failed;
};

/* --- start-up ------------------------------------------------------------------------------------- */

/* Loads what ld.so.preload names into s->process; the objects go to MAP, which has
 * room for all.  How many. */
static size_t add_preloaded(struct scoping *s, loaded_t *map)
{
	struct process *p = &s->process;
	size_t count = 0;

	for (size_t i = 0; i < s->preload.count; i++) {
		const struct name *name = search_expand(s->search, p->ldso, &p->loaded[0].place,
							s->preload.path[i]);
		loaded_t found = name ? process_find(p, 1, name) : 0;

		if (found > 1)
			map[count++] = found;
	}
	p->missing = NULL; /* ld.so only warns */
	return count;
}

/* Leaves the process of OBJECT's start-up in s->process. */
static void start_up(struct scoping *s, struct object *object)
{
	struct process *p = &s->process;
	loaded_t *preload = xcalloc(s->preload.count, sizeof *preload);
	size_t count = 0;

	s->search->library_path = object->library_path ? object->library_path : s->library_path;
	process_begin(p, search_ldso(s->search, object, object->interp), object, object->interp);
	if (object->kind != OBJECT_LIBRARY) {
		object->loader = p->ldso->object;
		count = add_preloaded(s, preload);
	}
	object->scope = process_walk(p, 1, preload, count);
	free(preload);
	object->beyond = p->beyond;
	if (p->beyond) {
		object_leave(object, SKIP_LIMIT);
	} else if (p->missing) {
		object->missing = xstrdup(p->missing);
		if (object->kind != OBJECT_LIBRARY)
			object_leave(object, SKIP_MISSING);
	}
}

/* The same; where OBJECT needs too much, next come the libraries that were seen, the last first.  Of many
 * of which each needs the next, all are known by this to need too much after a step or two, as a walk
 * ends where that is known. */
static void start_up_deep(struct scoping *s, struct object *object)
{
	struct object_list todo = { 0 };

	start_up(s, object);
	for (;;) {
		for (size_t i = 1; s->process.beyond && i < s->process.count; i++)
			object_list_add(&todo, s->process.loaded[i].place.object);
		while (todo.count && todo.member[todo.count - 1]->scope.count)
			todo.count--;
		if (!todo.count)
			break;
		start_up(s, todo.member[todo.count - 1]);
	}
	free(todo.member);
}

/* --- what is found where ----------------------------------------------------------------------------- */

static bool is_name_of(const struct object *program, const char *path)
{
	for (size_t i = 0; i < program->names.count; i++)
		if (strcmp(program->names.path[i], path) == 0)
			return true;
	return false;
}

/* True if the search of PROGRAM is to be frozen. */
static bool is_to_freeze(const struct scoping *s, const struct object *program)
{
	const struct options *options = s->search->gather->options;

	for (size_t i = 0; i < options->freeze_count; i++) {
		char *path = root_inside(s->search->gather->root, options->freeze[i]);
		bool named = strcmp(path, program->path) == 0 || is_name_of(program, path);

		free(path);
		if (named)
			return true;
	}
	return options->freeze_all;
}

/* Where PROGRAM, whose start-up is in s->process, found what it needs.  Names with a slash are not searched
 * for; those that ld.so expands mean something else in each object. */
static void note_found(struct scoping *s, struct object *program)
{
	struct process *p = &s->process;

	for (size_t i = 0; i < p->count; i++) {
		const struct object *object = p->loaded[i].place.object;

		for (size_t k = 0; k < object->needed_count; k++) {
			const struct name *name = object->needed[k].interned;
			loaded_t map = name && !strchr(name->text, '/') ? process_by_name(p, name) : 0;
			const struct name *path = map ? p->loaded[map - 1].place.path : NULL;

			if (!path || path->text[0] != '/' || strchr(path->text, '$'))
				continue;
			ALLOC_NEXT(program->found, program->found_count);
			program->found[program->found_count++] = (struct found){
				name->text, path->text, (uint64_t)p->loaded[map - 1].place.object->st.st_size
			};
		}
	}
	program->found_library_path = s->search->library_path;
}

/* --- plugins -------------------------------------------------------------------------------------- */

static int compare_closures(const void *a, const void *b)
{
	const struct closure *left = a, *right = b;

	if (left->path != right->path)
		return left->path->id < right->path->id ? -1 : 1;
	if (left->ldso != right->ldso)
		return left->ldso < right->ldso ? -1 : 1;
	if (left->chain != right->chain)
		return left->chain < right->chain ? -1 : 1;
	return (left->program > right->program) - (left->program < right->program);
}

static void closure_release(void *node)
{
	struct closure *closure = node;

	free(closure->meanings.item);
	free(closure->host);
	free(closure);
}

static void keep_hosts(const struct process *p, size_t first, struct closure *closure)
{
	for (size_t i = first; i < p->count; i++) {
		const struct place *place = &p->loaded[i].place;

		if (place->object->plugins.count == 0)
			continue;
		ALLOC_NEXT(closure->host, closure->host_count);
		closure->host[closure->host_count++] = *place;
	}
}

/* Loads the plugin of CLOSURE into P and fills the rest of it. */
static void load_plugin(struct scoping *s, struct process *p, struct closure *closure)
{
	size_t first = p->count;
	struct place place = search_place(s->search, p->ldso, closure->object, closure->path,
					  &p->loaded[0].place);

	process_record(p, &closure->meanings);
	closure->scope = process_walk(p, process_load(p, &place), NULL, 0);
	process_record(p, NULL);
	closure->beyond = p->beyond;
	object_table_keep(s->table, closure->scope.member);
	keep_hosts(p, first, closure);
}

/* The closure of the plugin at PATH, for the program at PROGRAM in s->process. */
static const struct closure *get_closure(struct scoping *s, const struct place *program,
					 const struct name *path)
{
	const struct ldso *ldso = s->process.ldso;
	const char *library_path = s->search->library_path;
	bool own = program->object->library_path || (library_path && strchr(library_path, '$'));
	struct closure key = {
		.path = path, .ldso = ldso, .chain = program->chain, .program = own ? program->object : NULL
	};
	struct closure **found = tfind(&key, &s->closures, compare_closures);

	if (found)
		return *found;
	struct closure *closure = xmalloc(sizeof *closure);
	*closure = key;
	closure->object = path->object;
	/* A program without a name; what it needs is not looked at. */
	process_begin(&s->plain, ldso, program->object, NULL);
	process_forget_names(&s->plain);
	if (ldso->object)
		process_claim(&s->plain, process_soname(s->search, ldso->object),
			      process_by_object(&s->plain, ldso->object));
	load_plugin(s, &s->plain, closure);
	if (!tsearch(closure, &s->closures, compare_closures)) {
		diag_error(NULL, "out of memory while computing scopes");
		exit(EXIT_FAILURE);
	}
	return closure;
}

static void add_host(struct scoping *s, const struct place *place)
{
	const struct object *object = place->object;

	if (object->plugins.count == 0)
		return;
	ALLOC_REACH(s->seen, object->index, s->seen_room);
	if (s->seen[object->index])
		return;
	s->seen[object->index] = true;
	ALLOC_REACH(s->host, s->host_count, s->host_room);
	s->host[s->host_count++] = *place;
}

/* Adds SCOPE to PROGRAM's, which took a walk through STEPS objects. */
static void add_plugin_scope(struct scoping *s, struct object *program, const struct plugin_scope *scope,
			     size_t steps)
{
	bool full = s->steps > LIMIT_PLUGINS;

	s->steps += steps;
	if (!full && s->steps > LIMIT_PLUGINS) {
		diag_error(
			program->shown,
			"the notes of its libraries and plugins name plugins that load more than %d objects; "
			"the rest is left out: make their patterns narrower",
			LIMIT_PLUGINS);
		s->failed = true;
	}
	if (s->steps > LIMIT_PLUGINS || !scope)
		return;
	ALLOC_NEXT(program->plugin, program->plugin_count);
	program->plugin[program->plugin_count++] = *scope;
}

/* The plugin at PATH, named by ENTRY of the note of HOST. */
static void add_plugin(struct scoping *s, struct object *program, const struct object *host,
		       const struct plugin_entry *entry, const struct name *path)
{
	struct process *p = &s->process;
	const struct closure *closure;
	struct closure *own = NULL; /* where this program's differs */

	/* Of another machine, or nothing that dlopen takes; or there since start-up. */
	if (search_open(s->search, p->ldso, path) || path->object->kind == OBJECT_LOADER ||
	    path->object->beyond || process_by_object(p, path->object) || s->steps > LIMIT_PLUGINS)
		return;
	closure = get_closure(s, &p->loaded[0].place, path);
	if (!process_agrees(p, &closure->meanings)) { /* loading it here gives something else */
		struct process_mark mark = process_mark(p);

		own = xcalloc(1, sizeof *own);
		own->path = path;
		own->object = path->object;
		load_plugin(s, p, own);
		process_return(p, mark);
		closure = own;
	}
	if (closure->beyond) {
		add_plugin_scope(s, program, NULL, LIMIT_CLOSURE);
	} else {
		add_plugin_scope(s, program,
				 &(struct plugin_scope){ .plugin = path->object,
							 .host = host,
							 .entry = entry,
							 .scope = closure->scope },
				 closure->scope.count);
		for (size_t i = 0; i < closure->host_count; i++)
			add_host(s, &closure->host[i]);
	}
	if (own)
		closure_release(own);
}

/* PATH, or NULL, is no library, where some note or manifest names a plugin of PROGRAM. */
static void note_no_library(struct object *program, const struct name *path)
{
	if (path && !program->no_library)
		program->no_library = path->text;
}

static void add_entry(struct scoping *s, struct object *program, struct place *host,
		      const struct plugin_entry *entry)
{
	struct process *p = &s->process;

	if (entry->path) {
		const struct name *pattern = search_pattern(s->search, entry->path);

		for (size_t i = 0; i < pattern->match_count; i++)
			add_plugin(s, program, host->object, entry, pattern->match[i]);
		note_no_library(program, pattern->no_library);
	}
	/* Alternatives: the first that is there is the one that gets loaded. */
	for (size_t i = 0; i < entry->soname_count; i++) {
		const struct name *name = search_expand(s->search, p->ldso, host, entry->soname[i]);
		const struct name *path = NULL;

		if (name && process_by_name(p, name))
			return;
		if (name)
			path = search_file(s->search, p->ldso, host, &p->loaded[0].place, name);
		if (path) {
			add_plugin(s, program, host->object, entry, path);
			return;
		}
		if (name)
			note_no_library(program, search_no_library(s->search, host, name));
	}
}

/* All plugins of PROGRAM, whose start-up is in s->process. */
static void find_plugins(struct scoping *s, struct object *program)
{
	s->host_count = s->steps = 0;
	for (size_t i = 0; i < s->process.count; i++)
		add_host(s, &s->process.loaded[i].place);
	for (size_t i = 0; i < s->host_count; i++) {
		struct place host = s->host[i]; /* the array moves as it grows */

		search_begin_note(s->search);
		for (size_t k = 0; k < host.object->plugins.count; k++)
			add_entry(s, program, &host, &host.object->plugins.entry[k]);
	}
	for (size_t i = 0; i < s->host_count; i++)
		s->seen[s->host[i].object->index] = false;
}

/* --- all ------------------------------------------------------------------------------------------ */

/* Names in ld.so.preload: between blanks and colons, `#` starts a comment. */
static void read_preload(struct scoping *s)
{
	const struct root *root = s->search->gather->root;
	FILE *in = root_open_text(root, LD_SO_PRELOAD);
	char *line = NULL, *rest, *word;
	size_t size = 0;

	if (!in && errno == EOVERFLOW) {
		char *shown = root_outside(root, LD_SO_PRELOAD);

		diag_errno(shown, "reading it; it is passed over");
		free(shown);
	}
	while (in && getline(&line, &size, in) >= 0) {
		line[strcspn(line, "#\n")] = '\0';
		for (rest = line; (word = strsep(&rest, " \t:"));)
			if (*word && s->preload.count < LIMIT_CLOSURE)
				path_list_add(&s->preload, word);
	}
	free(line);
	if (in)
		fclose(in);
}

int scope_all(struct object_table *table, struct search *search)
{
	struct scoping s = { .table = table,
			     .search = search,
			     .process = { .search = search },
			     .plain = { .search = search } };

	read_preload(&s);
	s.library_path = search->library_path;
	/* The table grows as dependencies and plugins are found. */
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];

		if (!object->arch || object->scope.count)
			continue;
		start_up_deep(&s, object);
		if (!object_is_program(object) || object->beyond)
			continue;
		if (is_to_freeze(&s, object) && !object->missing)
			note_found(&s, object);
		find_plugins(&s, object);
	}
	search->library_path = s.library_path;
	tdestroy(s.closures, closure_release);
	process_release(&s.process);
	process_release(&s.plain);
	path_list_release(&s.preload);
	free(s.host);
	free(s.seen);
	return s.failed ? -1 : 0;
}
