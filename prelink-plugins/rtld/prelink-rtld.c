/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run-time module: an rtld-audit(7) object that lets glibc's own ld.so use what prelink prepared.
 *
 * ld.so calls la_objopen() for every object, when it has mapped it and read its dynamic section, and
 * before it relocates anything of the start-up, or of the dlopen, in progress.  There the module
 * compares the object with the program's plan (plan_format.h), and takes from ld.so the work that is
 * already done.  Which of three levels each object gets is decided here, and done by apply.h:
 *
 *   full           all objects of its scope are there, at their slots and unchanged: the planned words
 *                  are written, and ld.so is left the plan's residual list instead of the object's tables
 *   relative only  the object itself is at its slot and unchanged, something else is not: its RELATIVE
 *                  and RELR relocations, which are applied in the file, are taken away
 *   none           anything else; nothing at all is touched
 *
 * Whatever the level, and also where it stands aside: the thread variables of start-up objects are kept where
 * they would be without an audit module (static_tls.h).
 *
 * What is taken away stays in the file: without this module, or where anything differs from the plan,
 * ld.so does it all.
 *
 * Freestanding rules:
 *   - No libc, no thread-local storage, no constructor, no lazy binding, no undefined symbol, none
 *     defined but la_*: ld.so calls us before any library is relocated, ours included.
 *   - Memory that may be written: our own .bss, less than a page of it, and what is mapped when it is needed (struct
 *     room and the like), so that a program for which there is nothing to do pays for none; the l_info pointers of
 *     the link map that la_objopen() is called for, and of those of the same batch (start-up, or one dlopen), none
 *     of which ld.so has relocated yet; the words that the plan names in their segments, still writable then.
 *   - Every l_info pointer is compared with what it must be before it is replaced.
 *   - No system call that ld.so does not make itself, for a sandbox may end the program for it; but write(2) of
 *     what PRELINK_RTLD=verbose asks for, statx(2) and prlimit(2) of a store, and, where filtered.h says that
 *     nobody minds, those of populate.c, and of learn.c where PRELINK_LEARN asks for them.
 *   - Foreign code: _dl_get_tls_static_info() of ld.so, which reads two numbers; and the resolvers that the plan
 *     names, which are the C library's, and only once the words of all start-up objects are written; ld.so would
 *     call them a little later itself.
 *   - No lock: ld.so calls us at start-up, before there are threads, and from dlopen and dlclose, which
 *     hold its lock (GL(dl_load_lock)) around every call.  Other threads read l_info without that lock
 *     only for objects that are relocated already (lazy binding), whose l_info we never touch again. */
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "again.h"
#include "apply.h"
#include "environment.h"
#include "ldso.h"
#include "learn.h"
#include "loaded.h"
#include "memory_identity.h"
#include "planned.h"
#include "populate.h"
#include "static_tls.h"
#include "store.h"
#include "text.h"

#define EXPORT __attribute__((visibility("default")))

static struct link_map *program, *loader;
static struct object program_object; /* its cookie names the base namespace in la_activity() */
static struct object loader_object;

static struct environment environment;
static bool started;            /* start-up is over: what comes now comes by dlopen */
static bool startup_full;       /* every start-up object was as planned */
static const char *startup_why; /* the first thing that was not */
static uint32_t startup_next;   /* index of the object expected next */
static bool spoiled;            /* an unknown object has a name of ours: it may be in some object's place */

/* The batch: what was opened since the last LA_ACT_ADD. */
static struct object *batch, **batch_end;
static uint32_t batch_root;    /* index of the object that dlopen was asked for */
static uint32_t batch_missing; /* objects of its closure that have still to come */
static const char *batch_why;  /* why it cannot be full; NULL while it can */

/* Whether OBJECT may be treated as PLANNED wants it to be. */
static bool is_ready(const struct object *object, const struct plan_object *planned)
{
	return planned->way == PLAN_LEAVE ||
	       (planned->flags & PLAN_ANYWHERE ? object->known : object->level != LEVEL_NONE);
}

static void make_batch_full(void)
{
	/* True if a dlopen with RTLD_GLOBAL has added something to the start-up scope. */
	bool grown = started && ldso.global->r_nlist > plan->scope;

	for (struct object *object = batch; object; object = object->next)
		apply_plan(object, &environment, grown);
	if (!started)
		apply_resolvers(&environment);
	for (const struct object *object = batch; object; object = object->next)
		apply_ifuncs(object);
}

/* A new object of the batch; NULL where there is no room for it. */
static struct object *batch_add(struct link_map *map)
{
	struct object *object = loaded_new(map);

	if (object) {
		*batch_end = object;
		batch_end = &object->next;
	}
	return object;
}

static void batch_clear(void)
{
	batch = NULL;
	batch_end = &batch;
	batch_root = NO_INDEX;
	batch_why = NULL;
	pages_begin();
}

/* WHY something is not as planned; unless it is that the plan was not read. */
static const char *unless_damaged(const char *why)
{
	return plan_damaged ? "the plan is damaged" : why;
}

