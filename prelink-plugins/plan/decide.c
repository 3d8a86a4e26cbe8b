/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deciding what run time still has to do; see decide.h. */
#include "plan/decide.h"

#include <stdlib.h>
#include <sys/types.h>

#include "alloc.h"
#include "bind/fill.h"
#include "bind/target.h"
#include "plan/shadowed.h"

/* A STB_GNU_UNIQUE definition that a start-up relocation, left to ld.so, enters into its table. */
struct unique_entry {
	const struct bind_object *object;
	uint32_t symbol;
};

/* Gathering. */

enum { AT_START = -1 }; /* as a position: a member of the start-up scope */

static ssize_t position_of(const struct universe *u, const struct object *object)
{
	return object->index < u->position_count ? u->position[object->index] : 0;
}

static ssize_t *position_slot(struct universe *u, const struct object *object)
{
	ALLOC_REACH(u->position, object->index, u->position_count);
	return &u->position[object->index];
}

static void add_plugin_side(struct universe *u, struct object *object)
{
	ssize_t *position = position_slot(u, object);

	if (*position)
		return;
	object_list_add(&u->plugin_side, object);
	*position = u->plugin_side.count;
}

/* Any object of the universe may be what dlopen is asked for, not only the plugins that notes name. */
static void find_roots(struct universe *u)
{
	u->roots = xcalloc(u->plugin_side.count + 1, sizeof *u->roots);
	for (size_t i = 0; i < u->plugin_side.count; i++) {
		struct object *root = u->plugin_side.member[i];
		for (size_t k = 0; k < root->scope.count; k++) {
			ssize_t position = position_of(u, root->scope.member[k]);
			if (position > 0)
				object_list_add(&u->roots[position - 1], root);
		}
	}
}

/* A DT_SYMBOLIC object that defines a unique symbol binds to its own, if it comes first, and then so does
 * everybody: the outcome is the order in which ld.so relocates. */
static bool unique_is_certain(const struct universe *u)
{
	for (size_t i = 0; i < u->global->count; i++) {
		const struct bind_object *member = u->global->member[i];
		for (size_t k = 0; member->symbolic && k < member->symbols.count; k++) {
			GElf_Sym sym;
			symbols_get(&member->symbols, k, &sym);
			if (GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE && sym.st_shndx != SHN_UNDEF)
				return false;
		}
	}
	return true;
}

int universe_init(struct universe *u, struct bind *bind, struct object *program)
{
	*u = (struct universe){ .bind = bind,
				.program = program,
				.startup = &program->scope,
				.global = bind_searchlist(bind, 0),
				.others = bind_searchlist(bind, 1) };
	for (size_t i = 0; i < program->scope.count; i++)
		*position_slot(u, program->scope.member[i]) = AT_START;
	for (size_t i = 0; i < program->plugin_count; i++)
		for (size_t k = 0; k < program->plugin[i].scope.count; k++)
			add_plugin_side(u, program->plugin[i].scope.member[k]);
	find_roots(u);
	u->defines = xcalloc(u->plugin_side.count + 1, sizeof *u->defines);
	if (searchlist_set(u->global, bind->opened, u->startup, program) ||
	    searchlist_set(u->others, bind->opened, &u->plugin_side, NULL)) {
		universe_release(u);
		return -1;
	}
	u->unique_certain = unique_is_certain(u);
	return 0;
}

void universe_release(struct universe *u)
{
	for (size_t i = 0; u->roots && i < u->plugin_side.count; i++)
		free(u->roots[i].member);
	free(u->roots);
	free(u->plugin_side.member);
	free(u->position);
	free(u->defines);
	free(u->unique);
	binding_list_release(&u->bindings);
	*u = (struct universe){ 0 };
}

/* Deciding about one relocation. */

static void leave(struct decision *decision, enum decision_reason reason)
{
	decision->kind = DECISION_RESIDUAL;
	decision->reason = reason;
}

