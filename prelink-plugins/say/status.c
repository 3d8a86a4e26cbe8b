/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling whether a program takes the fast path; see status.h. */
#include "say/status.h"

#include <stdlib.h>

#include "diag.h"
#include "elf/undo_record.h"
#include "json.h"
#include "layout/layout.h"
#include "plan/liblist.h"
#include "plan/stored.h"

static const char crowded[] = "lies where ld.so cannot map it beside the program's other libraries";
static const char damaged[] = "its plan is damaged, or of another version: prelink it again, or reinstall it";

/* True if PLACED is the file that object INDEX of the plan means; PLANNED is then what is said of it. */
static bool is_planned(const struct stored *stored, const struct placed *placed, size_t index,
		       struct planned *planned)
{
	struct identity identity;

	*planned = stored_object(stored, index);
	if (!placed || placed->slot != !(planned->flags & PLAN_UNPLACED) ||
	    placed->dynamic.address != planned->dynamic || !stored_object_intact(stored, index))
		return false;
	if (!planned->identity)
		return placed->stamped && placed->stamp[0] == planned->stamp[0] &&
		       placed->stamp[1] == planned->stamp[1];
	return placed->has_identity && stored_identity(stored, planned, &identity) &&
	       memcmp(&identity, &placed->identity, sizeof identity) == 0;
}

static bool plugin_is_planned(const struct stored *stored, const struct placed *placed)
{
	for (size_t i = stored->header.startup; i < stored->header.object.count; i++) {
		struct planned planned;
		if (is_planned(stored, placed, i, &planned))
			return true;
	}
	return false;
}

/* Notes in THERE, the objects of a process so far, that OBJECT comes; false if ld.so cannot map it at its slot. */
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

/* Relocations that ld.so would process at start-up without the plan, less what is left to do with it. */
static size_t count_spared(const struct placed *placed, const struct planned *planned)
{
	struct relr relr = dynamic_relr(&placed->dynamic, &placed->image);
	struct relocs rela = dynamic_relocs(&placed->dynamic, &placed->image, RELOCS_RELA);
	struct relocs plt = dynamic_relocs(&placed->dynamic, &placed->image, RELOCS_PLT);
	size_t all = relocs_count(&rela),
	       left = planned->value.count + planned->fixup.count + planned->certain;
	GElf_Addr address;

	if (planned->way == PLAN_LEAVE)
		return 0;
	while (relr_next(&relr, &address))
		all++;
	if (!(planned->flags & PLAN_LAZY))
		all += relocs_count(&plt);
	return all > left ? all - left : 0;
}

/* Start-up: the same files, in the same order, no more and no less, each at its slot.  THERE gets all of them. */
static void check_startup(struct program_status *status, struct placed_table *placed,
			  const struct stored *stored, const struct object *program,
			  struct object_list *there)
{
	size_t index = PLAN_FIRST_LIBRARY;

	if (!stored_object_intact(stored, PLAN_PROGRAM)) {
		status->why = damaged;
		return;
	}
	for (size_t i = 0; i < program->scope.count; i++) {
		struct object *object = program->scope.member[i];
		bool mapped = gets_slot(there, object);

		if (object == program)
			continue;
		size_t at = object->kind == OBJECT_LOADER ? PLAN_LOADER : index++;
		struct planned planned;
		struct placed *file = placed_open(placed, object);
		if (!mapped || at >= stored->header.startup || !is_planned(stored, file, at, &planned)) {
			status->why = mapped ? "is not the file that the plan was made for" : crowded;
			status->cause = object;
			return;
		}
		status->objects++;
		status->spared += count_spared(file, &planned);
	}
	if (index != stored->header.startup)
		status->why = "a library that the plan was made for is no longer loaded at start";
}

/* Why a plugin, or what it needs, with FILE is not loaded as planned. */
static const char *why_slow(const struct placed *file)
{
	return file && !file->stamped && !file->has_identity ?
		       "has neither a slot nor anything to be known by, and so is in no plan" :
		       "was not there, or was another file, when the plan was made";
}

