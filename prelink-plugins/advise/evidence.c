/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking at processes; see evidence.h. */
#include "advise/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "plan/cost.h"
#include "progress.h"
#include "threads.h"

/* How an object is used; what has a serial of an earlier process, or object, is no longer true. */
struct usage {
	uint32_t used;      /* the last object that bound to it */
	uint32_t otherwise; /* the last one that did not only call it */
	uint32_t calls;     /* functions of it that the last one calls */
	uint32_t users;     /* objects of this process that bound to it */
	uint32_t idle;      /* `first` of the last process at whose start nobody had bound to it */
	uint32_t needers;   /* members of the start-up scope that need it; 0 between processes */
};

/* What one thread looks with, at one process at a time. */
struct watcher {
	struct evidence *evidence;
	struct universe universe;
	struct decision_list decisions;
	const struct object *process; /* the program, or the library that is alone */
	bool alone;
	uint32_t serial;           /* of the object that is looked at; marks what is older */
	uint32_t first;            /* `serial` when the process began */
	struct usage *usage;       /* by object->index: how others use it in this process */
	struct incident *incident; /* of this process, some of them several times */
	size_t incident_count, incident_room;
};

/* --- one relocation --- */

static void mark(struct evidence *evidence, const struct bind_object *of, uint32_t symbol, unsigned use)
{
	struct witness *witness = &evidence->witness[of->object->index];

	if (witness->by && symbol < witness->by->symbols.count && (witness->symbol[symbol] & use) != use)
		__atomic_fetch_or(&witness->symbol[symbol], (unsigned char)use, __ATOMIC_RELAXED);
}

static void add_incident(struct watcher *w, enum incident_kind kind, const struct bind_object *object,
			 uint32_t symbol, const struct bind_object *other, uint32_t other_symbol)
{
	ALLOC_GROW(w->incident, w->incident_count + 1, w->incident_room);
	w->incident[w->incident_count++] = (struct incident){ .kind = kind,
							      .object = object,
							      .other = other,
							      .symbol = symbol,
							      .other_symbol = other_symbol,
							      .programs = !w->alone,
							      .program = w->process };
}

static bool is_data(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return (type == STT_OBJECT || type == STT_COMMON || type == STT_TLS) && sym->st_shndx != SHN_UNDEF;
}

/* The object that is looked at uses OF, by calling it (CALL) or in another way. */
static void use(struct watcher *w, const struct object *of, bool call)
{
	struct usage *usage = &w->usage[of->index];

	if (usage->used != w->serial) {
		usage->users = usage->used > w->first ? usage->users + 1 : 1;
		usage->calls = 0;
		usage->used = w->serial;
	}
	if (call)
		usage->calls++;
	else
		usage->otherwise = w->serial;
}

/* One that is its object's own: not what the compiler emits wherever it is used. */
static bool is_function(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && GELF_ST_BIND(sym->st_info) == STB_GLOBAL;
}

/* BY's reference goes to another object's definition. */
static void note_outside(struct watcher *w, const struct bind_object *by, const struct binding *binding)
{
	const struct bind_object *provider = binding->provider;
	GElf_Sym own, found;

	mark(w->evidence, provider, binding->definition,
	     USED_OUTSIDE | (by->object == w->process ? USED_NATURALLY : 0) |
		     (binding->kind == RELOC_COPY ? COPIED : 0));
	use(w, provider->object, binding->kind == RELOC_JUMP_SLOT);
	symbols_get(&by->symbols, binding->symbol, &own);
	symbols_get(&provider->symbols, binding->definition, &found);
	if (binding->kind == RELOC_COPY) {
		add_incident(w, INCIDENT_COPY, by, binding->symbol, provider, binding->definition);
		if (provider->symbolic || GELF_ST_VISIBILITY(found.st_other) == STV_PROTECTED)
			add_incident(w, INCIDENT_INTERPOSED, provider, binding->definition, by,
				     binding->symbol);
	} else if (own.st_shndx != SHN_UNDEF) {
		mark(w->evidence, by, binding->symbol, OVERRIDDEN);
		if (is_data(&own) && is_data(&found) && own.st_size && found.st_size &&
		    own.st_size != found.st_size)
			add_incident(w, INCIDENT_CLASH, by, binding->symbol, provider, binding->definition);
	}
}