static void take_target(struct decision *decision, const struct bind_object *by,
			const struct binding *binding)
{
	struct target target = binding_target(by, binding);

	decision->value = target.value;
	decision->base = target.of;
	switch (target.kind) {
	case TARGET_VALUE: decision->kind = DECISION_VALUE; break;
	case TARGET_RELATIVE: decision->kind = DECISION_FIXUP; break;
	case TARGET_IFUNC: decision->kind = DECISION_IFUNC; break;
	case TARGET_TLS: leave(decision, REASON_TLS); break;
	case TARGET_COPY: leave(decision, REASON_COPY); break;
	case TARGET_UNDEFINED: leave(decision, REASON_UNDEFINED); break;
	case TARGET_TYPE: leave(decision, REASON_TYPE); break;
	}
}

static bool unique_entered(const struct universe *u, const struct binding *binding)
{
	for (size_t i = 0; i < u->unique_count; i++)
		if (u->unique[i].object == binding->provider && u->unique[i].symbol == binding->definition)
			return true;
	return false;
}

/* Start-up needs one lookup of each unique symbol, for the table's sake; the others can only give the same.
 * There are a few dozen of them: more than this many, in a crafted file, all stay with ld.so. */
enum { UNIQUE_MAX = 4096 };

static void decide_unique(struct universe *u, bool startup, const struct binding *binding,
			  struct decision *decision)
{
	if (u->unique_certain && unique_entered(u, binding))
		return;
	leave(decision, REASON_UNIQUE);
	if (!startup || !u->unique_certain || u->unique_count >= UNIQUE_MAX ||
	    binding->kind == RELOC_JUMP_SLOT) /* which may be lazy */
		return;
	ALLOC_GROW(u->unique, u->unique_count + 1, u->unique_room);
	u->unique[u->unique_count++] = (struct unique_entry){ binding->provider, binding->definition };
}

/* True if a protected reference of BY to its own definition is to something that the program defines, too. */
static bool program_has_it(struct universe *u, const struct bind_object *by, uint32_t number,
			   const struct binding *binding)
{
	struct definition first = { 0 };

	return binding->protected &&
	       searchlist_next(u->bind->opened, u->global, number, SYMBOL_ANY, &first) &&
	       first.object != by && first.object->object == u->program;
}

static void decide_startup(struct universe *u, struct bind_object *by, const struct binding *binding,
			   struct decision *decision)
{
	take_target(decision, by, binding);
	if (binding->result == BINDING_FOUND && binding->sym_bind == STB_GNU_UNIQUE &&
	    decision->kind != DECISION_RESIDUAL)
		decide_unique(u, true, binding, decision);
	if (binding->result == BINDING_FOUND && binding_class(binding) == SYMBOL_ANY &&
	    program_has_it(u, by, binding_number(u->bind->opened, by, binding), binding))
		leave(decision, REASON_COPIED);
}

/* Which of several definitions, the one in each object marked in u->defines, counts for BY, if that is the
 * same for whatever dlopen could have been asked for: that object's scope is the one that is searched,
 * breadth first.  NULL where it is not the same. */
static struct object *same_for_all_roots(const struct universe *u, const struct bind_object *by)
{
	const struct object_list *roots = &u->roots[position_of(u, by->object) - 1];
	struct object *same = NULL;

	for (size_t i = 0; i < roots->count; i++) {
		const struct object_list *scope = &roots->member[i]->scope;
		struct object *first = NULL;
		for (size_t k = 0; k < scope->count && !first; k++) {
			ssize_t position = position_of(u, scope->member[k]);
			if (position > 0 && u->defines[position - 1] == u->defines_serial)
				first = scope->member[k];
		}
		if (!first || (same && same != first))
			return NULL;
		same = first;
	}
	return same;
}

/* A reference that nothing in the start-up scope satisfies, with its first definition in the rest. */
static void decide_among_plugins(struct universe *u, struct bind_object *by, struct binding *binding,
				 uint32_t number, struct definition first, struct decision *decision)
{
	enum symbol_class class = binding_class(binding);
	struct definition definition = first;
	bool unique = false;
	size_t count = 0;

	u->defines_serial++;
	do {
		GElf_Sym sym;
		symbols_get(&definition.object->symbols, definition.symbol, &sym);
		unique |= GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE;
		u->defines[position_of(u, definition.object->object) - 1] = u->defines_serial;
		count++;
	} while (searchlist_next(u->bind->opened, u->others, number, class, &definition));
	if (count > 1) {
		struct object *same = same_for_all_roots(u, by);
		first.object = NULL;
		if (same)
			definition_in(u->bind->opened, bind_open(u->bind, same), number, class, &first);
	}
	if (!first.object) {
		leave(decision, REASON_ORDER);
	} else if (unique) {
		leave(decision, REASON_UNIQUE);
	} else if (!object_list_has(&by->object->scope, first.object->object)) {
		leave(decision, REASON_REACH);
	} else {
		binding_set(binding, BINDING_FOUND, &first);
		take_target(decision, by, binding);
		decision->ungrown = count > 1;
	}
}

