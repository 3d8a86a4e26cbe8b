/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling whether a program takes the fast path; see status.h. */
#include "say/status.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "elf/facts.h"
#include "elf/undo_record.h"
#include "json.h"
#include "layout/layout.h"
#include "plan/liblist.h"
#include "plan/stored.h"
#include "say/venv.h"

static const char crowded[] = "lies where ld.so cannot map it beside the program's other libraries";
static const char damaged[] = "its plan is damaged, or of another version: prelink it again, or reinstall it";

/* True if PLACED is the file that object INDEX of the plan means, as the run-time module sees it: what is
 * known by its identity may have a slot, or none.  PLANNED is then what is said of it. */
static bool is_planned(const struct stored *stored, const struct placed *placed, size_t index,
		       struct planned *planned)
{
	*planned = stored_object(stored, index);
	if (!placed || placed->dynamic.address != planned->dynamic || !stored_object_intact(stored, index))
		return false;
	if (!planned->identity)
		return (placed->slot || (planned->flags & PLAN_UNPLACED)) && placed->stamped &&
		       placed->stamp[0] == planned->stamp[0] && placed->stamp[1] == planned->stamp[1];
	return stored_is(stored, planned, placed);
}

/* Notes in THERE, the objects of a process so far, that OBJECT comes; false if ld.so
 * cannot map it at its slot. */
static bool gets_slot(struct object_list *there, struct object *object)
{
	bool free = true;

	for (size_t i = 0; object->has_slot && i < there->count; i++) {
		const struct object *other = there->member[i];
		GElf_Addr start = other->kind == OBJECT_EXEC ? other->start : other->slot;

		if ((other->has_slot || other->kind == OBJECT_EXEC) &&
		    start < object->slot + layout_room(object) &&
		    object->slot < start + (other->end - other->start))
			free = false;
	}
	object_list_add(there, object);
	return free;
}

/* What PROGRAM's plan spares of its own relocations; it has no slot. */
static void add_own(struct spared *spared, struct status_source *source, const struct stored *stored,
		    struct object *program)
{
	struct planned planned = stored_object(stored, PLAN_PROGRAM);
	struct placed *file = source->counts ? placed_open(&source->placed, program) : NULL;

	planned.flags |= PLAN_UNPLACED;
	if (file)
		spared_add(spared, stored, &planned, file, program->arch);
}

/* Start-up: the same files, in the same order, no more and no less, each at its slot.
 * THERE gets all of them. */
static void check_startup(struct program_status *status, struct status_source *source,
			  const struct stored *stored, const struct object *program,
			  struct object_list *there)
{
	struct spared spared = { 0 };
	size_t index = PLAN_FIRST_LIBRARY;

	if (!stored_object_intact(stored, PLAN_PROGRAM)) {
		status->why = damaged;
		return;
	}
	for (size_t i = 0; i < program->scope.count; i++) {
		struct object *object = program->scope.member[i];
		bool mapped = gets_slot(there, object);

		if (object == program) {
			add_own(&spared, source, stored, object);
			continue;
		}
		size_t at = object->kind == OBJECT_LOADER ? PLAN_LOADER : index++;
		struct planned planned;
		struct placed *file = placed_open(&source->placed, object);
		if (!mapped || at >= stored->header.startup || !is_planned(stored, file, at, &planned)) {
			status->why = mapped ? "is not the file that the plan was made for" : crowded;
			status->cause = object->path;
			return;
		}
		status->objects++;
		if (source->counts)
			spared_add(&spared, stored, &planned, file, object->arch);
	}
	if (index != stored->header.startup)
		status->why = "a library that the plan was made for is no longer loaded at start";
	else
		status->spared = spared;
}

/* --- plugins --- */

/* What an object is in the plan of a program; else the number of one in it, and PLANNED_FIRST. */
enum { UNASKED, UNPLANNED, COPIED, PLANNED_FIRST };

/* A program's plugins beside its plan. */
struct comparison {
	struct placed_table *placed;
	const struct stored *stored;
	const struct object *program;
	size_t *index; /* by index in the table: what it is in the plan */
	size_t room;
	bool *taken;               /* by index in the plan: some object is it */
	struct object_list *there; /* the objects of the start; the plugin's behind them */
	size_t startup;
};

/* What OBJECT is in the plan.  Of files with the same bytes only the first to be loaded is. */
static size_t index_of(struct comparison *c, struct object *object)
{
	struct placed *file = placed_open(c->placed, object);

	ALLOC_REACH(c->index, object->index, c->room);
	size_t *index = &c->index[object->index];
	for (size_t i = c->stored->header.startup;
	     i < c->stored->header.object.count && *index < PLANNED_FIRST; i++) {
		struct planned planned;

		if (*index != UNASKED && *index != COPIED)
			break;
		if (!is_planned(c->stored, file, i, &planned))
			continue;
		*index = c->taken[i] ? COPIED : i + PLANNED_FIRST;
		c->taken[i] = true;
	}
	if (*index == UNASKED)
		*index = UNPLANNED;
	return *index;
}

