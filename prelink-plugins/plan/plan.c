/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deciding what is left to do at run time; see plan.h and rtld/plan_format.h. */
#include "plan/plan.h"

#include <stdlib.h>

#include "bind/ifunc.h"
#include "bind/target.h"
#include "alloc.h"
#include "elf/undo_record.h"
#include "plan/cost.h"
#include "plan/draft.h"

/* By where the module finds them: slots by address, the others by the digest of their dynamic section. */
static int by_address(const void *a, const void *b)
{
	const struct draft *left = a, *right = b;

	if (left->placed->slot != right->placed->slot)
		return left->placed->slot ? -1 : 1;
	GElf_Addr a_key = left->placed->slot ? left->placed->dynamic.address : left->placed->identity.dynamic;
	GElf_Addr b_key = right->placed->slot ? right->placed->dynamic.address :
						right->placed->identity.dynamic;

	if (a_key != b_key)
		return a_key < b_key ? -1 : 1;
	return strcmp(left->object->path, right->object->path);
}

static struct plan_refusal refuse(const char *why, const struct object *about)
{
	return (struct plan_refusal){ why, about };
}

static struct plan_refusal collect_startup(struct plan *plan, struct object *program)
{
	if (!program->arch->module[program->big_endian])
		return refuse("there is no run-time module for its machine", NULL);
	if (!plan->anywhere && !program->arch->plan_in_file)
		return refuse("on its machine only a store has plans", NULL);
	if (!program->loader)
		return refuse("its ld.so is not there", NULL);
	plan_add_object(plan, program);
	plan_add_object(plan, program->loader);
	for (size_t i = 0; i < program->scope.count; i++)
		plan_add_object(plan, program->scope.member[i]);
	plan->startup = plan->count;
	plan->scope = (uint32_t)program->scope.count;
	for (size_t i = 0; i < plan->startup; i++)
		for (size_t j = 0; j < plan->draft[i].object->needed_count; j++)
			if (plan->draft[i].object->needed[j].tag != DT_NEEDED)
				return refuse("it is a filter (DT_FILTER or DT_AUXILIARY), and loaded "
					      "at start",
					      plan->draft[i].object);
	return refuse(NULL, NULL);
}

/* Why OBJECT, a library, cannot be in a plan; NULL where it can. */
static const char *why_not(const struct placed *placed)
{
	if (!placed)
		return "it could not be read, and is loaded at start";
	return placed->stamped || placed->has_identity ?
		       NULL :
		       "it has neither a slot nor anything to be known by, and is loaded at start";
}

static struct plan_refusal open_startup(struct planner *planner, struct plan *plan)
{
	for (size_t i = 0; i < plan->startup; i++) {
		struct draft *draft = &plan->draft[i];
		draft->placed = plan_look_at(planner, draft->object);
		const char *why = i == PLAN_PROGRAM && draft->placed ? NULL : why_not(draft->placed);
		if (why)
			return refuse(why, draft->object);
		if (i == PLAN_PROGRAM && placed_is_audited(draft->placed, draft->object))
			return refuse("it has an audit module of its own", NULL);
	}
	return refuse(NULL, NULL);
}

/* Adds PLUGIN and what comes with it; or nothing of that, where an object cannot be in a plan: ld.so alone
 * then sees to all of them, whenever they are loaded. */
static void add_plugin(struct planner *planner, struct plan *plan, const struct plugin_scope *plugin)
{
	for (size_t i = 0; i < plugin->scope.count; i++) {
		struct object *object = plugin->scope.member[i];

		if (plan_index(plan, object) == NO_INDEX && why_not(plan_look_at(planner, object))) {
			plan->estimate.left_out++;
			return;
		}
	}
	for (size_t i = 0; i < plugin->scope.count; i++)
		plan_add_object(plan, plugin->scope.member[i]);
}

