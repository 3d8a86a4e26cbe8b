/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes; see scope.h.
 *
 * A struct process is the model of what ld.so has loaded: an array of places, and for each name and each
 * object which of them it is.  It is built and cleared again for every program, but its memory is
 * reused, so that a step of the walk costs a look into an array. */
#include "scope/scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"

#define LD_SO_PRELOAD "/etc/ld.so.preload"

/* Plugins of one program, each counted for each note that names it.  Perl with every module that there
 * is has 2,000. */
#define PLUGINS_MAX 100000

/* Two filters of each other move each other to the front for ever: ld.so dies of it when its stack, a node
 * for each move, is full.  No other list comes near this. */
#define NODES_MAX 200000

/* An index into process.loaded, plus 1; 0 is none. */
typedef uint32_t loaded_t;

struct loaded {
	struct place place;
	size_t rank;   /* its index in process.order, while names are given anew */
	bool reserved; /* is in the list that is being built (l_reserved) */
};

/* A name that a loaded object answers to. */
struct claim {
	uint32_t name; /* name.id */
	loaded_t map;
};

struct process {
	struct search *search;
	const struct ldso *ldso;
	struct loaded *loaded; /* in the order in which they were loaded; the program is the first */
	size_t count, room;
	loaded_t *order; /* the order in which ld.so asks them for a name: the same, but for filtees */
	size_t order_room;
	loaded_t *by_name; /* by name.id: the first in that order that claims the name */
	size_t name_room;
	struct claim *claimed; /* all claims, as they were made */
	size_t claimed_count, claimed_room;
	loaded_t *by_object; /* by object.index */
	size_t object_room;
	const char *missing;       /* the first name that was not found */
	struct closure *recording; /* its decisions are being collected */
	uint32_t *recorded;        /* by name.id: number of the last closure that has a decision on it */
	size_t recorded_room;
	uint32_t recordings; /* closures so far */
};

/* An object of the list that is being built (struct list of dl-deps.c). */
struct node {
	loaded_t map;
	size_t next; /* index of the next node; 0 ends the list, as the first is no one's next */
	bool done;
};

struct walk {
	struct node *node;
	size_t count; /* of all nodes that were made */
	size_t tail;  /* index of the last in the list */
};

/* A name that a plugin or its dependencies ask for, and the object that it is. */
struct decision {
	const struct name *name;
	struct object *object;
};

/* A plugin with its dependencies, loaded into a process in which there is nothing but a program's
 * DT_RPATH.  It is the same in every program where no name means something else. */
struct closure {
	const struct name *path; /* of the plugin */
	const struct ldso *ldso;
	const struct name *chain;     /* of the program */
	const struct object *program; /* only where --ld-library-path depends on it */
	struct object *object;
	struct object_list scope;  /* array kept by the table */
	struct decision *decision; /* owned */
	size_t decision_count;
	struct place *host; /* members with notes of their own; owned */
	size_t host_count;
};

struct scoping {
	struct object_table *table;
	struct search *search;
	struct process process, plain; /* the program's, and an empty one for closures */
	struct path_list preload;
	void *closures;     /* tree of struct closure */
	struct place *host; /* of one program: objects whose notes are to be read */
	size_t host_count, host_room;
	bool *seen; /* by object.index: it is among them */
	size_t seen_room;
	bool failed;
};

/* --- the process ---------------------------------------------------------------------------------- */

/* Makes room for INDEX in an array of SIZE-byte elements that start as zero. */
static void *grow(void *array, size_t *room, size_t index, size_t size)
{
	size_t wanted = *room ? *room : 256;

	if (index < *room)
		return array;
	while (wanted <= index)
		wanted *= 2;
	array = xreallocarray(array, wanted, size);
	memset((char *)array + *room * size, 0, (wanted - *room) * size);
	*room = wanted;
	return array;
}

static loaded_t by_name(const struct process *p, const struct name *name)
{
	return name->id < p->name_room ? p->by_name[name->id] : 0;
}

static loaded_t by_object(const struct process *p, const struct object *object)
{
	return object->index < p->object_room ? p->by_object[object->index] : 0;
}

/* From now on NAME means the loaded object MAP, unless it means one that came before. */
static void claim(struct process *p, const struct name *name, loaded_t map)
{
	if (!name)
		return;
	p->by_name = grow(p->by_name, &p->name_room, name->id, sizeof *p->by_name);
	if (!p->by_name[name->id])
		p->by_name[name->id] = map;
	p->claimed = grow(p->claimed, &p->claimed_room, p->claimed_count, sizeof *p->claimed);
	p->claimed[p->claimed_count++] = (struct claim){ name->id, map };
}