/* True if the plan has object MEMBER in the closure of object ROOT; COUNT is set to how many are in it. */
static bool is_in_closure(const struct stored *stored, size_t root, size_t member, size_t *count)
{
	struct planned planned = stored_object(stored, root);
	uint32_t index;

	*count = record_table_fits(&stored->io, planned.closure, RECORD_INDEX) ? planned.closure.count : 0;
	for (size_t i = 0; i < *count; i++) {
		record_get(&stored->io, planned.closure, RECORD_INDEX, i, &index);
		if (index == member)
			return true;
	}
	return false;
}

/* Why OBJECT, which is INDEX in the plan, is not loaded as planned; NULL where it is. */
static const char *why_slow(struct comparison *c, struct object *object, size_t index)
{
	const struct placed *file = placed_open(c->placed, object);

	if (index >= PLANNED_FIRST)
		return NULL;
	if (index == COPIED)
		return "is a copy of another file of the plan: only the first of them that is loaded is as planned";
	return file && !file->stamped && !file->has_identity ?
		       "has neither a slot nor anything to be known by, and so is in no plan" :
		       "was not there, or was another file, when the plan was made";
}

/* Why PLUGIN is not loaded as planned, with all that it brings: the run-time module wants the very files, no
 * more and no less.  CAUSE is set to the file that is to blame. */
static const char *check_plugin(struct comparison *c, const struct plugin_scope *plugin, const char **cause)
{
	size_t root = index_of(c, plugin->plugin), brought = 0, count = 0;
	const char *why = why_slow(c, plugin->plugin, root);

	*cause = plugin->plugin->path;
	c->there->count = c->startup;
	for (size_t i = 0; i < plugin->scope.count && !why; i++) {
		struct object *member = plugin->scope.member[i];

		if (member->kind == OBJECT_LOADER || object_list_has(&c->program->scope, member))
			continue;
		size_t index = index_of(c, member);
		bool mapped = gets_slot(c->there, member);
		why = index != COPIED && !mapped ? crowded : why_slow(c, member, index);
		*cause = why ? member->path : *cause;
		if (!why && !is_in_closure(c->stored, root - PLANNED_FIRST, index - PLANNED_FIRST, &count))
			why = count ? "needs other files than when the plan was made" :
				      "needs what is in no plan";
		brought++;
	}
	return !why && brought != count ? "needs other files than when the plan was made" : why;
}

/* True if some object of the plan is none that the program may load. */
static bool has_lost(const struct comparison *c)
{
	for (size_t i = c->stored->header.startup; i < c->stored->header.object.count; i++)
		if (!c->taken[i])
			return true;
	return false;
}

/* Each plugin once, by however many notes and manifests it is named.  What has become no library is known by
 * its name alone, what it was only by what the plan has and no file is: one that is gone does no harm, nor does
 * one that never was a library. */
static void check_plugins(struct program_status *status, struct placed_table *placed,
			  const struct stored *stored, const struct object *program,
			  struct object_list *there)
{
	struct comparison c = { .placed = placed,
				.stored = stored,
				.program = program,
				.there = there,
				.startup = there ? there->count : 0 };
	bool *seen = NULL;
	size_t room = 0;

	c.taken = xcalloc(stored ? stored->header.object.count : 0, sizeof *c.taken);
	for (size_t i = 0; i < program->plugin_count; i++) {
		const struct plugin_scope *plugin = &program->plugin[i];
		const char *cause = NULL;

		ALLOC_REACH(seen, plugin->plugin->index, room);
		if (seen[plugin->plugin->index])
			continue;
		seen[plugin->plugin->index] = true;
		status->plugins++;
		const char *why = stored ? check_plugin(&c, plugin, &cause) : NULL;
		status->planned += stored && !why;
		if (why && !status->why) {
			status->why = why;
			status->cause = cause;
			status->named_by = plugin->entry ? plugin->entry->from : NULL;
		}
	}
	if (stored && !status->why && program->no_library && has_lost(&c)) {
		status->why = "is no library, and the plan has one that is not there any more";
		status->cause = program->no_library;
	}
	free(seen);
	free(c.index);
	free(c.taken);
}

/* --- programs --- */