/* True if RTLD_DEEPBIND could make a difference to a reference that start-up satisfies. */
static bool defined_again(struct universe *u, uint32_t number, enum symbol_class class,
			  const struct definition *first)
{
	struct definition again = *first, other = { 0 };

	return searchlist_next(u->bind->opened, u->others, number, class, &other) ||
	       searchlist_next(u->bind->opened, u->global, number, class, &again);
}

/* A protected reference is to the object's own definition, except that the address of a function may be that
 * of the program's PLT entry, and that of data, with some glibcs, that of the program's copy. */
static void decide_protected(struct universe *u, struct bind_object *by, struct binding *binding,
			     uint32_t number, struct decision *decision)
{
	struct definition own;

	if (!definition_in(u->bind->opened, by, number, SYMBOL_PLT, &own) || own.symbol != binding->symbol) {
		leave(decision, REASON_ORDER);
	} else if (binding_class(binding) == SYMBOL_ANY && program_has_it(u, by, number, binding)) {
		leave(decision, REASON_COPIED);
	} else {
		binding_set(binding, BINDING_FOUND, &own);
		take_target(decision, by, binding);
	}
}

static void decide_plugin_side(struct universe *u, struct bind_object *by, struct binding *binding,
			       struct decision *decision, bool *deepbind_differs)
{
	struct definition found = { 0 }, other = { 0 };

	if (binding->result != BINDING_OPEN || binding->kind == RELOC_COPY) {
		take_target(decision, by, binding);
		return;
	}
	uint32_t number = binding_number(u->bind->opened, by, binding);
	enum symbol_class class = binding_class(binding);
	if (binding->protected) {
		decide_protected(u, by, binding, number, decision);
		return;
	}
	bool own = by->symbolic && definition_in(u->bind->opened, by, number, class, &found);
	if (own || searchlist_next(u->bind->opened, u->global, number, class, &found)) {
		struct definition first = found;
		if (own)
			first = (struct definition){ 0 };
		*deepbind_differs |= defined_again(u, number, class, &first);
		binding_set(binding, BINDING_FOUND, &found);
		take_target(decision, by, binding);
		if (binding->sym_bind == STB_GNU_UNIQUE && decision->kind != DECISION_RESIDUAL)
			decide_unique(u, false, binding, decision);
	} else if (searchlist_next(u->bind->opened, u->others, number, class, &other)) {
		decide_among_plugins(u, by, binding, number, other, decision);
	} else {
		binding->result = binding->weak ? BINDING_ZERO : BINDING_UNDEFINED;
		take_target(decision, by, binding);
	}
}

/* A whole object. */

static struct decision *add_decision(struct decision_list *list, const struct bind_object *by,
				     const struct binding *binding)
{
	ALLOC_GROW(list->item, list->count + 1, list->room);
	struct decision *decision = &list->item[list->count++];
	*decision = (struct decision){ .address = bind_place(by->object, binding->address),
				       .addend = binding->addend,
				       .type = binding->type,
				       .symbol = binding->symbol,
				       .reloc = binding->kind,
				       .plt = binding->plt };
	return decision;
}

/* A plugin's lazy PLT must stay with ld.so where dlopen(RTLD_NOW) might have to fail on it. */
static bool rtld_now_may_fail(const struct decision *decision)
{
	return decision->reason == REASON_UNDEFINED || decision->reason == REASON_REACH ||
	       decision->reason == REASON_ORDER;
}

/* What the word in the file is filled with, NULL where it is not.  NEXT walks along with the relocations,
 * which are in the same order. */
static const struct bound_word *filled_with(const struct bind_object *by, size_t *next,
					    const struct decision *decision)
{
	if (*next >= by->bound_count || by->bound[*next].address != decision->address)
		return NULL;
	return &by->bound[(*next)++];
}

