/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables and summary; see print.h. */
#include "say/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"
#include "json.h"
#include "say/members.h"

static bool is_program(const struct cache_object *object)
{
	return object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE;
}

/* Of a run, what it was about; of the cache, all. */
static bool is_shown(const struct cache_object *object, const struct object_table *table)
{
	return !table || (object->flags & CACHE_WANTED);
}

/* --- as JSON --- */

/* Sets KEY of OBJECT to VALUE, a new reference.  jansson fails for want of memory only. */
static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value)) {
		diag_error(NULL, "out of memory while making JSON");
		exit(EXIT_FAILURE);
	}
}

static json_t *path_json(const struct cache *c, uint32_t object)
{
	return json_text(cache_string(c, c->object[object].path));
}

static json_t *plugins_json(struct members *members, const struct cache_object *program)
{
	const struct cache *c = members->cache;
	json_t *array = json_array();

	for (uint32_t i = 0; i < program->plugin.count; i++) {
		const struct cache_plugin *plugin = &c->plugin[program->plugin.first + i];
		const char *path = cache_string(c, c->object[plugin->object].path);
		const char *host = cache_string(c, c->object[plugin->host].path);

		if (!members_room(members, 8, path, host) ||
		    !members_room(members, 0, cache_string(c, plugin->feature),
				  cache_string(c, plugin->exclusive)))
			break;
		json_t *item = json_object();

		set(item, "path", json_text(path));
		set(item, "host", json_text(host));
		set(item, "feature", json_text_or_null(cache_string(c, plugin->feature)));
		set(item, "exclusive", json_text_or_null(cache_string(c, plugin->exclusive)));
		set(item, "adds", members_json(members, plugin->scope, program->scope, path_json));
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *object_json(struct members *members, const struct cache_object *o)
{
	const struct cache *c = members->cache;
	json_t *item = json_object();
	bool placed = o->end > o->start;

	set(item, "path", json_text(cache_string(c, o->path)));
	set(item, "machine", json_text_or_null(cache_string(c, o->machine)));
	set(item, "kind", json_string(object_kind_text(o->kind)));
	set(item, "slot", o->flags & CACHE_HAS_SLOT ? json_address(o->start) : json_null());
	set(item, "start", placed ? json_address(o->start) : json_null());
	set(item, "end", placed ? json_address(o->end) : json_null());
	set(item, "size", json_integer((json_int_t)(o->end - o->start)));
	set(item, "skip", o->skip ? json_text(object_skip_text(o->skip)) : json_null());
	if (is_program(o))
		set(item, "no_plan",
		    *cache_string(c, o->no_plan) ? json_text(cache_string(c, o->no_plan)) : json_null());
	set(item, "prelinked", json_boolean(o->flags & CACHE_PRELINKED));
	set(item, "uses", json_integer(o->uses));
	set(item, "scope", members_json(members, o->scope, (struct cache_list){ 0, 0 }, path_json));
	if (is_program(o))
		set(item, "plugins", plugins_json(members, o));
	return item;
}

/* --- summary --- */

struct counts {
	size_t prelinked, unchanged, undone, failed;
	size_t no_plan; /* programs that are as good without one */
	size_t skip[SKIP_COUNT];
	size_t skipped;
};

static void count_skipped(struct counts *counts, uint32_t skip)
{
	counts->skip[skip]++;
	counts->skipped++;
}

/* What a run made of OBJECT. */
static void count_object(struct counts *counts, const struct object *object, const struct options *options)
{
	bool undoing = options->mode == MODE_UNDO;

	/* An object that is to be left alone can be undone still, and who undoes asks for nothing else. */
	if (object->skip != SKIP_NOT && object->outcome != OUTCOME_PRELINKED && !undoing)
		count_skipped(counts, object->skip);
	else if (object->outcome == OUTCOME_FAILED)
		counts->failed++;
	else if (object->outcome == OUTCOME_PRELINKED)
		counts->prelinked++;
	else if (object->outcome == OUTCOME_UNDONE && undoing)
		counts->undone++;
	else if (object->outcome == OUTCOME_UNCHANGED && (object->prelinked || !object_is_program(object)))
		counts->unchanged++;
	else if (object_is_program(object) && !undoing && !options->libs_only)
		counts->no_plan++;
}

static struct counts count_run(const struct object_table *table, const struct options *options)
{
	struct counts counts = { 0 };

	for (size_t i = 0; i < table->count; i++)
		if (table->object[i]->wanted)
			count_object(&counts, table->object[i], options);
	return counts;
}

/* What a run that has nothing to do would count. */
static struct counts count_cache(const struct cache *cache)
{
	struct counts counts = { 0 };

	for (size_t i = 0; i < cache->object_count; i++) {
		const struct cache_object *o = &cache->object[i];

		if (!(o->flags & CACHE_WANTED))
			continue;
		if (o->skip)
			count_skipped(&counts, o->skip);
		else if (is_program(o) && !(o->flags & CACHE_PRELINKED))
			counts.no_plan++;
		else
			counts.unchanged++;
	}
	return counts;
}

static json_t *summary_json(const struct object_table *table, const struct options *options)
{
	struct counts counts = count_run(table, options);
	json_t *item = json_object(), *skipped = json_object();

	set(item, "prelinked", json_integer((json_int_t)counts.prelinked));
	set(item, "unchanged", json_integer((json_int_t)counts.unchanged));
	set(item, "undone", json_integer((json_int_t)counts.undone));
	set(item, "failed", json_integer((json_int_t)counts.failed));
	set(item, "without_plan", json_integer((json_int_t)counts.no_plan));
	for (size_t i = SKIP_NOT + 1; i < SKIP_COUNT; i++)
		if (counts.skip[i])
			set(skipped, object_skip_text((enum object_skip)i),
			    json_integer((json_int_t)counts.skip[i]));
	set(item, "skipped", skipped);
	return item;
}

static void put_counts(const struct counts *counts, const struct options *options)
{
	if (options->dry_run)
		printf("would have ");
	if (options->mode == MODE_UNDO)
		printf("undone %zu", counts->undone);
	else
		printf("prelinked %zu, unchanged %zu", counts->prelinked, counts->unchanged);
	if (counts->failed)
		printf(", failed %zu", counts->failed);
	if (counts->no_plan)
		printf(", programs without a plan %zu", counts->no_plan);
	if (options->mode != MODE_UNDO)
		printf(", left alone %zu%s", counts->skipped, counts->skipped ? ":" : "");
	putchar('\n');
	for (size_t i = SKIP_NOT + 1; i < SKIP_COUNT; i++)
		if (counts->skip[i])
			printf("%7zu  %s\n", counts->skip[i], object_skip_text((enum object_skip)i));
	if (counts->skip[SKIP_NOT_OURS])
		puts("only root prelinks what others own; `prelink-run CMD' starts CMD fast and changes no file: "
		     "prelink(8), WITHOUT ROOT");
}

void print_summary(const struct object_table *table, const struct options *options)
{
	struct counts counts = count_run(table, options);

	if (!options->json)
		put_counts(&counts, options);
}

/* Those of DIRECTORIES, sorted, that the walk did not come to from another one. */
static void put_tops(const struct path_list *directories)
{
	enum { NAMED = 8 };
	size_t tops = 0;

	for (size_t i = 0; i < directories->count; i++) {
		const char *path = directories->path[i], *slash = strrchr(path, '/');
		char *parent = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);

		if (strcmp(parent, path) == 0 || !path_list_has(directories, parent)) {
			if (tops++ < NAMED) {
				fputs(tops > 1 ? ", " : "", stdout);
				diag_put(stdout, path);
			}
		}
		free(parent);
	}
	if (tops > NAMED)
		printf(" and %zu more", tops - NAMED);
}

void print_walk(const struct path_list *directories, const struct object_table *table)
{
	size_t programs = 0, others = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->object[i]->listed)
			++*(object_is_program(table->object[i]) ? &programs : &others);
	printf("looked at ");
	put_tops(directories);
	printf("%s%zu director%s, %zu programs, %zu libraries and plugins\n", directories->count ? ": " : "",
	       directories->count, directories->count == 1 ? "y" : "ies", programs, others);
}