/* Why the run-time module of PROGRAM does not run, NULL where it does. */
static const char *why_no_module(const struct program_status *status, struct status_source *source,
				 const struct object *program)
{
	bool store = status->way == WAY_STORE;
	const char *path = store ? program->arch->module[program->big_endian] : object_module(program);
	struct stat st;

	if (program->skip == SKIP_SETID)
		return object_skip_text(program->skip);
	if (store && strcmp(source->store->path, SYSTEM_STORE)) /* who names a store names the module */
		return NULL;
	if (!path || root_stat(source->placed.root, path, &st))
		return "the run-time module is not installed";
	const struct object *module = gather_find(source->gather, path);
	return module && module->arch == program->arch && module->soname &&
			       strcmp(module->soname, "prelink-rtld.so") == 0 ?
		       NULL :
		       "what is in the place of the run-time module is none for it: install it again";
}

/* PROGRAM, which has a plan. */
static void check_plan(struct program_status *status, struct status_source *source,
		       const struct stored *stored, const struct object *program)
{
	struct object_list there = { 0 };

	status->state = "slow";
	status->why = why_no_module(status, source, program);
	if (!status->why && program->missing) {
		status->why = "is needed, and cannot be found";
		status->cause = program->missing;
	}
	if (status->why)
		return;
	check_startup(status, source, stored, program, &there);
	if (!status->why) {
		check_plugins(status, &source->placed, stored, program, &there);
		if (!status->why && (status->cause = venv_unnamed_module(source->gather, program)))
			status->why =
				"is in no manifest: python-plugin-manifest(1) describes the environment";
		status->state = status->why ? "partly" : "fast";
	}
	if (!stored_intact(stored)) {
		status->state = status->state[0] == 's' ? "slow" : "partly";
		status->why = damaged;
		status->cause = status->named_by = NULL;
	}
	free(there.member);
}

const char *program_way_text(enum program_way way)
{
	static const char text[][8] = { "neither", "slots", "store", "both" };

	return text[way];
}

struct program_status program_status(struct status_source *source, struct object *program)
{
	struct program_status status = { .state = "no plan" };
	struct placed *file = placed_open(&source->placed, program);
	struct stored stored, in_store;
	enum store_answer answer = file ? store_file_find(source->store, file, program->arch, &in_store) :
					  STORE_NO_WORD;
	bool own = file && undo_present(&file->image) &&
		   stored_read(&stored, file, program->arch && program->arch->rela);
	uint64_t size;

	if (own)
		status.way = answer == STORE_PLAN ? WAY_BOTH : WAY_SLOTS;
	else if (answer == STORE_PLAN)
		status.way = WAY_STORE;
	if (status.way == WAY_STORE)
		stored = in_store;
	if (!file) {
		status.why = "its file cannot be read";
	} else if (answer == STORE_NO_PLAN && !own) {
		status.why = "the store says that it has none";
	} else if (!own && answer != STORE_PLAN && !undo_present(&file->image)) {
		status.why = program->skip    ? object_skip_text(program->skip) :
			     program->no_plan ? program->no_plan :
						"it is not prelinked";
	} else if (!own && answer != STORE_PLAN) {
		status.why = stored_bytes(file, &size) ? damaged :
			     liblist_in(file)          ? "ld.so looks at its list of libraries by itself" :
							 "its file holds none";
		status.state = status.why == damaged ? "slow" : status.state;
	} else {
		check_plan(&status, source, &stored, program);
	}
	if (!status.plugins)
		check_plugins(&status, &source->placed, NULL, program, NULL);
	return status;
}

void status_begin(struct status_source *source, struct gather *gather, const struct store_file *store)
{
	*source = (struct status_source){ .placed = { .root = gather->root, .identified = true },
					  .gather = gather,
					  .store = store };
}

void status_end(struct status_source *source)
{
	placed_release(&source->placed);
}

/* --- saying it --- */

static bool has_plan(const struct program_status *status)
{
	return status->state[0] != 'n';
}

static void put_line(const struct object *program, const struct program_status *status)
{
	bool counted = has_plan(status) && (!status->why || status->state[0] == 'p');

	diag_put(stdout, program->path);
	printf(": %s%s", has_plan(status) ? status->state : "not sped up",
	       status->way == WAY_BOTH  ? " (by its own plan, which comes before the store's)" :
	       status->way == WAY_STORE ? " (by the store)" :
					  "");
	if (counted)
		printf(": %zu libraries at start, %zu of %zu plugins", status->objects, status->planned,
		       status->plugins);
	if (status->why) {
		printf(": ");
		if (status->cause) {
			diag_put(stdout, status->cause);
			putchar(' ');
		}
		diag_put(stdout, status->why);
	}
	if (status->named_by) {
		printf(" (");
		diag_put(stdout, status->named_by);
		printf(" names it)");
	}
	putchar('\n');
}

