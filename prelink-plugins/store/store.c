/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the store; see store.h. */
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"
#include "alloc.h"
#include "diag.h"
#include "mapfault.h"
#include "plan/cost.h"
#include "plan/draft.h"
#include "plan/plan.h"
#include "say/plan.h"
#include "store/carry.h"
#include "store/contents.h"
#include "threads.h"

/* What the threads share. */
struct work {
	struct planner planner;
	struct object_list programs;
	const struct options *options;
	struct progress progress;

	pthread_mutex_t lock;
	pthread_cond_t added;
	size_t next; /* program to be worked on */
	size_t turn; /* program to be added: in their order, which makes the store the same each time */
	struct store *store;
	struct carry *carry; /* NULL: every plan is made anew */
	size_t taken;        /* programs that were taken over */
};

/* Adds PLAN (or NULL, and the reason) of PROGRAM to the store.  Under the lock, in its turn. */
static void add(struct work *work, struct object *program, const struct plan *plan,
		struct plan_refusal refusal)
{
	struct placed *placed = plan_look_at(&work->planner, program);

	if (plan && work->options->all)
		refusal.why = plan_does_not_pay(plan);
	if (!refusal.why && !store_add(work->store, plan))
		refusal.why = "the store is full";
	free(program->no_plan);
	program->no_plan = plan_refusal_text(&refusal);
	program->outcome = refusal.why ? OUTCOME_UNCHANGED : OUTCOME_PRELINKED;
	bool known = placed && placed->has_identity;
	if (refusal.why && known)
		store_add_none(work->store, &placed->identity);
	if (work->carry && known)
		carry_note(work->carry, work->store, program);
	if (work->options->verbose && !work->options->json)
		plan_say(program, program->no_plan, refusal.why ? NULL : plan);
}

/* plan_make(), again where some file became zeros meanwhile: without that file. */
static struct plan *make_whole(struct planner *planner, struct object *program, struct plan_refusal *refusal)
{
	for (;;) {
		unsigned faults = mapfault_count();
		struct plan *plan = plan_make(planner, program, refusal);

		if (mapfault_count() == faults)
			return plan;
		plan_free(plan);
		*refusal = (struct plan_refusal){ 0 };
	}
}

/* Takes PROGRAM's plan over from the older store; false where that cannot be.  Under
 * the lock, in its turn. */
static bool take_over(struct work *work, struct object *program)
{
	if (!carry_add(work->carry, work->store, program))
		return false;
	program->outcome = program->no_plan ? OUTCOME_UNCHANGED : OUTCOME_PRELINKED;
	carry_note(work->carry, work->store, program);
	work->taken++;
	return true;
}

static void wait_for_turn(struct work *work, size_t mine)
{
	while (work->turn != mine)
		pthread_cond_wait(&work->added, &work->lock);
}

/* Makes the plan of the program that has the turn MINE, and adds it then.  Under the
 * lock, but for the making. */
static void make_and_add(struct work *work, struct object *program, size_t mine)
{
	struct plan_refusal refusal = { 0 };

	pthread_mutex_unlock(&work->lock);
	struct plan *plan = make_whole(&work->planner, program, &refusal);
	pthread_mutex_lock(&work->lock);
	wait_for_turn(work, mine);
	add(work, program, plan, refusal);
	plan_free(plan);
}

static void make_some(void *argument)
{
	struct work *work = argument;

	pthread_mutex_lock(&work->lock);
	while (work->next < work->programs.count) {
		size_t mine = work->next++;
		struct object *program = work->programs.member[mine];
		bool taken = false;

		if (work->carry && carry_has(work->carry, program)) {
			wait_for_turn(work, mine);
			taken = take_over(work, program);
		}
		if (!taken)
			make_and_add(work, program, mine);
		work->turn++;
		progress_show(&work->progress, program->path, work->turn);
		pthread_cond_broadcast(&work->added);
	}
	pthread_mutex_unlock(&work->lock);
}

/* What keeps a file from being rewritten keeps it from nothing here. */
static bool is_program(const struct object *object)
{
	if (!object->wanted || !object->arch || (object->kind != OBJECT_EXEC && object->kind != OBJECT_PIE))
		return false;
	switch (object->skip) {
	case SKIP_SETID: /* starts without the module */
	case SKIP_BLACKLISTED:
	case SKIP_MALFORMED:
	case SKIP_LIMIT:
	case SKIP_MISSING: return false;
	default: return !object->prelinked; /* it has its plan */
	}
}

/* Programs that somebody started, and that can have no plan whatever is done: a user's store knows them, or
 * they would be learnt at each start. */
static bool is_hopeless(const struct object *object)
{
	return object->listed && object->arch && object_is_program(object) && !is_program(object);
}

static bool same_machine(const struct object *a, const struct object *b)
{
	return a->arch == b->arch && a->big_endian == b->big_endian;
}

static size_t count_like(const struct object_table *table, const struct object *like)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		count += is_program(table->object[i]) && same_machine(table->object[i], like);
	return count;
}