int print_current(const struct cache *cache, const struct options *options)
{
	struct counts counts = count_cache(cache);
	int result = options->json || options->verbose ? print_tables(cache, NULL, NULL, options) : 0;

	if (!options->json)
		put_counts(&counts, options);
	return result;
}

/* --- as text --- */

static void put_path(const struct cache *c, const struct cache_object *object)
{
	diag_put(stdout, cache_string(c, object->path));
	putchar('\n');
}

/* Machine by machine, lowest address first. */
struct slot {
	const struct cache *cache;
	const struct cache_object *object;
};

static int compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	int order = strcmp(cache_string(x->cache, x->object->machine),
			   cache_string(y->cache, y->object->machine));

	if (order)
		return order;
	if (x->object->start != y->object->start)
		return x->object->start < y->object->start ? -1 : 1;
	return x->object < y->object ? -1 : x->object > y->object;
}

static void put_slots(const struct cache *c, const struct object_table *table)
{
	struct slot *slot = xcalloc(c->object_count, sizeof *slot);
	const char *machine = "";
	size_t n = 0;

	for (size_t i = 0; i < c->object_count; i++)
		if ((c->object[i].flags & CACHE_HAS_SLOT) && is_shown(&c->object[i], table))
			slot[n++] = (struct slot){ c, &c->object[i] };
	qsort(slot, n, sizeof *slot, compare_slots);
	for (size_t i = 0; i < n; i++) {
		const struct cache_object *o = slot[i].object;

		if (strcmp(machine, cache_string(c, o->machine)) != 0) {
			machine = cache_string(c, o->machine);
			printf("Slots of %s: address, size in KB, programs that start with it\n", machine);
		}
		printf("0x%" PRIx64 "-0x%" PRIx64 " %7" PRIu64 " %5" PRIu32 "%s ", o->start, o->end,
		       (o->end - o->start + 1023) / 1024, o->uses, o->flags & CACHE_PRELINKED ? " " : "*");
		put_path(c, o);
	}
	free(slot);
}

