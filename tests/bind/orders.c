/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does what decide.h decides hold, whatever is loaded before, by whom, and how?
 *
 *     orders SEED ROUNDS PROGRAM PLUGIN...
 *
 * With an odd SEED some libraries get no slot.
 *
 * Decides about PROGRAM with these PLUGINs, then plays processes: start-up, and a random row of dlopens of
 * any objects of the universe, RTLD_LOCAL, RTLD_GLOBAL or RTLD_DEEPBIND, with the scopes that ld.so would
 * have then.  Every relocation is looked up in them (other tests compare these lookups with ld.so's), and
 * what had been decided must be that.  Prints what was decided and how much was compared; 1 if anything
 * differs. */
#include <stdio.h>
#include <stdlib.h>

#include "diag.h"
#include "gather/gather.h"
#include "scope/scope.h"
#include "bind/target.h"
#include "plan/cost.h"

struct play {
	struct bind *bind;
	struct universe universe;
	struct object *program;
	struct decision_list *decided; /* by object->index */
	struct object_list main_scope; /* as it grows */
	bool *loaded, *global;         /* by object->index: in the process; in main_scope */
	struct searchlist main_list, local;
	struct unique_table unique;
	struct binding_list bindings;
	size_t loads, compared, left, bound, wrong;
};

/* Slots that touch nothing, in the order of the table. */
static void hand_out_slots(struct object_table *table, const struct arch *arch, unsigned seed)
{
	GElf_Addr next = arch->slot_first;

	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];
		if (object->kind != OBJECT_LIBRARY || object->arch != arch || (seed % 2 && rand() % 16 == 0))
			continue;
		next = (next + object->align - 1) & -object->align;
		object->has_slot = true;
		object->slot = next;
		next += object->end - object->start + arch->page_max;
	}
}

static void decide(struct play *play, struct object_table *table)
{
	size_t kinds[DECISION_RESIDUAL + 1] = { 0 }, reasons[REASONS] = { 0 };
	size_t ungrown = 0, keep_plt = 0, deepbind = 0, before = 0, after = 0, relative = 0;

	play->decided = xcalloc(table->count, sizeof *play->decided);
	for (int side = 0; side < 2; side++) {
		const struct object_list *list = side ? &play->universe.plugin_side : play->universe.startup;
		for (size_t i = 0; i < list->count; i++) {
			struct decision_list *decided = &play->decided[list->member[i]->index];
			if (list->member[i]->kind == OBJECT_LOADER)
				continue;
			if (universe_decide(&play->universe, list->member[i], decided))
				exit(1);
			struct cost cost = cost_count(decided);
			for (size_t k = 0; k <= DECISION_RESIDUAL; k++)
				kinds[k] += cost.kinds[k];
			for (size_t k = 0; k < REASONS; k++)
				reasons[k] += cost.reasons[k];
			for (size_t k = 0; k < decided->count; k++)
				ungrown += decided->item[k].ungrown;
			keep_plt += decided->keep_plt;
			deepbind += decided->deepbind_differs;
			before += cost.pages_before;
			after += cost.pages_after;
			relative += cost.relative;
		}
	}
	printf("%zu at start-up, %zu beyond; relative %zu, done %zu, value %zu, fixup %zu, ifunc %zu, "
	       "lazy %zu, residual %zu",
	       play->universe.startup->count, play->universe.plugin_side.count, relative,
	       kinds[DECISION_DONE], kinds[DECISION_VALUE], kinds[DECISION_FIXUP], kinds[DECISION_IFUNC],
	       kinds[DECISION_LAZY], kinds[DECISION_RESIDUAL]);
	for (enum decision_reason k = REASON_TLS; k < REASONS; k++)
		if (reasons[k])
			printf(", %s %zu", decision_reason_text(k), reasons[k]);
	printf("; %zu while the main scope has not grown; %zu objects keep their PLT, %zu differ with "
	       "DEEPBIND; pages written %zu -> %zu\n",
	       ungrown, keep_plt, deepbind, before, after);
}