/* Gives every name to the first in p->order that claims it. */
static void claim_again(struct process *p)
{
	for (size_t i = 0; i < p->count; i++)
		p->loaded[p->order[i] - 1].rank = i;
	for (size_t i = 0; i < p->claimed_count; i++)
		p->by_name[p->claimed[i].name] = 0;
	for (size_t i = 0; i < p->claimed_count; i++) {
		loaded_t *now = &p->by_name[p->claimed[i].name], map = p->claimed[i].map;

		if (!*now || p->loaded[map - 1].rank < p->loaded[*now - 1].rank)
			*now = map;
	}
}

/* Moves MAP right before BEFORE in p->order, as ld.so does with a filtee. */
static void move_before(struct process *p, loaded_t map, loaded_t before)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->order[i] != map)
			p->order[kept++] = p->order[i];
	while (p->order[at] != before)
		at++;
	memmove(&p->order[at + 1], &p->order[at], (kept - at) * sizeof *p->order);
	p->order[at] = map;
	claim_again(p);
}

static const struct name *soname_of(struct search *search, struct object *object)
{
	if (object->soname && !object->soname_interned)
		object->soname_interned = search_intern(search, object->soname);
	return object->soname_interned;
}

static loaded_t add_loaded(struct process *p, const struct place *place)
{
	struct object *object = place->object;
	loaded_t map = (loaded_t)++p->count;

	p->loaded = grow(p->loaded, &p->room, p->count, sizeof *p->loaded);
	p->loaded[map - 1] = (struct loaded){ .place = *place };
	p->order = grow(p->order, &p->order_room, p->count, sizeof *p->order);
	p->order[map - 1] = map;
	p->by_object = grow(p->by_object, &p->object_room, object->index, sizeof *p->by_object);
	p->by_object[object->index] = map;
	claim(p, place->path, map);
	claim(p, soname_of(p->search, object), map);
	return map;
}

static void process_clear(struct process *p)
{
	for (size_t i = 0; i < p->claimed_count; i++)
		p->by_name[p->claimed[i].name] = 0;
	for (size_t i = 0; i < p->count; i++)
		p->by_object[p->loaded[i].place.object->index] = 0;
	p->claimed_count = p->count = 0;
	p->missing = NULL;
}

/* A state to return to. */
struct mark {
	size_t count, claimed_count;
	const char *missing;
	loaded_t *order; /* owned, until the return */
};

static struct mark process_mark(const struct process *p)
{
	struct mark mark = { p->count, p->claimed_count, p->missing, xcalloc(p->count, sizeof *p->order) };

	memcpy(mark.order, p->order, p->count * sizeof *p->order);
	return mark;
}

/* Unloads what was loaded, and forgets the names that were given, since MARK. */
static void process_return(struct process *p, struct mark mark)
{
	for (; p->claimed_count > mark.claimed_count; p->claimed_count--)
		p->by_name[p->claimed[p->claimed_count - 1].name] = 0;
	for (; p->count > mark.count; p->count--)
		p->by_object[p->loaded[p->count - 1].place.object->index] = 0;
	p->missing = mark.missing;
	memcpy(p->order, mark.order, p->count * sizeof *p->order);
	free(mark.order);
	claim_again(p);
}

static void process_release(struct process *p)
{
	free(p->loaded);
	free(p->order);
	free(p->by_name);
	free(p->claimed);
	free(p->by_object);
	free(p->recorded);
}

/* Notes what NAME turned out to be, once. */
static void record(struct process *p, const struct name *name, struct object *object)
{
	struct closure *closure = p->recording;

	if (!closure)
		return;
	p->recorded = grow(p->recorded, &p->recorded_room, name->id, sizeof *p->recorded);
	if (p->recorded[name->id] == p->recordings)
		return;
	p->recorded[name->id] = p->recordings;
	size_t count = closure->decision_count;
	if ((count & (count - 1)) == 0)
		closure->decision = xreallocarray(closure->decision, count ? 2 * count : 1,
						  sizeof *closure->decision);
	closure->decision[closure->decision_count++] = (struct decision){ name, object };
}

/* _dl_map_object: the loaded object that NAME means to the loaded object LOADER, loading it if need be;
 * 0 if it cannot be found. */