/* How put_slots() marks the objects that are still to be rewritten; said only where there are some. */
static void put_legend(const struct cache *c, const struct object_table *table)
{
	for (size_t i = 0; i < c->object_count; i++) {
		if ((c->object[i].flags & (CACHE_HAS_SLOT | CACHE_PRELINKED)) == CACHE_HAS_SLOT &&
		    is_shown(&c->object[i], table)) {
			puts("(* not written yet)");
			return;
		}
	}
}

static void put_scope(struct members *members, const struct cache_object *program)
{
	const struct cache *c = members->cache;
	const char *no_plan = cache_string(c, program->no_plan);

	if (*no_plan && members_room(members, 1, no_plan, NULL)) {
		printf("    no plan: ");
		diag_put(stdout, no_plan);
		putchar('\n');
	}
	for (uint32_t i = 1; i < program->scope.count && members_room(members, 1, NULL, NULL); i++) {
		printf("    ");
		put_path(c, &c->object[c->pool[program->scope.first + i]]);
	}
	for (uint32_t i = 0; i < program->plugin.count && members_room(members, 2, NULL, NULL); i++) {
		const struct cache_plugin *plugin = &c->plugin[program->plugin.first + i];
		const char *feature = cache_string(c, plugin->feature);
		const char *exclusive = cache_string(c, plugin->exclusive);

		printf("    plugin [%s%s%s] of ", *feature ? feature : "-", *exclusive ? ", exclusive " : "",
		       exclusive);
		diag_put(stdout, cache_string(c, c->object[plugin->host].path));
		printf(": ");
		put_path(c, &c->object[plugin->object]);
	}
}

static void put_programs(const struct cache *c, const struct object_table *table, bool scopes)
{
	struct members members;
	bool first = true;

	members_begin(&members, c);
	for (size_t i = 0; i < c->object_count; i++) {
		const struct cache_object *o = &c->object[i];

		if (!is_program(o) || !o->scope.count || !is_shown(o, table))
			continue;
		if (first)
			puts("Programs: objects at start, plugins");
		first = false;
		printf("%5" PRIu32 " %5" PRIu32 "  ", o->scope.count, o->plugin.count);
		put_path(c, o);
		if (scopes)
			put_scope(&members, o);
	}
	members_end(&members);
}

static void put_skipped(const struct cache *c, const struct object_table *table)
{
	bool first = true;

	for (size_t i = 0; i < c->object_count; i++) {
		const struct cache_object *o = &c->object[i];

		if (!o->skip || !is_shown(o, table))
			continue;
		if (first)
			puts("Left alone:");
		first = false;
		diag_put(stdout, cache_string(c, o->path));
		printf(": %s\n", object_skip_text(o->skip));
	}
}

static void put_store(const struct store_file *store)
{
	diag_put(stdout, store->path);
	printf(": the plans of %zu programs, %zu more that can have none; %" PRIu64 " bytes\n", store->plans,
	       store->header.program.count - store->plans, store->size);
}

static json_t *store_json(const struct store_file *store)
{
	return json_pack("{s:o, s:I, s:I, s:I}", "path", json_text(store->path), "programs",
			 (json_int_t)store->header.program.count, "plans", (json_int_t)store->plans, "bytes",
			 (json_int_t)store->size);
}

int print_tables(const struct cache *cache, const struct object_table *table, const struct store_file *store,
		 const struct options *options)
{
	if (options->json) {
		json_t *document = json_object(), *objects = json_array();
		struct members members;

		members_begin(&members, cache);
		for (size_t i = 0; i < cache->object_count; i++)
			if (is_shown(&cache->object[i], table) && members_object(&members, &cache->object[i]))
				json_array_append_new(objects, object_json(&members, &cache->object[i]));
		members_end(&members);
		set(document, "objects", objects);
		if (store && store->bytes)
			set(document, "store", store_json(store));
		if (table && options->random)
			set(document, "seed", json_address(options->seed));
		if (table)
			set(document, "summary", summary_json(table, options));
		return json_print(document, stdout);
	}
	if (table && options->random)
		printf("Random slots: --seed 0x%" PRIx64 " gives the same again\n", options->seed);
	put_slots(cache, table);
	put_legend(cache, table);
	put_programs(cache, table, options->verbose >= (table ? 2 : 1));
	put_skipped(cache, table);
	if (store && store->bytes)
		put_store(store);
	return fflush(stdout) ? diag_errno(NULL, "writing to standard output") : 0;
}