/* Which definition it will be is the order's to decide: any of them may be used. */
static void note_open(struct watcher *w, struct bind_object *by, const struct binding *binding)
{
	struct opened *opened = w->evidence->bind->opened;
	uint32_t number = binding_number(opened, by, binding);
	struct searchlist *list[] = { w->universe.global, w->universe.others };
	struct definition first = { 0 }; /* of the functions */
	GElf_Sym own, other;

	symbols_get(&by->symbols, binding->symbol, &own);
	for (size_t i = 0; i < 2; i++) {
		struct definition found = { 0 };
		while (searchlist_next(opened, list[i], number, binding_class(binding), &found)) {
			symbols_get(&found.object->symbols, found.symbol, &other);
			if (!first.object && is_function(&other))
				first = found;
			else if (is_function(&other) && found.object != first.object)
				add_incident(w, INCIDENT_ORDER, first.object, first.symbol, found.object,
					     found.symbol);
			if (found.object == by) {
				mark(w->evidence, by, found.symbol, USED_INSIDE | OVERRIDDEN);
				continue;
			}
			mark(w->evidence, found.object, found.symbol, USED_OUTSIDE);
			use(w, found.object->object, false);
			if (is_data(&own) && is_data(&other) && own.st_size && other.st_size &&
			    own.st_size != other.st_size)
				add_incident(w, INCIDENT_CLASH, by, binding->symbol, found.object,
					     found.symbol);
		}
	}
}

static void note(struct watcher *w, struct bind_object *by, const struct binding *binding)
{
	switch (binding->result) {
	case BINDING_FOUND:
		if (binding->provider == by)
			mark(w->evidence, by, binding->definition, USED_INSIDE);
		else
			note_outside(w, by, binding);
		break;
	case BINDING_UNDEFINED:
		add_incident(w, w->alone ? INCIDENT_ALONE : INCIDENT_UNDEFINED, by, binding->symbol, NULL, 0);
		break;
	case BINDING_OPEN: note_open(w, by, binding); break;
	default: break;
	}
}

/* --- one object in one process --- */

/* What does not depend on the process. */
static void measure(struct witness *witness, const struct decision_list *list,
		    const struct binding_list *bindings)
{
	if (witness->relocations)
		return;
	struct cost cost = cost_count(list);

	witness->relocations = cost.relative + bindings->count;
	witness->pages = cost.pages_before;
	for (size_t i = 0; i < bindings->count; i++)
		witness->lookups += bindings->item[i].result != BINDING_NONE &&
				    bindings->item[i].result != BINDING_SELF;
}

static void count_reasons(struct witness *witness, const struct decision_list *list)
{
	size_t reason[REASONS] = { 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct decision *decision = &list->item[i];
		bool left = decision->kind == DECISION_RESIDUAL ||
			    (decision->kind == DECISION_LAZY && decision->then == DECISION_RESIDUAL);
		if (left)
			reason[decision->reason]++;
	}
	for (size_t i = 0; i < REASONS; i++) {
		witness->reason[i].programs += reason[i] > 0;
		if (reason[i] > witness->reason[i].most)
			witness->reason[i].most = reason[i];
	}
}

static void look_at(struct watcher *w, struct object *object, bool startup)
{
	struct evidence *evidence = w->evidence;
	struct witness *witness = &evidence->witness[object->index];
	struct universe *universe = &w->universe;

	if (!witness->by || universe_decide(universe, object, &w->decisions))
		return;
	w->serial++;
	for (size_t i = 0; i < universe->bindings.count; i++)
		note(w, (struct bind_object *)(uintptr_t)w->decisions.object, &universe->bindings.item[i]);
	pthread_mutex_lock(&evidence->lock);
	measure(witness, &w->decisions, &universe->bindings);
	if (!w->alone) {
		count_reasons(witness, &w->decisions);
		*(startup ? &witness->startups : &witness->plugins) += 1;
	}
	for (size_t i = 0; i < object->needed_count; i++) {
		struct needed_use *needed = &witness->needed[i];
		const struct usage *usage = needed->object ? &w->usage[needed->object->index] : NULL;
		if (!usage || usage->used != w->serial)
			continue;
		needed->used = true;
		needed->otherwise |= usage->otherwise == w->serial;
		if (usage->calls > needed->calls)
			needed->calls = usage->calls;
	}
	pthread_mutex_unlock(&evidence->lock);
}

/* BY, which binds to its own definitions first: those that the process has from somebody else. */
static void look_for_doubles(struct watcher *w, struct bind_object *by)
{
	struct opened *opened = w->evidence->bind->opened;
	GElf_Sym sym;

	for (uint32_t i = 1; by->symbolic && i < by->symbols.count; i++) {
		struct definition found = { 0 };
		symbols_get(&by->symbols, i, &sym);
		unsigned type = GELF_ST_TYPE(sym.st_info), binding = GELF_ST_BIND(sym.st_info);
		if (sym.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_OBJECT) ||
		    (binding != STB_GLOBAL && binding != STB_WEAK) || symbol_binds_locally(&sym))
			continue;
		struct binding reference = { .symbol = i, .kind = RELOC_WORD };
		if (searchlist_next(opened, w->universe.global, binding_number(opened, by, &reference),
				    SYMBOL_ANY, &found) &&
		    found.object != by)
			add_incident(w, INCIDENT_INTERPOSED, by, i, found.object, found.symbol);
	}
}