static void collect_plugins(struct planner *planner, struct plan *plan, const struct object *program)
{
	for (size_t i = 0; i < program->plugin_count; i++)
		add_plugin(planner, plan, &program->plugin[i]);
	for (size_t i = plan->startup; i < plan->count; i++)
		plan->draft[i].placed = plan_look_at(planner, plan->draft[i].object);
}

/* Brings the plugin side into the format's order. */
static void sort_plugins(struct plan *plan)
{
	qsort(plan->draft + plan->startup, plan->count - plan->startup, sizeof *plan->draft, by_address);
	plan->unplaced = plan->startup;
	for (size_t i = plan->startup; i < plan->count; i++) {
		plan->index[plan->draft[i].object->index] = (uint32_t)i;
		plan->unplaced += plan->draft[i].placed->slot;
	}
}

/* RELATIVE records of DT_RELA, or of DT_REL where addends lie in place. */
static size_t count_relative(const struct bind_object *by)
{
	const struct arch *arch = by->object->arch;

	return relocs_of_type(dynamic_relocs(&by->dynamic, &by->image, arch->rela ? RELOCS_RELA : RELOCS_REL),
			      arch->r_relative);
}

/* Whether the module can relocate the object of DRAFT wherever it lies. */
static bool is_movable(const struct draft *draft)
{
	const struct dynamic *dynamic = &draft->by->dynamic;
	const struct table *other = draft->object->arch->rela ? &dynamic->rel : &dynamic->rela;

	return draft->placed->has_identity && !dynamic_has_textrel(dynamic) && !other->size &&
	       dynamic->relacount == count_relative(draft->by);
}

/* Way and flags of an object. */
static void classify(struct plan *plan, struct draft *draft, const struct decision_list *list)
{
	const struct dynamic *dynamic = &draft->by->dynamic;
	bool textrel = dynamic_has_textrel(dynamic);
	bool now = draft->by->bind_now;

	draft->flags = (draft->by->symbolic ? PLAN_SYMBOLIC : 0) | (now ? 0 : PLAN_LAZY) |
		       (list->keep_plt ? PLAN_KEEP_PLT : 0) |
		       (list->deepbind_differs ? PLAN_NOT_DEEPBIND : 0);
	if (plan->anywhere) {
		draft->way = is_movable(draft) ? PLAN_RELA : PLAN_LEAVE;
		draft->flags |= PLAN_UNPLACED | (draft->way == PLAN_RELA ? PLAN_ANYWHERE : 0);
		return;
	}
	if (draft != &plan->draft[PLAN_PROGRAM])
		draft->way = draft->placed->slot && !textrel ? PLAN_RELA : PLAN_LEAVE;
	else if (textrel || dynamic->rel.size || dynamic->relacount != count_relative(draft->by))
		draft->way = PLAN_LEAVE;
	else if (now)
		draft->way = PLAN_JMPREL;
	else /* a lazy one needs its DT_JMPREL, and DT_RELA cannot hold both */
		draft->way = dynamic->relacount == 0 ? PLAN_RELA : PLAN_LEAVE;
	if (draft == &plan->draft[PLAN_PROGRAM] && !now && draft->object->kind == OBJECT_PIE)
		draft->flags |= PLAN_KEEP_PLT; /* the addresses of its stubs move with it */
	if (!draft->placed->slot && draft != &plan->draft[PLAN_PROGRAM])
		draft->flags |= PLAN_UNPLACED;
}

static void add_word(const struct plan *plan, struct draft *draft, GElf_Addr address,
		     const struct decision *decision, uint32_t base)
{
	int64_t moved = base == NO_INDEX ? 0 : plan->draft[base].moved;
	bool plt = plan->anywhere && decision->kind == DECISION_LAZY;
	struct planned_word word = { address, decision->value + (uint64_t)moved, base, plt };

	*(struct planned_word *)records_add(&draft->word, sizeof word) = word;
	draft->fixups += draft_is_fixup(plan, &word);
}

static void add_residual(struct records *residual, GElf_Addr address, uint64_t info, int64_t addend)
{
	*(GElf_Rela *)records_add(residual, sizeof(GElf_Rela)) =
		(GElf_Rela){ .r_offset = address, .r_info = info, .r_addend = addend };
}