static loaded_t map_object(struct process *p, loaded_t loader, const struct name *name)
{
	loaded_t map = by_name(p, name);

	if (map) {
		record(p, name, p->loaded[map - 1].place.object);
		return map;
	}
	const struct name *path = search_file(p->search, p->ldso, &p->loaded[loader - 1].place,
					      &p->loaded[0].place, name);
	if (!path) {
		if (!p->missing)
			p->missing = name->text;
		record(p, name, NULL);
		return 0;
	}
	map = by_object(p, path->object);
	if (!map) {
		struct place place = search_place(p->search, p->ldso, path->object, path,
						  &p->loaded[loader - 1].place);

		map = add_loaded(p, &place);
	}
	claim(p, name, map);
	record(p, name, path->object);
	return map;
}

/* --- the walk ------------------------------------------------------------------------------------- */

static size_t add_node(struct walk *walk, loaded_t map)
{
	if ((walk->count & (walk->count - 1)) == 0)
		walk->node = xreallocarray(walk->node, walk->count ? 2 * walk->count : 1, sizeof *walk->node);
	walk->node[walk->count] = (struct node){ .map = map };
	return walk->count++;
}

static void append(struct process *p, struct walk *walk, loaded_t map)
{
	if (p->loaded[map - 1].reserved)
		return;
	size_t node = add_node(walk, map);
	if (node)
		walk->node[walk->tail].next = node;
	walk->tail = node;
	p->loaded[map - 1].reserved = true;
}

/* Puts MAP, a filtee, right before the object of node ORIG, unless it is in the list before that already.
 * As in glibc, the nodes change their contents: returns the one that now holds the object. */
static size_t insert(struct process *p, struct walk *walk, size_t orig, loaded_t map)
{
	size_t late = orig;

	if (p->loaded[map - 1].reserved) {
		while (walk->node[late].next && walk->node[walk->node[late].next].map != map)
			late = walk->node[late].next;
		if (!walk->node[late].next)
			return orig; /* before ORIG, or ORIG itself */
		size_t moved = walk->node[late].next;
		walk->node[late].next = walk->node[moved].next;
		if (walk->tail == moved)
			walk->tail = late;
	}
	size_t node = add_node(walk, 0);
	walk->node[node] = walk->node[orig];
	walk->node[orig] = (struct node){ .map = map, .next = node };
	p->loaded[map - 1].reserved = true;
	if (walk->tail == orig)
		walk->tail = node;
	move_before(p, map, walk->node[node].map);
	return node;
}

/* The name of NEEDED as the loaded object MAP means it; NULL where ld.so could not tell. */
static const struct name *needed_name(struct process *p, loaded_t map, struct needed *needed)
{
	if (!needed->interned) {
		if (strchr(needed->name, '$'))
			return search_expand(p->search, p->ldso, &p->loaded[map - 1].place, needed->name);
		needed->interned = search_intern(p->search, needed->name);
	}
	return needed->interned;
}

static void walk_needed(struct process *p, struct walk *walk, size_t node)
{
	loaded_t map = walk->node[node].map;
	struct object *object = p->loaded[map - 1].place.object;

	walk->node[node].done = true;
	for (size_t i = 0; i < object->needed_count; i++) {
		struct needed *needed = &object->needed[i];
		const struct name *name = needed_name(p, map, needed);
		const char *missing = p->missing;
		loaded_t dependency = name ? map_object(p, map, name) : 0;

		if (dependency && needed->tag == DT_NEEDED)
			append(p, walk, dependency);
		else if (dependency && walk->count < NODES_MAX)
			node = insert(p, walk, node, dependency);
		else if (dependency)
			p->missing = needed->name;
		else if (needed->tag == DT_AUXILIARY)
			p->missing = missing; /* it need not be there */
	}
}

/* _dl_map_object_deps: the list of MAP, then the COUNT objects at PRELOAD, and what all of them need.
 * Allocated. */
static struct object_list walk_from(struct process *p, loaded_t map, const loaded_t *preload, size_t count)
{
	struct object_list list = { 0 };
	struct walk walk = { 0 };

	append(p, &walk, map);
	for (size_t i = 0; i < count; i++)
		append(p, &walk, preload[i]);
	for (size_t node = 0;;) {
		if (!walk.node[node].done)
			walk_needed(p, &walk, node);
		/* The node may hold a filtee now, which is not done; else go on to the next that is not. */
		while (walk.node[node].done && walk.node[node].next)
			node = walk.node[node].next;
		if (walk.node[node].done)
			break;
	}
	for (size_t node = 0;; node = walk.node[node].next) {
		struct loaded *member = &p->loaded[walk.node[node].map - 1];

		object_list_add(&list, member->place.object);
		member->reserved = false;
		if (!walk.node[node].next)
			break;
	}
	free(walk.node);
	return list;
}