/* What BINDING really gives, against DECISION. */
static bool agrees(const struct bind_object *by, const struct binding *binding,
		   const struct decision *decision)
{
	struct target target = binding_target(by, binding);
	enum decision_kind kind = decision->kind == DECISION_LAZY ? decision->then : decision->kind;

	if (kind == DECISION_DONE)
		kind = DECISION_VALUE;
	if (target.value != decision->value || target.of != decision->base)
		return false;
	return (target.kind == TARGET_VALUE && kind == DECISION_VALUE) ||
	       (target.kind == TARGET_RELATIVE && kind == DECISION_FIXUP) ||
	       (target.kind == TARGET_IFUNC && kind == DECISION_IFUNC);
}

/* A unique symbol may be decided only if start-up leaves one lookup of it to ld.so. */
static bool entered_at_start(const struct play *play, const struct binding *binding)
{
	const struct object_list *startup = play->universe.startup;

	for (size_t i = 0; i < startup->count; i++) {
		const struct decision_list *decided = &play->decided[startup->member[i]->index];
		for (size_t k = 0; k < decided->count; k++)
			if (decided->item[k].kind == DECISION_RESIDUAL &&
			    decided->item[k].reason == REASON_UNIQUE) {
				const char *version, *other;
				struct binding residual = { .symbol = decided->item[k].symbol };
				if (strcmp(binding_name(decided->object, &residual, &version),
					   binding_name(binding->provider,
							&(struct binding){ .symbol = binding->definition },
							&other)) == 0)
					return true;
			}
	}
	return false;
}

static void compare(struct play *play, struct object *object, const struct bind_scope *scope)
{
	const struct decision_list *decided = &play->decided[object->index];
	bool grown = play->main_scope.count > play->universe.startup->count;

	if (object->kind == OBJECT_LOADER || bind_in(play->bind, object, scope, &play->bindings))
		return;
	play->loads++;
	for (size_t i = 0; i < play->bindings.count; i++) {
		const struct binding *binding = &play->bindings.item[i];
		const struct decision *decision = &decided->item[i];
		const char *version;
		play->bound++;
		if (decision->kind == DECISION_RESIDUAL || decision->kind == DECISION_UNSEEN ||
		    (decision->kind == DECISION_LAZY && decision->then == DECISION_RESIDUAL) ||
		    (grown && decision->ungrown) || (scope->deepbind && decided->deepbind_differs)) {
			play->left++;
			continue;
		}
		play->compared++;
		bool right = agrees(decided->object, binding, decision);
		bool reachable = binding->result != BINDING_FOUND || decided->startup ||
				 object_list_has(play->universe.startup, binding->provider->object) ||
				 object_list_has(&object->scope, binding->provider->object);
		bool known = binding->result != BINDING_FOUND || binding->sym_bind != STB_GNU_UNIQUE ||
			     entered_at_start(play, binding);
		if ((right && reachable && known) || play->wrong++ > 20)
			continue;
		printf("%s: 0x%llx %s: decided 0x%llx, really 0x%llx%s%s (%s%s)\n", object->path,
		       (unsigned long long)decision->address,
		       binding_name(decided->object, binding, &version), (unsigned long long)decision->value,
		       (unsigned long long)binding_target(decided->object, binding).value,
		       reachable ? "" : ", out of reach", known ? "" : ", unique and not entered",
		       grown ? "grown" : "not grown", scope->deepbind ? ", deepbind" : "");
	}
}

static void grow(struct play *play, const struct object_list *scope)
{
	for (size_t i = 0; i < scope->count; i++) {
		if (play->global[scope->member[i]->index])
			continue;
		play->global[scope->member[i]->index] = true;
		object_list_add(&play->main_scope, scope->member[i]);
	}
	searchlist_set(&play->main_list, play->bind->opened, &play->main_scope, play->program);
}