/* The relocation as it is in the object. */
static void add_own(struct records *residual, GElf_Addr address, const struct decision *decision)
{
	add_residual(residual, address, GELF_R_INFO((uint64_t)decision->symbol, decision->type),
		     decision->addend);
}

/* Index in plan->resolver of the C library's resolver at ADDRESS (in the process), or NO_INDEX. */
static uint32_t find_resolver(struct plan *plan, GElf_Addr address)
{
	const struct planned_resolver *known = plan->resolver.item;
	struct planned_resolver added = { .resolver = address };

	for (size_t i = 0; i < plan->resolver.count; i++)
		if (known[i].resolver == address)
			return (uint32_t)i;
	if (!plan->libc || plan->resolver.count == PLAN_RESOLVERS_MAX)
		return NO_INDEX;
	if (plan->anywhere) {
		added.base = (uint32_t)(plan->libc - plan->draft);
	} else {
		if (address < plan->libc->placed->start)
			return NO_INDEX;
		GElf_Addr base = elf_image_first_address(&plan->libc->by->image);
		GElf_Addr guess = ifunc_guess(plan->libc->by, address - plan->libc->placed->start + base);
		if (!guess)
			return NO_INDEX;
		added.guess = guess - base + plan->libc->placed->start;
	}
	*(struct planned_resolver *)records_add(&plan->resolver, sizeof added) = added;
	return (uint32_t)plan->resolver.count - 1;
}

static void add_ifunc(struct plan *plan, struct draft *draft, GElf_Addr address, uint32_t resolver, bool plt)
{
	const struct planned_resolver *known = (const struct planned_resolver *)plan->resolver.item +
					       resolver;
	const struct elf_image *image = &draft->placed->image;
	uint64_t offset;
	bool guessed = draft->placed->slot &&
		       elf_image_offset(image, address, elf_word_size(image), &offset) &&
		       elf_get_word(image, offset) == known->guess;

	*(struct planned_ifunc *)records_add(guessed ? &draft->guessed : &draft->ifunc,
					     sizeof(struct planned_ifunc)) =
		(struct planned_ifunc){ address, resolver, plt };
}

/* Whether a lazy call that is not bound may wait for ld.so to do that.  Not where dlopen may be told
 * RTLD_NOW: then nothing is set up that a stub could call. */
static bool stays_at_stub(const struct plan *plan, const struct draft *draft, const struct decision *decision)
{
	return plan->anywhere && decision->kind == DECISION_LAZY &&
	       (size_t)(draft - plan->draft) < plan->startup;
}

/* The address, as in the file, of the stub that the word at ADDRESS of a lazy call holds;
 * false where there is none. */
static bool find_stub(const struct draft *draft, GElf_Addr address, GElf_Addr *stub)
{
	const struct elf_image *image = &draft->placed->image;
	const struct dynamic *dynamic = &draft->by->dynamic;
	const struct arch *arch = draft->object->arch;
	uint64_t offset;

	if (arch->stub) {
		GElf_Addr stubs = dynamic_value(dynamic, &draft->by->image, arch->stubs_tag);

		*stub = arch->stub(stubs, address - dynamic->pltgot);
		return stubs != 0;
	}
	if (!elf_image_offset(image, address, elf_word_size(image), &offset))
		return false;
	*stub = elf_get_word(image, offset);
	return true;
}

/* A lazy call at ADDRESS stays at its stub, which is relative to the object itself. */
static void add_stub(const struct plan *plan, struct draft *draft, GElf_Addr address)
{
	GElf_Addr stub;

	if (!find_stub(draft, address, &stub))
		return;
	*(struct planned_word *)records_add(&draft->word,
					    sizeof(struct planned_word)) = (struct planned_word){
		.address = address, .value = stub, .base = (uint32_t)(draft - plan->draft), .plt = true
	};
	draft->fixups += !draft->fixed;
}