/* --- start-up ------------------------------------------------------------------------------------- */

/* Begins a process of LDSO: OBJECT, the program, and the dynamic linker, known by INTERP, its PT_INTERP. */
static void process_begin(struct process *p, const struct ldso *ldso, struct object *object,
			  const char *interp)
{
	struct place place;

	process_clear(p);
	p->ldso = ldso;
	place = search_place(p->search, ldso, object, NULL, NULL);
	add_loaded(p, &place);
	if (ldso->object && ldso->object != object) {
		const struct name *name = search_intern(p->search, interp ? interp : ldso->arch->interpreter);

		place = search_place(p->search, ldso, ldso->object, name, NULL);
		add_loaded(p, &place);
	}
}

static size_t add_preloaded(struct scoping *s, loaded_t *map, size_t room)
{
	struct process *p = &s->process;
	size_t count = 0;

	for (size_t i = 0; i < s->preload.count && count < room; i++) {
		const struct name *name = search_expand(s->search, p->ldso, &p->loaded[0].place,
							s->preload.path[i]);
		loaded_t found = name ? map_object(p, 1, name) : 0;

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
	loaded_t preload[64];
	size_t count = 0;

	process_begin(p, search_ldso(s->search, object, object->interp), object, object->interp);
	if (object->kind != OBJECT_LIBRARY) {
		object->loader = p->ldso->object;
		count = add_preloaded(s, preload, sizeof preload / sizeof *preload);
	}
	object->scope = walk_from(p, 1, preload, count);
	if (p->missing) {
		object->missing = xstrdup(p->missing);
		if (object->kind != OBJECT_LIBRARY && object->skip == SKIP_NOT)
			object->skip = SKIP_MISSING;
	}
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

	free(closure->decision);
	free(closure->host);
	free(closure);
}

static void keep_hosts(const struct process *p, size_t first, struct closure *closure)
{
	for (size_t i = first; i < p->count; i++) {
		const struct place *place = &p->loaded[i].place;

		if (place->object->plugins.count == 0)
			continue;
		closure->host = xreallocarray(closure->host, closure->host_count + 1, sizeof *closure->host);
		closure->host[closure->host_count++] = *place;
	}
}

/* Loads the plugin of CLOSURE into P and fills the rest of it. */
static void load_plugin(struct scoping *s, struct process *p, struct closure *closure)
{
	size_t first = p->count;
	struct place place = search_place(s->search, p->ldso, closure->object, closure->path,
					  &p->loaded[0].place);

	p->recording = closure;
	p->recordings++;
	closure->scope = walk_from(p, add_loaded(p, &place), NULL, 0);
	p->recording = NULL;
	object_table_keep(s->table, closure->scope.member);
	keep_hosts(p, first, closure);
}

/* The closure of the plugin at PATH, for the program at PROGRAM in s->process. */
static const struct closure *get_closure(struct scoping *s, const struct place *program,
					 const struct name *path)
{
	const struct ldso *ldso = s->process.ldso;
	const char *library_path = s->search->library_path;
	struct closure key = { .path = path,
			       .ldso = ldso,
			       .chain = program->chain,
			       .program = library_path && strchr(library_path, '$') ? program->object :
										      NULL };
	struct closure **found = tfind(&key, &s->closures, compare_closures);

	if (found)
		return *found;
	struct closure *closure = xmalloc(sizeof *closure);
	*closure = key;
	closure->object = path->object;
	/* A program without a name; what it needs is not looked at. */
	process_begin(&s->plain, ldso, program->object, NULL);
	for (; s->plain.claimed_count; s->plain.claimed_count--)
		s->plain.by_name[s->plain.claimed[s->plain.claimed_count - 1].name] = 0;
	if (ldso->object)
		claim(&s->plain, soname_of(s->search, ldso->object), by_object(&s->plain, ldso->object));
	load_plugin(s, &s->plain, closure);
	if (!tsearch(closure, &s->closures, compare_closures)) {
		diag_error(NULL, "out of memory while computing scopes");
		exit(EXIT_FAILURE);
	}
	return closure;
}

/* Whether CLOSURE is what loading its plugin into the process of the program would give. */
static bool holds(const struct process *p, const struct closure *closure)
{
	for (size_t i = 0; i < closure->decision_count; i++) {
		const struct decision *decision = &closure->decision[i];
		loaded_t map = by_name(p, decision->name);

		if (map && p->loaded[map - 1].place.object != decision->object)
			return false;
	}
	return true;
}

static void add_host(struct scoping *s, const struct place *place)
{
	const struct object *object = place->object;

	if (object->plugins.count == 0)
		return;
	s->seen = grow(s->seen, &s->seen_room, object->index, sizeof *s->seen);
	if (s->seen[object->index])
		return;
	s->seen[object->index] = true;
	s->host = grow(s->host, &s->host_room, s->host_count, sizeof *s->host);
	s->host[s->host_count++] = *place;
}

static void add_plugin_scope(struct scoping *s, struct object *program, const struct plugin_scope *scope)
{
	size_t count = program->plugin_count;

	if (count == PLUGINS_MAX) {
		diag_error(program->shown,
			   "the notes of its libraries and plugins name more than %d plugins; the rest "
			   "is left out: make their patterns narrower",
			   PLUGINS_MAX);
		s->failed = true;
	}
	if (count >= PLUGINS_MAX)
		return;
	if ((count & (count - 1)) == 0)
		program->plugin = xreallocarray(program->plugin, count ? 2 * count : 1, sizeof *scope);
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
	    by_object(p, path->object))
		return;
	closure = get_closure(s, &p->loaded[0].place, path);
	if (!holds(p, closure)) {
		struct mark mark = process_mark(p);

		own = xcalloc(1, sizeof *own);
		own->path = path;
		own->object = path->object;
		load_plugin(s, p, own);
		process_return(p, mark);
		closure = own;
	}
	add_plugin_scope(s, program,
			 &(struct plugin_scope){ .plugin = path->object,
						 .host = host,
						 .entry = entry,
						 .scope = closure->scope });
	for (size_t i = 0; i < closure->host_count; i++)
		add_host(s, &closure->host[i]);
	if (own)
		closure_release(own);
}