static void open_plugin(struct play *play, struct object *root, int mode)
{
	const struct bind_scope scope = { .global = &play->main_list,
					  .local = &play->local,
					  .deepbind = mode == 2,
					  .unique = &play->unique };

	if (!play->loaded[root->index]) {
		searchlist_set(&play->local, play->bind->opened, &root->scope, NULL);
		for (size_t i = root->scope.count; i-- > 0;)
			if (!play->loaded[root->scope.member[i]->index])
				compare(play, root->scope.member[i], &scope);
	}
	for (size_t i = 0; i < root->scope.count; i++)
		play->loaded[root->scope.member[i]->index] = true;
	if (mode == 1)
		grow(play, &root->scope);
}

static void play_process(struct play *play, const struct object_table *table, unsigned modes)
{
	const struct object_list *startup = play->universe.startup;
	const struct object_list *others = &play->universe.plugin_side;
	const struct bind_scope scope = { .global = &play->main_list, .unique = &play->unique };

	memset(play->loaded, 0, table->count);
	memset(play->global, 0, table->count);
	play->main_scope.count = 0;
	unique_table_forget(&play->unique);
	grow(play, startup);
	for (size_t i = startup->count; i-- > 0;) {
		play->loaded[startup->member[i]->index] = true;
		compare(play, startup->member[i], &scope);
	}
	for (size_t i = 0; i < others->count && i < 200; i++)
		open_plugin(play, others->member[rand() % others->count],
			    rand() % 10 < 2 ? rand() % modes : 0);
}

int main(int count, char **word)
{
	struct options options = { .jobs = 2 };
	struct object_table table;
	struct root root;
	struct gather gather;
	struct search search;
	struct conf conf = { 0 };
	struct play play = { 0 };

	diag_tool = "orders";
	if (count < 4 || root_open_tree(&root, NULL))
		return 2;
	for (int i = 3; i < count; i++) {
		conf.entry = xreallocarray(conf.entry, conf.count + 1, sizeof *conf.entry);
		conf.entry[conf.count++] = (struct conf_entry){ .path = word[i] };
	}
	object_table_init(&table);
	gather_init(&gather, &table, &root, &conf, &options, NULL);
	if (search_init(&search, &gather))
		return 1;
	gather_all(&gather);
	scope_all(&table, &search);
	play.program = gather_find(&gather, word[3]);
	if (!play.program || play.program->kind == OBJECT_LIBRARY)
		return diag_error(word[3], "playing: it is no program") ? 1 : 1;
	srand(atoi(word[1]));
	hand_out_slots(&table, play.program->arch, atoi(word[1]));
	play.program->plugin = xcalloc(count, sizeof *play.program->plugin);
	for (int i = 4; i < count; i++) {
		struct object *plugin = gather_find(&gather, word[i]);
		if (plugin && plugin->arch == play.program->arch && plugin->kind == OBJECT_LIBRARY)
			play.program->plugin[play.program->plugin_count++] =
				(struct plugin_scope){ .plugin = plugin, .scope = plugin->scope };
	}
	play.bind = bind_new(&root);
	for (size_t i = 0; i < table.count; i++)
		if (table.object[i]->arch == play.program->arch)
			bind_open(play.bind, table.object[i]);
	bind_index(play.bind);
	if (universe_init(&play.universe, play.bind, play.program))
		return 1;
	decide(&play, &table);
	play.loaded = xcalloc(table.count, sizeof *play.loaded);
	play.global = xcalloc(table.count, sizeof *play.global);
	for (int i = 0; i < atoi(word[2]); i++)
		play_process(&play, &table, i % 3 + 1);
	printf("%s processes, %zu objects loaded, %zu relocations, %zu compared, %zu left to ld.so, "
	       "%zu wrong\n",
	       word[2], play.loads, play.bound, play.compared, play.left, play.wrong);
	for (size_t i = 0; i < table.count; i++)
		decision_list_release(&play.decided[i]);
	free(play.decided);
	free(play.loaded);
	free(play.global);
	free(play.main_scope.member);
	searchlist_release(&play.main_list);
	searchlist_release(&play.local);
	unique_table_release(&play.unique);
	binding_list_release(&play.bindings);
	universe_release(&play.universe);
	bind_free(play.bind);
	search_release(&search);
	gather_release(&gather);
	object_table_release(&table);
	free(conf.entry);
	root_release(&root);
	return play.wrong > 0 || play.compared == 0;
}