/* --- one process --- */

static int compare_incidents(const void *a, const void *b)
{
	const struct incident *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->object != right->object)
		return left->object->object->index < right->object->object->index ? -1 : 1;
	if (left->symbol != right->symbol)
		return left->symbol < right->symbol ? -1 : 1;
	if (left->other != right->other) /* both or none are NULL */
		return left->other->object->index < right->other->object->index ? -1 : 1;
	return (left->other_symbol > right->other_symbol) - (left->other_symbol < right->other_symbol);
}

/* Sorts, and makes one of those that are alike; returns how many are left.  Several
 * processes: programs add up. */
static size_t unite(struct incident *incident, size_t count, bool several)
{
	size_t kept = 0;

	if (count)
		qsort(incident, count, sizeof *incident, compare_incidents);
	for (size_t i = 0; i < count; i++) {
		struct incident *last = kept ? &incident[kept - 1] : NULL;
		if (!last || compare_incidents(last, &incident[i])) {
			incident[kept++] = incident[i];
			continue;
		}
		last->programs = several ? last->programs + incident[i].programs : last->programs;
		if (incident[i].program->index < last->program->index)
			last->program = incident[i].program;
	}
	return kept;
}

static void take_incidents(struct watcher *w)
{
	struct evidence *evidence = w->evidence;
	size_t count = unite(w->incident, w->incident_count, false);

	w->incident_count = 0;
	pthread_mutex_lock(&evidence->lock);
	ALLOC_GROW(evidence->incident, evidence->incident_count + count, evidence->incident_room);
	if (count)
		memcpy(evidence->incident + evidence->incident_count, w->incident,
		       count * sizeof *w->incident);
	evidence->incident_count += count;
	/* Hundreds of programs say the same. */
	if (evidence->incident_count > 1 << 20)
		evidence->incident_count = unite(evidence->incident, evidence->incident_count, true);
	pthread_mutex_unlock(&evidence->lock);
}

/* One dependency of a member of SCOPE, to be looked at by the caller's kind of question. */
typedef void (*ask_t)(const struct watcher *w, struct usage *usage, struct needed_use *needed);

static void ask_each(struct watcher *w, const struct object_list *scope, ask_t ask)
{
	struct evidence *evidence = w->evidence;

	pthread_mutex_lock(&evidence->lock);
	for (size_t i = 0; i < scope->count; i++) {
		struct witness *witness = &evidence->witness[scope->member[i]->index];
		for (size_t k = 0; witness->by && k < scope->member[i]->needed_count; k++) {
			const struct object *needed = witness->needed[k].object;
			if (needed && object_list_has(scope, needed))
				ask(w, &w->usage[needed->index], &witness->needed[k]);
		}
	}
	pthread_mutex_unlock(&evidence->lock);
}

static void count_needer(const struct watcher *w, struct usage *usage, struct needed_use *needed)
{
	(void)w;
	(void)needed;
	usage->needers++;
}

/* When all that is there at start has been looked at. */
static void ask_at_start(const struct watcher *w, struct usage *usage, struct needed_use *needed)
{
	if (usage->used <= w->first) {
		usage->idle = w->first;
		needed->idle++;
	}
	needed->sole += usage->used > w->first && usage->users == 1 && usage->needers == 1;
}

/* When the plugins have been looked at as well. */
static void ask_at_end(const struct watcher *w, struct usage *usage, struct needed_use *needed)
{
	needed->later += usage->idle == w->first && usage->used > w->first;
	usage->needers = 0;
}

static void look_into(struct watcher *w, struct object *process)
{
	struct universe *universe = &w->universe;
	struct bind *bind = universe->bind;

	w->process = process;
	w->alone = !object_is_program(process);
	w->first = w->serial;
	if (universe_init(universe, bind, process)) {
		universe->bind = bind;
		return;
	}
	universe->anywhere = true;
	if (w->alone) {
		look_at(w, process, true);
	} else {
		for (size_t i = 0; i < process->scope.count; i++)
			if (process->scope.member[i]->kind != OBJECT_LOADER)
				look_at(w, process->scope.member[i], true);
		ask_each(w, &process->scope, count_needer);
		ask_each(w, &process->scope, ask_at_start);
		for (size_t i = 0; i < universe->plugin_side.count; i++)
			look_at(w, universe->plugin_side.member[i], false);
		ask_each(w, &process->scope, ask_at_end);
		for (size_t i = 1; i < universe->global->count; i++)
			look_for_doubles(w, universe->global->member[i]);
		for (size_t i = 0; i < universe->others->count; i++)
			look_for_doubles(w, universe->others->member[i]);
	}
	universe_release(universe);
	universe->bind = bind;
	take_incidents(w);
}