/* What a resolver chooses goes to ADDRESS.  If it is not one that the module asks, ld.so calls it, but need
 * not look it up.  An IRELATIVE record's addend is relative to the load bias of the object that the record is
 * for, which is 0 but for the program's. */
static void add_resolver(struct plan *plan, struct draft *draft, GElf_Addr address,
			 const struct decision *decision)
{
	const struct arch *arch = draft->object->arch;
	bool unbiased = draft->placed->slot || draft->object->kind == OBJECT_EXEC;
	bool known = bind_placed(decision->base);
	bool own = !known && decision->base == draft->object;
	bool libc = known || (plan->anywhere && plan->libc && decision->base == plan->libc->object);
	bool stub = stays_at_stub(plan, draft, decision);
	uint32_t resolver = libc ? find_resolver(plan, decision->value) : NO_INDEX;

	if (resolver != NO_INDEX)
		add_ifunc(plan, draft, address, resolver, decision->kind == DECISION_LAZY);
	else if (stub)
		add_stub(plan, draft, address);
	else if (decision->reloc == RELOC_IRELATIVE)
		add_residual(&draft->residual, address, GELF_R_INFO(0ull, decision->type),
			     decision->value + draft->moved);
	else if (arch->rela && ((unbiased && known) || own)) /* else the word would have to hold the addend */
		add_residual(&draft->residual, address, GELF_R_INFO(0ull, arch->r_irelative),
			     decision->value + (own ? draft->moved : 0));
	else
		add_own(&draft->residual, address, decision);
}

/* What ld.so goes through itself, in its own order, is not done twice.  Else lazy calls of start-up stay at
 * their stubs.  A plugin may be loaded with RTLD_NOW, and then ld.so sets up nothing that a stub could call:
 * all of its calls are bound, or all left to ld.so. */
static enum decision_kind kind_now(const struct draft *draft, const struct decision *decision, bool startup)
{
	if (decision->plt && (draft->flags & PLAN_KEEP_PLT))
		return DECISION_DONE;
	if (decision->kind == DECISION_LAZY && startup && !(draft->flags & PLAN_ANYWHERE))
		return DECISION_DONE;
	return decision->kind == DECISION_LAZY ? decision->then : decision->kind;
}

/* Enters what DECISION, which comes to KIND, leaves to do at run time. */
static void enter(struct plan *plan, struct draft *draft, const struct decision *decision,
		  enum decision_kind kind)
{
	GElf_Addr address = decision->address + draft->moved;
	uint32_t base = decision->base ? plan_index(plan, decision->base) : NO_INDEX;
	bool stub = stays_at_stub(plan, draft, decision);

	switch (kind) {
	case DECISION_DONE:
	case DECISION_LAZY:
	case DECISION_UNSEEN: break;
	case DECISION_VALUE: add_word(plan, draft, address, decision, base); break;
	case DECISION_FIXUP:
		if (base == NO_INDEX && stub)
			add_stub(plan, draft, address);
		else if (base == NO_INDEX)
			add_own(&draft->residual, address, decision);
		else
			add_word(plan, draft, address, decision, base);
		break;
	case DECISION_IFUNC: add_resolver(plan, draft, address, decision); break;
	case DECISION_RESIDUAL:
		if (stub)
			add_stub(plan, draft, address);
		else
			add_own(&draft->residual, address, decision);
		break;
	}
}

/* Enters all of LIST.  What is right only while RTLD_GLOBAL has added nothing to the start-up scope goes to
 * ld.so as well, for where it has; to ld.so alone where that would take what was written for the addend. */
static void enter_all(struct plan *plan, struct draft *draft, const struct decision_list *list)
{
	for (size_t i = 0; draft->way != PLAN_LEAVE && i < list->count; i++) {
		const struct decision *decision = &list->item[i];
		enum decision_kind kind = kind_now(draft, decision, list->startup);
		bool left = decision->kind != DECISION_DONE && kind == DECISION_DONE;

		if (decision->ungrown && decision->reloc == RELOC_WORD && !draft->object->arch->rela)
			kind = DECISION_RESIDUAL;
		enter(plan, draft, decision, kind);
		if (decision->ungrown && !left && kind != DECISION_RESIDUAL)
			add_own(&draft->ungrown, decision->address + draft->moved, decision);
	}
}