/* Verbose only. */
SELDOM static void batch_report(void)
{
	static const char level[][16] = { "none", "relative only", "full" };

	for (const struct object *object = batch; object; object = object->next) {
		const char *reason = object->reason;

		if (!reason && object->level != LEVEL_FULL)
			reason = !started ? startup_why : batch_why;
		if (!reason && object->level != LEVEL_FULL)
			reason = plan ? "not everything it needs is in the plan" :
					unless_damaged("the program has no plan");
		say(object->map->l_name, level[object->level], reason);
	}
}

/* Where somebody learns: what has come and is not in the plan. */
SELDOM static void learn_batch(void)
{
	if (!started && !startup_full)
		learn_program(&environment);
	for (const struct object *object = started ? batch : NULL; object; object = object->next)
		if (object->index == NO_INDEX)
			learn_object(&environment, object->map->l_name);
}

/* At start-up objects come in one order; what comes out of order, or is not the file that was prelinked,
 * leaves the scope other than planned. */
static void open_at_startup(struct object *object, const struct tags *tags, uint64_t digest)
{
	const struct plan_object *expected = &objects[startup_next];

	if (startup_why)
		return;
	if (startup_next == plan->startup || !is_planned(object->map, expected, tags, digest) ||
	    !is_ready(object, expected)) {
		startup_full = false;
		startup_why = unless_damaged("the start-up scope is not the planned one");
		static_tls_settle();
		if (environment.verbose)
			say(object->map->l_name, "here the start-up scope first differs from the plan", NULL);
		return;
	}
	object->index = startup_next++;
	loaded[object->index] = object;
	if (startup_next < plan->startup)
		return;
	apply_plan(&program_object, &environment, false);
	make_batch_full();
	apply_ifuncs(&program_object);
	startup_full = true;
	static_tls_settle();
}

/* True unless dlopen was told RTLD_DEEPBIND: then the object's own scope comes before the global one.
 * glibc, _dl_new_object() and _dl_map_object_from_fd(). */
static bool usual_scope(struct link_map *map, const struct plan_object *planned)
{
	struct r_scope_elem **scope = ldso_scope(map);

	if (scope[0] == ldso.global || !(planned->flags & PLAN_NOT_DEEPBIND))
		return true;
	return (planned->flags & PLAN_SYMBOLIC) && scope[1] == ldso.global && scope[0]->r_nlist == 1 &&
	       scope[0]->r_list[0] == map;
}

/* True if RTLD_GLOBAL added nothing to the global scope but objects of the plan. */
static bool global_scope_known(void)
{
	for (uint32_t i = plan->scope; i < ldso.global->r_nlist; i++) {
		uint32_t index = plan->startup;
		while (index < plan->object.count &&
		       !(loaded[index] && loaded[index]->map == ldso.global->r_list[i]))
			index++;
		if (index == plan->object.count)
			return false;
	}
	return ldso.global->r_nlist >= plan->scope && ldso.global->r_list[0] == program;
}

/* An object that the plan does not know: it spoils what comes later only if ld.so may take it for one that
 * the plan does know, which it does by name. */
static void open_unknown(struct object *object, const struct tags *tags)
{
	batch_why = unless_damaged("it comes with an object that is not in the plan");
	if (table_has(plan->name, plan_hash(last_component(object->map->l_name))) ||
	    (tags->soname && tags->strtab &&
	     table_has(plan->name, plan_hash((const char *)ldso_pointer(object->map, tags->strtab) +
					     tags->soname->d_un.d_val))))
		spoiled = true;
}

static void open_by_dlopen(struct object *object, const struct tags *tags, uint64_t digest)
{
	uint32_t index = find_planned(object->map, tags, digest);

	/* A second file with the bytes of one that is there is another object to ld.so,
	 * and stands for nothing. */
	if (index == NO_INDEX || loaded[index] || !is_ready(object, &objects[index])) {
		open_unknown(object, tags);
		return;
	}
	object->index = index;
	loaded[index] = object;
	const struct plan_object *planned = &objects[index];
	if (batch == object) {
		const uint32_t *member = plan_at(planned->closure);
		batch_root = index;
		batch_missing = 0;
		for (uint32_t i = 0; i < planned->closure.count; i++)
			batch_missing += member[i] >= plan->object.count || !loaded[member[i]];
	} else if (batch_root == NO_INDEX || !table_has(objects[batch_root].closure, index)) {
		batch_why = "it does not belong to what was asked for";
	} else {
		batch_missing--;
	}
	if (planned->closure.count == 0)
		batch_why = "what it needs is not all in the plan";
	else if (!startup_full)
		batch_why = "the start-up scope is not the planned one";
	else if (spoiled)
		batch_why = "an object that is not in the plan has the name of one that is";
	else if (!ldso.scope || !usual_scope(object->map, planned))
		batch_why = "RTLD_DEEPBIND";
	else if (!batch_why && batch_missing == 0 && !global_scope_known())
		batch_why = "an object that is not in the plan was loaded with RTLD_GLOBAL";
	if (!batch_why && batch_missing == 0)
		make_batch_full();
}