/* --- all --- */

static void look_into_some(void *argument)
{
	struct evidence *evidence = argument;
	struct bind *bind = bind_share(evidence->bind);
	struct watcher watcher = { .evidence = evidence, .universe.bind = bind };
	struct object *process = NULL;

	watcher.usage = xcalloc(evidence->count + 1, sizeof *watcher.usage);
	do {
		pthread_mutex_lock(&evidence->lock);
		process = evidence->next < evidence->todo.count ? evidence->todo.member[evidence->next++] :
								  NULL;
		pthread_mutex_unlock(&evidence->lock);
		if (process)
			look_into(&watcher, process);
	} while (process);
	decision_list_release(&watcher.decisions);
	free(watcher.incident);
	free(watcher.usage);
	bind_free(bind);
}

/* Opens OBJECT, unless it is open; finds what its dependencies are. */
static void call_witness(struct evidence *evidence, struct search *search, struct object *object)
{
	struct witness *witness = &evidence->witness[object->index];

	if (witness->needed || !object->arch)
		return;
	witness->needed = xcalloc(object->needed_count + 1, sizeof *witness->needed);
	witness->by = bind_open(evidence->bind, object);
	if (!witness->by)
		return;
	witness->symbol = xcalloc(witness->by->symbols.count + 1, sizeof *witness->symbol);
	const struct ldso *ldso = search_ldso(search, object, object->interp);
	struct place place = search_place(search, ldso, object, NULL, NULL);
	for (size_t i = 0; i < object->needed_count; i++) {
		const struct name *name = search_expand(search, ldso, &place, object->needed[i].name);
		for (size_t k = 0; name && k < object->scope.count; k++)
			if (object->scope.member[k]->soname_interned == name)
				witness->needed[i].object = object->scope.member[k];
		const struct name *file = name && !witness->needed[i].object ?
						  search_file(search, ldso, &place, &place, name) :
						  NULL;
		if (file && file->object && file->object->index < evidence->count)
			witness->needed[i].object = file->object;
	}
}

static void call_all(struct evidence *evidence, struct search *search, const struct object_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		call_witness(evidence, search, list->member[i]);
}

void evidence_init(struct evidence *evidence, const struct root *root, struct object_table *table,
		   struct search *search)
{
	*evidence = (struct evidence){ .bind = bind_new(root),
				       .table = table,
				       .lock = PTHREAD_MUTEX_INITIALIZER };
	evidence->count = table->count;
	evidence->witness = xcalloc(table->count + 1, sizeof *evidence->witness);
	for (size_t i = 0; i < evidence->count; i++) {
		struct object *object = table->object[i];
		if (!object->listed || !object->arch || object->kind == OBJECT_LOADER)
			continue;
		call_all(evidence, search, &object->scope);
		for (size_t k = 0; k < object->plugin_count; k++)
			call_all(evidence, search, &object->plugin[k].scope);
		if (evidence->witness[object->index].by)
			object_list_add(&evidence->todo, object);
		evidence->programs += object_is_program(object);
	}
	bind_index(evidence->bind);
}

void evidence_collect(struct evidence *evidence, unsigned jobs)
{
	threads_run(jobs, look_into_some, evidence);
	evidence->incident_count = unite(evidence->incident, evidence->incident_count, true);
}

void evidence_release(struct evidence *evidence)
{
	for (size_t i = 0; evidence->witness && i < evidence->count; i++) {
		free(evidence->witness[i].symbol);
		free(evidence->witness[i].needed);
	}
	free(evidence->witness);
	free(evidence->incident);
	free(evidence->todo.member);
	bind_free(evidence->bind);
	*evidence = (struct evidence){ 0 };
}

const struct incident *evidence_incidents(const struct evidence *evidence, enum incident_kind kind,
					  const struct object *object, size_t *count)
{
	size_t low = 0, high = evidence->incident_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct incident *at = &evidence->incident[middle];
		if (at->kind < kind || (at->kind == kind && at->object->object->index < object->index))
			low = middle + 1;
		else
			high = middle;
	}
	for (*count = 0; low + *count < evidence->incident_count; ++*count) {
		const struct incident *at = &evidence->incident[low + *count];
		if (at->kind != kind || at->object->object != object)
			break;
	}
	return evidence->incident + low;
}

char *evidence_symbol(const struct bind_object *by, uint32_t index)
{
	const struct binding reference = { .symbol = index };
	const char *version, *name = binding_name(by, &reference, &version);

	return version ? xasprintf("%s@%s", name, version) : xstrdup(name);
}

const char *evidence_short(const struct object *object)
{
	const char *slash = strrchr(object->path, '/');

	return object->soname ? object->soname : slash ? slash + 1 : object->path;
}