/* True if the word of BINDING lies in a table of BY's whose every reader is sent to another object's. */
static bool is_unseen(struct universe *u, struct bind_object *by, const struct binding *binding)
{
	const struct shadow *shadow = binding->kind == RELOC_WORD && by->object != u->program ?
					      shadows_find(by, &u->bindings, binding->address) :
					      NULL;
	struct definition first = { 0 };

	if (!shadow)
		return false;
	struct binding reference = { .symbol = shadow->symbol, .kind = RELOC_WORD };
	return searchlist_next(u->bind->opened, u->global, binding_number(u->bind->opened, by, &reference),
			       SYMBOL_ANY, &first) &&
	       first.object != by && first.object->object != u->program;
}

/* Settles what is left to do about a word for which DECISION has the right value. */
static void settle(struct universe *u, struct bind_object *by, const struct binding *binding,
		   const struct bound_word *filled, struct decision *decision)
{
	bool known = decision->kind == DECISION_VALUE || decision->kind == DECISION_FIXUP;

	if (filled && decision->kind == DECISION_VALUE && filled->value == decision->value)
		decision->kind = DECISION_DONE;
	else if (filled && known && is_unseen(u, by, binding))
		decision->kind = DECISION_UNSEEN;
}

/* An offset from the thread pointer needs its object in static TLS (CHECK_STATIC_TLS); a descriptor gets it
 * there if there is room (TRY_STATIC_TLS). */
static const struct object *needs_static_tls(const struct binding *binding)
{
	bool needed = binding->kind == RELOC_TLS_TP || binding->kind == RELOC_TLSDESC;
	bool found = binding->result == BINDING_SELF || binding->result == BINDING_FOUND;

	return needed && found ? binding->provider->object : NULL;
}

int universe_decide(struct universe *u, struct object *object, struct decision_list *list)
{
	struct bind_object *by = bind_open(u->bind, object);
	const struct bind_scope scope = { .global = u->global };
	struct decision *item = list->item;
	size_t room = list->room, fill = 0;
	bool startup = position_of(u, object) == AT_START;
	bool ours = object == u->program || bind_placed(object) || u->anywhere;

	*list = (struct decision_list){ .object = by, .startup = startup, .item = item, .room = room };
	if (!by ||
	    (startup ? bind_in(u->bind, object, &scope, &u->bindings) :
		       bind_relocs(u->bind->opened, object, &u->bindings)) ||
	    bind_natural(u->bind, object))
		return -1;
	uint64_t start = symbols_steps;
	for (size_t i = 0; i < u->bindings.count; i++) {
		if (!bind_within_limits(by, start))
			return -1;
		struct binding *binding = &u->bindings.item[i];
		struct decision *decision = add_decision(list, by, binding);
		bool lazy = binding->plt && binding->kind == RELOC_JUMP_SLOT && !by->bind_now &&
			    !binding->at_once;
		if (!ours) {
			leave(decision, REASON_SLOT);
			decision->static_tls = needs_static_tls(binding);
			continue;
		}
		if (startup)
			decide_startup(u, by, binding, decision);
		else
			decide_plugin_side(u, by, binding, decision, &list->deepbind_differs);
		decision->static_tls = needs_static_tls(binding);
		settle(u, by, binding, filled_with(by, &fill, decision), decision);
		if (lazy && decision->kind != DECISION_DONE) {
			decision->then = decision->kind;
			decision->kind = DECISION_LAZY;
			list->keep_plt |= !startup && rtld_now_may_fail(decision);
		}
	}
	return 0;
}

void decision_list_release(struct decision_list *list)
{
	free(list->item);
	*list = (struct decision_list){ 0 };
}

const char *decision_reason_text(enum decision_reason reason)
{
	static const char *const text[REASONS] = {
		[REASON_NONE] = "none",
		[REASON_TLS] = "thread-local storage",
		[REASON_COPY] = "copy relocation",
		[REASON_UNIQUE] = "unique symbol, entered once",
		[REASON_ORDER] = "depends on the order of loading",
		[REASON_REACH] = "outside the object's own dependencies",
		[REASON_UNDEFINED] = "undefined",
		[REASON_COPIED] = "protected, and copied by the program",
		[REASON_TYPE] = "relocation type",
		[REASON_SLOT] = "the object has no slot",
	};

	return reason < REASONS ? text[reason] : "none";
}