/* Plugins: each with all that it brings, beside the objects of the start that are THERE. */
static void check_plugins(struct program_status *status, struct placed_table *placed,
			  const struct stored *stored, const struct object *program,
			  struct object_list *there)
{
	size_t startup = there->count;

	for (size_t i = 0; i < program->plugin_count; i++) {
		const struct object_list *scope = &program->plugin[i].scope;
		struct object *cause = NULL;
		bool mapped = true;

		there->count = startup;
		for (size_t k = 0; k < scope->count && !cause; k++)
			if (!object_list_has(&program->scope, scope->member[k]) &&
			    (!(mapped = gets_slot(there, scope->member[k])) ||
			     !plugin_is_planned(stored, placed_open(placed, scope->member[k]))))
				cause = scope->member[k];
		status->plugins++;
		status->planned += !cause;
		if (cause && !status->cause) {
			status->cause = cause;
			status->why = mapped ? why_slow(placed_open(placed, cause)) : crowded;
		}
	}
}

const char *program_way_text(enum program_way way)
{
	static const char text[][8] = { "neither", "slots", "store", "both" };

	return text[way];
}

struct program_status program_status(struct placed_table *placed, const struct store_file *store,
				     struct object *program)
{
	struct program_status status = { .state = "no plan" };
	struct placed *file = placed_open(placed, program);
	bool rela = program->arch && program->arch->rela;
	struct stored stored, in_store;
	struct stat st;
	enum store_answer answer = file ? store_file_find(store, file, rela, &in_store) : STORE_NO_WORD;
	bool own = file && undo_present(&file->image) && stored_read(&stored, file, rela);
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
	} else if (status.way != WAY_STORE && /* whoever starts it says where the module is */
		   (!object_module(program) || root_stat(placed->root, object_module(program), &st))) {
		status.state = "slow";
		status.why = "the run-time module is not installed";
	} else {
		struct object_list there = { 0 };

		check_startup(&status, placed, &stored, program, &there);
		status.state = "slow";
		if (!status.why) {
			check_plugins(&status, placed, &stored, program, &there);
			status.state = status.cause ? "partly" : "fast";
		}
		if (!stored_intact(&stored)) {
			status.state = status.state[0] == 's' ? "slow" : "partly";
			status.why = damaged;
			status.cause = NULL;
		}
		free(there.member);
	}
	return status;
}

static void print_line(const struct object *program, const struct program_status *status)
{
	printf("%s: %s%s", program->path, status->state,
	       status->way == WAY_BOTH  ? " (by its own plan, which comes before the store's)" :
	       status->way == WAY_STORE ? " (by the store)" :
					  "");
	if (!status->why || status->state[0] == 'p')
		printf(": %zu libraries at start, %zu of %zu plugins", status->objects, status->planned,
		       status->plugins);
	if (status->why)
		printf(": %s%s%s", status->cause ? status->cause->path : "", status->cause ? " " : "",
		       status->why);
	putchar('\n');
}

static json_t *json_line(const struct object *program, const struct program_status *status)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:I, s:I, s:I}", "program", json_text(program->path),
			 "state", status->state, "way", program_way_text(status->way), "reason",
			 json_text(status->why), "file",
			 json_text(status->cause ? status->cause->path : NULL), "libraries",
			 (json_int_t)status->objects, "plugins", (json_int_t)status->plugins, "planned",
			 (json_int_t)status->planned);
}

int status_print(struct object_table *table, const struct root *root, const struct store_file *store,
		 bool all, bool json)
{
	struct placed_table placed = { .root = root };
	json_t *rows = json ? json_array() : NULL;
	int result = 0;

	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];
		if (!object->listed || !object_is_program(object))
			continue;
		struct program_status status = program_status(&placed, store, object);
		if (status.why && (!all || status.state[0] != 'n'))
			result = 1;
		if (rows)
			json_array_append_new(rows, json_line(object, &status));
		else
			print_line(object, &status);
	}
	placed_release(&placed);
	if (rows && json_print(rows, stdout))
		result = 1;
	return result;
}