/* Calls SEE for each library and plugin of PROGRAM that lies at its slot and whose static functions perf has
 * no names for: it finds them in a file that was not moved. */
static void each_nameless(struct status_source *source, const struct object *program,
			  void (*see)(const char *path, void *context), void *context)
{
	struct object_list seen = { 0 };

	for (size_t i = 0; i <= program->plugin_count; i++) {
		const struct object_list *scope = i ? &program->plugin[i - 1].scope : &program->scope;

		for (size_t j = 0; j < scope->count; j++) {
			struct object *object = scope->member[j];

			if (!object->has_slot || object_list_has(&seen, object))
				continue;
			object_list_add(&seen, object);
			const struct placed *file = placed_open(&source->placed, object);
			if (file && file->slot && elf_names_elsewhere(&file->image))
				see(object->path, context);
		}
	}
	free(seen.member);
}

static void put_nameless(const char *path, void *context)
{
	bool *any = context;

	if (!*any)
		puts("    perf has no names for the static functions of these, whose debugging information is in files of "
		     "its own:");
	*any = true;
	printf("\t");
	diag_put(stdout, path);
	putchar('\n');
}

static void add_nameless(const char *path, void *context)
{
	json_array_append_new(context, json_text(path));
}

static json_t *json_line(const struct object *program, const struct program_status *status)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I}", "program", json_text(program->path),
			 "state", status->state, "way", program_way_text(status->way), "reason",
			 json_text(status->why), "file", json_text(status->cause), "manifest",
			 json_text(status->named_by), "libraries", (json_int_t)status->objects, "plugins",
			 (json_int_t)status->plugins, "planned", (json_int_t)status->planned);
}

/* What is said of PROGRAM: a line, or an object in ROWS; VERBOSE: with what perf cannot name. */
static void put_row(json_t *rows, struct status_source *source, const struct object *program,
		    const struct program_status *status, bool verbose)
{
	bool any = false;

	if (rows) {
		json_t *row = json_line(program, status), *nameless = verbose ? json_array() : NULL;

		if (verbose) {
			each_nameless(source, program, add_nameless, nameless);
			json_object_set_new(row, "nameless", nameless);
		}
		json_array_append_new(rows, row);
		return;
	}
	put_line(program, status);
	if (verbose)
		each_nameless(source, program, put_nameless, &any);
}

struct total {
	const char *why; /* of object or static */
	size_t count;
};

/* How many programs are in each state, and, of each reason, how many are not fast for it. */
struct totals {
	size_t programs, fast, partly, slow, without;
	struct total *total;
	size_t whys;
};

static void count_status(struct totals *t, const struct program_status *status)
{
	size_t *counts[] = { ['f'] = &t->fast, ['p'] = &t->partly, ['s'] = &t->slow, ['n'] = &t->without };
	size_t i = 0;

	t->programs++;
	++*counts[(unsigned char)status->state[0]];
	if (!status->why)
		return;
	while (i < t->whys && strcmp(t->total[i].why, status->why) != 0)
		i++;
	if (i == t->whys) {
		ALLOC_NEXT(t->total, t->whys);
		t->total[t->whys++] = (struct total){ status->why, 0 };
	}
	t->total[i].count++;
}

static void put_totals(const struct totals *t)
{
	printf("%zu programs: fast %zu, partly %zu, slow %zu, not sped up %zu%s\n", t->programs, t->fast,
	       t->partly, t->slow, t->without, t->whys ? ":" : "");
	for (size_t i = 0; i < t->whys; i++) {
		printf("%7zu  ", t->total[i].count);
		diag_put(stdout, t->total[i].why);
		putchar('\n');
	}
	if (t->without == t->programs)
		puts("Nothing here is prelinked: `prelink -a' begins.");
}

int status_print(struct gather *gather, const struct store_file *store, const struct options *options)
{
	const struct object_table *table = gather->table;
	size_t count = table->count; /* more are found when files are looked at */
	struct status_source source;
	struct totals totals = { 0 };
	json_t *rows = options->json ? json_array() : NULL;
	int result = 0;

	status_begin(&source, gather, store);
	for (size_t i = 0; i < count; i++) {
		struct object *object = table->object[i];
		if (!object->listed || !object_is_program(object))
			continue;
		struct program_status status = program_status(&source, object);
		if (status.why && (!options->all || has_plan(&status)))
			result = 1;
		count_status(&totals, &status);
		put_row(rows, &source, object, &status, options->verbose);
	}
	if (options->all && !rows)
		put_totals(&totals);
	if (totals.without == totals.programs)
		result = 1;
	free(totals.total);
	status_end(&source);
	if (rows && json_print(rows, stdout))
		result = 1;
	return result;
}