/* Finds the C library among the start-up objects, if its resolvers can be asked. */
static void find_libc(struct bind *bind, struct plan *plan)
{
	for (size_t i = PLAN_FIRST_LIBRARY; i < plan->startup; i++) {
		struct draft *draft = &plan->draft[i];
		if ((!draft->placed->slot && !plan->anywhere) || !draft->object->soname ||
		    strcmp(draft->object->soname, "libc.so.6"))
			continue;
		draft->by = bind_open(bind, draft->object);
		if (draft->by)
			plan->libc = draft;
	}
}

/* Notes whose thread variables have to be in static TLS.  Start-up first: beside an audit module the others'
 * are in dynamic TLS once they are used, and a plugin that then needs them at a fixed offset cannot be
 * loaded. */
static struct plan_refusal note_static_tls(struct plan *plan, const struct draft *draft,
					   const struct decision_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct object *object = list->item[i].static_tls;
		uint32_t index = object ? plan_index(plan, object) : NO_INDEX;

		if (index == PLAN_PROGRAM || index >= plan->startup || plan->draft[index].static_tls)
			continue;
		if (!list->startup)
			return refuse("it needs thread variables of a library at a fixed offset, "
				      "where an audit module has no room for them",
				      draft->object);
		plan->draft[index].static_tls = true;
	}
	return refuse(NULL, NULL);
}

static struct plan_refusal decide_all(struct workbench *bench, struct plan *plan, struct universe *universe)
{
	struct decision_list *list = &bench->decisions;

	find_libc(bench->bind, plan);
	/* Start-up first, in its own order: decide.h asks for it. */
	for (size_t i = 0; i < plan->count; i++) {
		struct draft *draft = &plan->draft[i];
		if (i == PLAN_LOADER) {
			draft->flags = PLAN_UNPLACED;
			draft->moved = (int64_t)(draft->placed->start - draft->object->start); /* liblist.h */
			continue;
		}
		if (universe_decide(universe, draft->object, list))
			return refuse("its symbols could not be bound", draft->object);
		struct plan_refusal refusal = note_static_tls(plan, draft, list);
		if (refusal.why)
			return refusal;
		draft->by = list->object;
		if (i == PLAN_PROGRAM && draft->object->kind == OBJECT_PIE)
			draft->moved = -undo_delta(&draft->by->image);
		classify(plan, draft, list);
		enter_all(plan, draft, list);
		cost_add(plan, draft, list);
	}
	return refuse(NULL, NULL);
}