/* A program of the machine that most of those with a run-time module are for; NULL where there is none. */
static const struct object *commonest(const struct object_table *table)
{
	const struct object *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct object *object = table->object[i];

		if (!is_program(object) || !object->arch->module[object->big_endian] ||
		    (best && same_machine(object, best)))
			continue;
		size_t count = count_like(table, object);
		if (count > most) {
			best = object;
			most = count;
		}
	}
	return best;
}

/* Of all programs those of one machine. */
static void choose_programs(struct work *work, const struct object_table *table)
{
	const struct object *like = commonest(table);
	size_t others = 0;

	for (size_t i = 0; like && i < table->count; i++) {
		struct object *object = table->object[i];

		if (is_program(object) && same_machine(object, like))
			object_list_add(&work->programs, object);
		else
			others += is_program(object);
	}
	if (others)
		diag_warn(NULL, "%zu programs of other machines than %s: they go without a plan", others,
			  like->arch->name);
}

/* Says why no program was chosen, naming the machine if that is why. */
static int nobody(const struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct object *object = table->object[i];

		if (!object->listed || !object_is_program(object) ||
		    (object->arch && object->arch->module[object->big_endian]))
			continue;
		char *name = object->arch ? xstrdup(object->arch->name) : arch_machine_name(object->machine);
		int status = diag_error(object->shown,
					"making the store: there is no run-time module for its machine, %s",
					name);
		free(name);
		return status;
	}
	return diag_error(NULL, "making the store: no program that can have a plan was named");
}

static const struct object *any_hopeless(const struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (is_hopeless(table->object[i]) &&
		    table->object[i]->arch->module[table->object[i]->big_endian])
			return table->object[i];
	return NULL;
}

static void add_hopeless(struct work *work, const struct object_table *table, const struct object *like)
{
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];
		struct placed *placed = is_hopeless(object) && same_machine(object, like) ?
						plan_look_at(&work->planner, object) :
						NULL;

		if (placed && placed->has_identity)
			store_add_none(work->store, &placed->identity);
	}
}

/* Looks at what the plans are about that have to be made. */
static void look(struct work *work)
{
	struct object_list changed = { 0 };

	for (size_t i = 0; i < work->programs.count; i++)
		if (!work->carry || !carry_has(work->carry, work->programs.member[i]))
			object_list_add(&changed, work->programs.member[i]);
	plan_look(&work->planner, changed.member, changed.count);
	free(changed.member);
}

/* True if this run may take plans over from the one before, and leaves what the next one needs for that:
 * prelink-run's, and one that is to be quick.  Others write the store and nothing else. */
static bool carries(const struct options *options)
{
	return options->mode == MODE_LEARN ||
	       (options->mode == MODE_PRELINK && options->quick && !options->dry_run);
}

static void say_figures(const struct work *work)
{
	struct store_figures figures = store_figures(work->store);

	printf("%zu programs %s the store, %zu objects; %zu words shared, %zu of single programs; %llu bytes",
	       figures.programs, work->options->dry_run ? "would be in" : "in", figures.objects,
	       figures.words, figures.overrides, (unsigned long long)figures.bytes);
	if (work->taken)
		printf("; %zu plans taken over", work->taken);
	putchar('\n');
}

int store_programs(const struct root *root, struct object_table *table, const struct options *options,
		   const char *path)
{
	struct work work = { .options = options };
	int status = 0;

	choose_programs(&work, table);
	if (!work.programs.count && options->mode != MODE_LEARN)
		return nobody(table);
	const struct object *like = work.programs.count ? work.programs.member[0] : any_hopeless(table);
	if (!like)
		return store_remove(root, path);
	struct bind *bind = bind_new(root);
	plan_init(&work.planner, root, bind);
	work.planner.anywhere = true;
	work.store = store_new(like);
	if (carries(options))
		work.carry = carry_begin(root, path, table, options, like->arch);
	look(&work);
	pthread_mutex_init(&work.lock, NULL);
	pthread_cond_init(&work.added, NULL);
	progress_begin(&work.progress, "making plans", work.programs.count);
	threads_run(options->jobs, make_some, &work);
	progress_end(&work.progress);
	if (options->mode == MODE_LEARN)
		add_hopeless(&work, table, like);
	store_finish(work.store);
	if (options->mode == MODE_VERIFY)
		status = store_compare(work.store, root, path);
	else if (!options->dry_run)
		status = store_write(work.store, root, path);
	if (work.carry && status == 0)
		carry_write(work.carry, work.store);
	if (!options->json && options->mode != MODE_LEARN)
		say_figures(&work);
	pthread_cond_destroy(&work.added);
	pthread_mutex_destroy(&work.lock);
	if (work.carry)
		carry_end(work.carry);
	store_free(work.store);
	plan_release(&work.planner);
	bind_free(bind);
	free(work.programs.member);
	return status;
}