static void add_entry(struct scoping *s, struct object *program, struct place *host,
		      const struct plugin_entry *entry)
{
	struct process *p = &s->process;

	if (entry->path) {
		const struct name *pattern = search_pattern(s->search, entry->path);

		for (size_t i = 0; i < pattern->match_count; i++)
			add_plugin(s, program, host->object, entry, pattern->match[i]);
	}
	/* Alternatives: the first that is there is the one that gets loaded. */
	for (size_t i = 0; i < entry->soname_count; i++) {
		const struct name *name = search_expand(s->search, p->ldso, host, entry->soname[i]);
		const struct name *path = NULL;

		if (name && by_name(p, name))
			return;
		if (name)
			path = search_file(s->search, p->ldso, host, &p->loaded[0].place, name);
		if (path) {
			add_plugin(s, program, host->object, entry, path);
			return;
		}
	}
}

/* All plugins of PROGRAM, whose start-up is in s->process. */
static void find_plugins(struct scoping *s, struct object *program)
{
	s->host_count = 0;
	for (size_t i = 0; i < s->process.count; i++)
		add_host(s, &s->process.loaded[i].place);
	for (size_t i = 0; i < s->host_count; i++) {
		struct place host = s->host[i]; /* the array moves as it grows */

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
	int fd = root_open(s->search->gather->root, LD_SO_PRELOAD, O_RDONLY | O_NONBLOCK);
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	char *line = NULL, *rest, *word;
	size_t size = 0;

	while (in && getline(&line, &size, in) >= 0) {
		line[strcspn(line, "#\n")] = '\0';
		for (rest = line; (word = strsep(&rest, " \t:"));)
			if (*word)
				path_list_add(&s->preload, word);
	}
	free(line);
	if (in)
		fclose(in);
	else if (fd >= 0)
		close(fd);
}

int scope_all(struct object_table *table, struct search *search)
{
	struct scoping s = { .table = table,
			     .search = search,
			     .process = { .search = search },
			     .plain = { .search = search } };

	read_preload(&s);
	/* The table grows as dependencies and plugins are found. */
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];

		if (!object->arch)
			continue;
		start_up(&s, object);
		if (object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE)
			find_plugins(&s, object);
	}
	tdestroy(s.closures, closure_release);
	process_release(&s.process);
	process_release(&s.plain);
	path_list_release(&s.preload);
	free(s.host);
	free(s.seen);
	return s.failed ? -1 : 0;
}