/* True if there is anything to be done with, or said of, an object with TAGS. */
static bool is_wanted(const struct link_map *map, const struct tags *tags)
{
	return plan || environment.verbose || environment.learn ||
	       (tags->stamp[0] && tags->stamp[1] && map->l_addr == 0);
}

static void open_library(struct link_map *map, uintptr_t *cookie)
{
	struct tags tags;
	struct object *object;

	read_dynamic(map->l_ld, &tags);
	object = is_wanted(map, &tags) ? batch_add(map) : NULL;
	if (!object)
		return;
	*cookie = (uintptr_t)object;
	object->known = link_map_known(map, &tags);
	if (!tags.stamp[0] || !tags.stamp[1])
		object->reason = "not prelinked";
	else if (map->l_addr != 0)
		object->reason = "not at its slot";
	else if (!object->known)
		object->reason = "this ld.so is not as known";
	else {
		object->reason = NULL;
		apply_relative(object, &tags);
	}
	if (!plan)
		return;
	uint64_t digest = identity_of_dynamic(map);
	if (!started)
		open_at_startup(object, &tags, digest);
	else
		open_by_dlopen(object, &tags, digest);
}

static void open_program(struct link_map *map, uintptr_t *cookie)
{
	program = map;
	program_object.map = map;
	program_object.index = PLAN_PROGRAM;
	*cookie = (uintptr_t)&program_object;
}

/* ld.so itself comes right after the program, and now there is all that is needed to begin. */
static void open_loader(struct link_map *map)
{
	const void *stack_end = loader_symbol(map, "__libc_stack_end");
	bool known = false;
	struct tags tags;

	loader = map;
	loader_object.map = map;
	if (stack_end)
		environment_read(&environment, *(const uintptr_t *const *)stack_end, map->l_addr);
	else
		environment.off = "an ld.so that is not as known";
	ldso_learn(program, loader, environment.phdr);
	drop_liblist(program);
	static_tls_begin(program, loader);
	if (!environment.off)
		plan_find(program);
	if (!plan && (!environment.off || environment.only_map))
		known = store_find(&environment, program);
	if (known && !plan && !plan_damaged)
		environment.learn = NULL; /* there is nothing to be learnt */
	if (environment.off)
		plan = NULL;
	if (plan && !loaded_have_room())
		plan = NULL;
	if (plan) {
		loaded[PLAN_PROGRAM] = &program_object;
		loaded[PLAN_LOADER] = &loader_object;
	}
	startup_next = PLAN_FIRST_LIBRARY;
	read_dynamic(program->l_ld, &tags);
	if (plan && (!link_map_known(program, &tags) || !ldso.phdr))
		plan = NULL;
	read_dynamic(loader->l_ld, &tags);
	if (plan && !is_planned(loader, &objects[PLAN_LOADER], &tags, identity_of_dynamic(loader)))
		plan = NULL;
	if (!plan)
		static_tls_settle();
	if (environment.verbose && environment.off)
		say(map->l_name, "standing aside, as asked by", environment.off);
}

EXPORT unsigned int la_version(unsigned int version);
EXPORT unsigned int la_version(unsigned int version)
{
	batch_clear();
	return version;
}

/* ld.so is about to look for NAME.  Where the program's search is frozen, and as long as all that came is as
 * planned, it is told where that was found; a path is no longer searched for, and has to be there. */
EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag);
EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
	const char *path = NULL;

	(void)cookie;
	if (flag == LA_SER_ORIG && plan && !started && !startup_why && !contains(name, "/"))
		path = store_found(&environment, name);
	return (char *)(path ? path : name);
}

EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie);
EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie)
{
	*cookie = 0;
	if (lmid != LM_ID_BASE)
		return 0;
	if (!program)
		open_program(map, cookie);
	else if (!loader)
		open_loader(map);
	else if (environment.vdso && (ElfW(Addr))map->l_ld - environment.vdso < 0x10000)
		return 0; /* the kernel's object has nothing to relocate */
	else {
		if (!environment.off)
			open_library(map, cookie);
		size_t wanted = started ? 0 : static_tls_add(map);
		if (wanted)
			start_again(&environment, wanted);
	}
	return 0; /* no interest in any symbol binding */
}

EXPORT void la_activity(uintptr_t *cookie, unsigned int flag);
EXPORT void la_activity(uintptr_t *cookie, unsigned int flag)
{
	if (*cookie != (uintptr_t)&program_object)
		return;
	if (flag == LA_ACT_CONSISTENT) {
		if (environment.verbose)
			batch_report();
		if (environment.learn)
			learn_batch();
		started = true;
	}
	batch_clear();
}

EXPORT unsigned int la_objclose(uintptr_t *cookie);
EXPORT unsigned int la_objclose(uintptr_t *cookie)
{
	struct object *object = loaded_of(*cookie);

	if (!object)
		return 0;
	batch_clear(); /* a dlopen that failed half way is taken back before any other la_activity() */
	if (object->index != NO_INDEX && started && loaded[object->index] == object)
		loaded[object->index] = NULL;
	loaded_free(object);
	*cookie = 0;
	return 0;
}