/* The closure of OBJECT when dlopen is asked for it: as the program's notes lead to it, else its own. */
static const struct object_list *closure_of(const struct object *program, const struct object *object)
{
	for (size_t i = 0; i < program->plugin_count; i++)
		if (program->plugin[i].plugin == object)
			return &program->plugin[i].scope;
	return &object->scope;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* Enters CLOSURE's objects beyond the start-up scope, or nothing where one of them is not in the plan. */
static void enter_closure(const struct plan *plan, struct draft *draft, const struct object_list *closure)
{
	for (size_t i = 0; i < closure->count; i++) {
		uint32_t index = plan_index(plan, closure->member[i]);
		if (index == NO_INDEX) {
			draft->closure.count = 0;
			return;
		}
		if (index >= plan->startup)
			*(uint32_t *)records_add(&draft->closure, sizeof(uint32_t)) = index;
	}
	if (draft->closure.count)
		qsort(draft->closure.item, draft->closure.count, sizeof(uint32_t), by_number);
}

static void add_name(struct plan *plan, const char *name)
{
	const char *slash = strrchr(name, '/');
	uint32_t *hash = records_add(&plan->name, sizeof *hash);

	*hash = plan_hash(slash ? slash + 1 : name);
}

static void keep_each_name_once(struct records *records)
{
	uint32_t *hash = records->item;
	size_t count = 0;

	qsort(hash, records->count, sizeof *hash, by_number);
	for (size_t i = 0; i < records->count; i++)
		if (count == 0 || hash[i] != hash[count - 1])
			hash[count++] = hash[i];
	records->count = count;
}

/* Names by which an object of the plan is asked for, so that ld.so may take an unknown one of
 * that name for it.  They are what the files and the manifests say: under which names gather met
 * an object plays no part. */
static void collect_names(struct plan *plan, const struct object *program)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct object *object = plan->draft[i].object;
		if (i >= PLAN_FIRST_LIBRARY && object->soname)
			add_name(plan, object->soname);
		for (size_t j = 0; j < object->needed_count; j++)
			add_name(plan, object->needed[j].name);
	}
	for (size_t i = 0; i < program->plugin_count; i++)
		for (size_t j = 0; program->plugin[i].entry && j < program->plugin[i].entry->soname_count;
		     j++)
			add_name(plan, program->plugin[i].entry->soname[j]);
	if (plan->name.count)
		keep_each_name_once(&plan->name);
}

/* Counts what the start-up libraries want of the static block.  An IFUNC resolver, a signal handler, malloc:
 * any may touch its thread variables at a time when ld.so must not allocate them; so all have to be there. */
static void count_static_tls(struct plan *plan)
{
	for (size_t i = PLAN_FIRST_LIBRARY; i < plan->startup; i++) {
		const struct draft *draft = &plan->draft[i];
		const GElf_Phdr *tls = static_tls_find(&draft->placed->image);
		bool fixed = draft->static_tls || draft->placed->dynamic.value[DT_FLAGS] & DF_STATIC_TLS;

		if (tls)
			static_tls_count(&plan->static_tls, tls, fixed);
	}
}

static struct plan_refusal make(struct planner *planner, struct workbench *bench, struct plan *plan,
				struct object *program)
{
	struct universe universe;

	plan->anywhere = planner->anywhere;
	struct plan_refusal refusal = collect_startup(plan, program);
	if (!refusal.why)
		refusal = open_startup(planner, plan);
	if (refusal.why)
		return refusal;
	collect_plugins(planner, plan, program);
	if (plan->count > PLAN_OBJECTS_MAX)
		return refuse("more libraries and plugins than the run-time module has room for", NULL);
	sort_plugins(plan);
	if (universe_init(&universe, bench->bind, program))
		return refuse("its symbols could not be bound", NULL);
	universe.anywhere = plan->anywhere;
	refusal = decide_all(bench, plan, &universe);
	universe_release(&universe);
	if (refusal.why)
		return refusal;
	for (size_t i = plan->startup; i < plan->count; i++)
		enter_closure(plan, &plan->draft[i], closure_of(program, plan->draft[i].object));
	collect_names(plan, program);
	plan->estimate.objects = plan->startup;
	plan->estimate.plugin_objects = plan->count - plan->startup;
	count_static_tls(plan);
	cost_of_module(plan);
	return refuse(NULL, NULL);
}

char *plan_refusal_text(const struct plan_refusal *refusal)
{
	if (!refusal->why)
		return NULL;
	return refusal->about ? xasprintf("%s: %s", refusal->about->path, refusal->why) :
				xstrdup(refusal->why);
}

struct plan *plan_make(struct planner *planner, struct object *program, struct plan_refusal *refusal)
{
	struct plan *plan = xcalloc(1, sizeof *plan);
	struct workbench *bench = workbench_take(planner);

	*refusal = make(planner, bench, plan, program);
	for (size_t i = 0; i < plan->count; i++)
		workbench_used(planner, bench, plan->draft[i].object);
	workbench_leave(planner, bench);
	if (!refusal->why)
		return plan;
	plan_free(plan);
	return NULL;
}
