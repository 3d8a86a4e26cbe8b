/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run-time module: an rtld-audit(7) object that lets glibc's own ld.so use what prelink prepared.
 *
 * ld.so calls la_objopen() for every object, when it has mapped it and read its dynamic section, and
 * before it relocates anything of the start-up, or of the dlopen, in progress.  There the module
 * compares the object with the program's plan (plan_format.h), and takes from ld.so the work that is
 * already done.  Each object gets one of three levels:
 *
 *   full           all objects of its scope are there, at their slots and unchanged: the planned words
 *                  are written, and ld.so is left the plan's residual list instead of the object's tables
 *   relative only  the object itself is at its slot and unchanged, something else is not: its RELATIVE
 *                  and RELR relocations, which are applied in the file, are taken away
 *   none           anything else; nothing at all is touched
 *
 * Whatever the level, and also where it stands aside: the thread variables of start-up objects are kept where they
 * would be without an audit module (static_tls.h).
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
 *     what PRELINK_RTLD=verbose asks for, statx(2) and prlimit(2) of a store, and, where filtered.h says that nobody minds, those of
 *     populate.c, and of learn.c where PRELINK_LEARN asks for them.
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
#include "bounds.h"
#include "environment.h"
#include "kernel.h"
#include "ldso.h"
#include "learn.h"
#include "machine.h"
#include "memory_identity.h"
#include "planned.h"
#include "populate.h"
#include "static_tls.h"
#include "store.h"
#include "store_format.h"
#include "text.h"

#define EXPORT __attribute__((visibility("default")))

enum level { LEVEL_NONE, LEVEL_RELATIVE, LEVEL_FULL };

/* An object that is loaded now.  Its audit cookie points here. */
struct object {
	struct link_map *map;
	struct object *next;   /* in the batch, then in the free list */
	ElfW(Dyn) table, size; /* what l_info points at in place of the object's own entries */
	uint32_t index;        /* in the plan, or NO_INDEX */
	enum level level;
	bool known;         /* its l_info is as link_map_known() wants it */
	const char *reason; /* why no better; for PRELINK_RTLD=verbose */
};

static ElfW(Dyn) zero; /* an entry that says 0: no relocations of that kind */
static ElfW(Dyn) type_rel = { DT_PLTREL, { MACHINE_DT_REL } };
static ElfW(Dyn) program_relsz = { MACHINE_DT_RELSZ, { 0 } };

/* What is only needed where there is a plan, or an object that may be one of ours.  See have_room(). */
struct room {
	struct object pool[PLAN_OBJECTS_MAX];
	struct object *loaded[PLAN_OBJECTS_MAX]; /* by index in the plan, what of it is there now */
	ElfW(Addr) chosen
		[PLAN_RESOLVERS_MAX]; /* what the plan's resolvers chose in this process; set at start-up */
};
static struct room *room;
static struct object **loaded; /* of the room */
static uint32_t pool_used;
static struct object *pool_free;

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

static bool guessed_right; /* the resolvers chose what the files have */

/* True where ld.so would add the load bias to a word that it has bound: of an object that has one and is bound lazily,
 * it goes through the residual list, and then adds the bias to all JUMP_SLOTs, those of the list among them. */
static bool bound_twice(const struct plan_object *planned)
{
	const machine_reloc *residual = plan_at(planned->residual);

	if (!always_lazy() || !(planned->flags & PLAN_ANYWHERE) || !(planned->flags & PLAN_LAZY))
		return false;
	for (uint32_t i = 0; i < planned->residual.count; i++)
		if (MACHINE_R_TYPE(residual[i].r_info) == MACHINE_R_JUMP_SLOT)
			return true;
	return false;
}

static bool left_to_ldso(const struct plan_object *planned)
{
	return planned->way == PLAN_LEAVE || (planned->way == PLAN_JMPREL && always_lazy()) ||
	       bound_twice(planned);
}

/* Has ld.so take the SIZE bytes at TABLE, as an entry names it, for what OBJECT has under TAG and SIZE_TAG. */
static void replace_table(struct object *object, unsigned tag, unsigned size_tag, ElfW(Addr) table,
			  ElfW(Xword) size)
{
	ElfW(Dyn) **info = ldso_info(object->map);

	object->table = (ElfW(Dyn)){ (int)tag, { table } };
	object->size = (ElfW(Dyn)){ (int)size_tag, { size } };
	info[tag] = &object->table;
	info[size_tag] = &object->size;
}

/* Takes away what is relative to the object's own address: RELATIVE records come first in DT_RELA, and
 * DT_RELACOUNT says how many; RELR has nothing else. */
static void make_relative(struct object *object, const struct tags *tags)
{
	ElfW(Dyn) **info = ldso_info(object->map);

	object->level = LEVEL_RELATIVE;
	if (tags->relrsz)
		info[DT_RELRSZ] = &zero;
	if (!tags->relcount || !tags->rel || !tags->relsz)
		return;
	ElfW(Xword) bytes = tags->relcount->d_un.d_val * sizeof(machine_reloc);
	if (bytes > tags->relsz->d_un.d_val)
		return;
	replace_table(object, MACHINE_DT_REL, MACHINE_DT_RELSZ, tags->rel->d_un.d_ptr + bytes,
		      tags->relsz->d_un.d_val - bytes);
	info[ldso_relcount()] = &zero;
}

/* True if a dlopen with RTLD_GLOBAL has added something to the start-up scope. */
static bool global_scope_grown(void)
{
	return started && ldso.global->r_nlist > plan->scope;
}

/* Whether OBJECT may be treated as PLANNED wants it to be. */
static bool is_ready(const struct object *object, const struct plan_object *planned)
{
	return planned->way == PLAN_LEAVE ||
	       (planned->flags & PLAN_ANYWHERE ? object->known : object->level != LEVEL_NONE);
}

/* RELATIVE relocations, which ld.so would apply first: DT_RELACOUNT counts them. */
struct relative {
	const machine_reloc *reloc;
	ElfW(Xword) count;
};

static struct relative relative_of(struct link_map *map)
{
	ElfW(Dyn) *const *info = ldso_info(map);
	struct relative relative = { NULL, 0 };

	if (info[MACHINE_DT_REL] && info[ldso_relcount()])
		relative = (struct relative){ ldso_pointer(map, info[MACHINE_DT_REL]),
					      info[ldso_relcount()]->d_un.d_val };
	return relative;
}

static void apply_relative(struct link_map *map)
{
	struct relative relative = relative_of(map);

	for (ElfW(Xword) i = 0; i < relative.count; i++)
		machine_relative(map->l_addr, &relative.reloc[i]);
}

/* RELR relocations (gABI, "Relative Relocation Table"), which ld.so would apply before those: a resolver of
 * the C library may read a word that they are about, as ppc64's do. */
static void apply_relr(struct link_map *map)
{
	ElfW(Dyn) **info = ldso_info(map);

	/* Before glibc 2.36 something else lies there. */
	if (!info[DT_RELR] || info[DT_RELR]->d_tag != DT_RELR || !info[DT_RELRSZ] ||
	    info[DT_RELRSZ]->d_tag != DT_RELRSZ)
		return;
	const ElfW(Addr) *entry = ldso_pointer(map, info[DT_RELR]);
	const ElfW(Addr) *end = entry + info[DT_RELRSZ]->d_un.d_val / sizeof *entry;
	ElfW(Addr) *word = NULL;
	for (; entry < end; entry++) {
		if (!(*entry & 1)) {
			word = (ElfW(Addr) *)(map->l_addr + *entry);
			*word++ += map->l_addr;
			continue;
		}
		for (size_t i = 0; i < sizeof *entry * 8 - 1; i++)
			if (*entry >> (i + 1) & 1)
				word[i] += map->l_addr;
		word += sizeof *entry * 8 - 1;
	}
	info[DT_RELRSZ] = &zero;
}

/* Whether lazy JUMP_SLOTs are bound with the rest, not left to ld.so. */
static bool writes_plt(const struct plan_object *planned)
{
	return !(planned->flags & PLAN_KEEP_PLT) && !((planned->flags & PLAN_LAZY) && always_lazy());
}

static const struct store_word *block_words(const struct store_block *block)
{
	return (const void *)((const struct store_group *)(block + 1) + block->group_count);
}

/* Writes the bindings that OBJECT has in every program; see store_format.h. */
static void write_block(const struct object *object, const struct plan_object *planned,
			struct writable writable)
{
	const struct store_block *block = (const void *)(plan_base + planned->block);
	const struct store_group *group = (const void *)(block + 1);
	const struct store_word *word = block_words(block);
	bool plt = writes_plt(planned);
	ElfW(Addr) bias = object->map->l_addr;
	uint32_t left = block->word_count;

	for (uint32_t i = 0; i < block->group_count; i++) {
		uint32_t count = group[i].count & ~STORE_PLT, index = find_member(group[i].number);
		bool nobody = group[i].number == STORE_NOBODY;

		if (count > left)
			return;
		left -= count;
		if ((!nobody && (index == NO_INDEX || !loaded[index])) ||
		    ((group[i].count & STORE_PLT) && !plt)) {
			word += count;
			continue;
		}
		ElfW(Addr) base = nobody ? 0 : loaded[index]->map->l_addr;
		for (; count; count--, word++)
			if (may_write(writable, word->address))
				*(ElfW(Addr) *)(bias + word->address) = base + word->offset;
	}
}

/* Writes what the plan has for OBJECT alone. */
static void write_words(const struct object *object, const struct plan_object *planned,
			struct writable writable)
{
	const struct plan_value *value = plan_at(planned->value);
	const struct plan_fixup *fixup = plan_at(planned->fixup);
	ElfW(Addr) bias = object->map->l_addr;

	for (uint32_t i = 0; i < planned->value.count; i++)
		if (may_write(writable, value[i].address))
			*(ElfW(Addr) *)(bias + value[i].address) = value[i].value;
	for (uint32_t i = 0; i < planned->fixup.count; i++) {
		uint32_t index = fixup[i].object;
		bool nobody = index == NO_INDEX, there = index < plan->object.count && loaded[index];

		if ((nobody || there) && (!fixup[i].plt || writes_plt(planned)) &&
		    may_write(writable, fixup[i].address))
			*(ElfW(Addr) *)(bias + fixup[i].address) = (nobody ? 0 : loaded[index]->map->l_addr) +
								   fixup[i].offset;
	}
}

/* Has the pages that the words of OBJECT are on ready: those of its own relocations and of its block, and those that
 * the plan has for it alone. */
static void populate(const struct object *object, const struct plan_object *planned, struct writable writable)
{
	struct pages pages = { .writable = writable, .shift = environment.page_shift };
	const struct plan_value *value = plan_at(planned->value);
	const struct plan_fixup *fixup = plan_at(planned->fixup);

	if (planned->flags & PLAN_ANYWHERE) {
		struct relative relative = relative_of(object->map);
		for (ElfW(Xword) i = 0; i < relative.count; i++)
			pages_want(&pages, relative.reloc[i].r_offset);
	}
	if (planned->block) {
		const struct store_block *block = (const void *)(plan_base + planned->block);
		const struct store_word *word = block_words(block);
		for (uint32_t i = 0; i < block->word_count; i++)
			pages_want(&pages, word[i].address);
	}
	for (uint32_t i = 0; i < planned->value.count; i++)
		pages_want(&pages, value[i].address);
	for (uint32_t i = 0; i < planned->fixup.count; i++)
		pages_want(&pages, fixup[i].address);
	pages_populate(&pages, object->map->l_addr);
}

/* Leaves ld.so COUNT records at RESIDUAL in place of OBJECT's own. */
static void leave_residual(struct object *object, const struct plan_object *planned,
			   const machine_reloc *residual, uint32_t count)
{
	ElfW(Dyn) **info = ldso_info(object->map);
	ElfW(Addr) table = ldso_address(object->map, residual);
	ElfW(Xword) size = count * sizeof *residual;

	if (planned->way == PLAN_JMPREL) {
		/* Not lazy, so nothing ever asks for an entry of the real DT_JMPREL by its number. */
		if (info[MACHINE_DT_RELSZ]) {
			program_relsz.d_un.d_val = info[ldso_relcount()] ? info[ldso_relcount()]->d_un.d_val *
										   sizeof(machine_reloc) :
									   0;
			info[MACHINE_DT_RELSZ] = &program_relsz;
		}
		replace_table(object, DT_JMPREL, DT_PLTRELSZ, table, size);
		info[DT_PLTREL] = &type_rel;
		return;
	}
	replace_table(object, MACHINE_DT_REL, MACHINE_DT_RELSZ, table, size);
	if ((planned->flags & PLAN_ANYWHERE) && info[ldso_relcount()])
		info[ldso_relcount()] = &zero;
	/* _dl_fixup() goes by DT_JMPREL alone, so lazy calls still find their records. */
	if (info[DT_PLTRELSZ] && writes_plt(planned))
		info[DT_PLTRELSZ] = &zero;
}

/* Writes what the plan says, and leaves ld.so the residual list. */
static void make_full(struct object *object)
{
	const struct plan_object *planned = &objects[object->index];
	const machine_reloc *residual = plan_at(planned->residual);
	uint32_t count = global_scope_grown() ? planned->residual.count : planned->certain;
	struct writable writable = writable_of(object->map);

	if (left_to_ldso(planned)) {
		object->level = LEVEL_FULL;
		object->reason = "its own relocations are left to ld.so";
		return;
	}
	if (!residual_sound(object->map, writable, residual, count)) {
		object->reason = "the plan leaves ld.so what it cannot do";
		return;
	}
	object->level = LEVEL_FULL;
	object->reason = NULL;
	populate(object, planned, writable);
	if (planned->flags & PLAN_ANYWHERE) {
		apply_relr(object->map);
		apply_relative(object->map);
		if (planned->block)
			write_block(object, planned, writable);
	}
	write_words(object, planned, writable);
	leave_residual(object, planned, residual, count);
}

/* Asks the IFUNC resolvers; see struct plan_resolver. */
static void ask_resolvers(void)
{
	const struct plan_resolver *resolver = plan_at(plan->resolver);

	guessed_right = true;
	for (uint32_t i = 0; i < plan->resolver.count; i++) {
		ElfW(Addr) base = resolver[i].object && resolver[i].object < plan->startup ?
					  loaded[resolver[i].object]->map->l_addr :
					  0;
		room->chosen[i] = machine_resolve(base + resolver[i].resolver, environment.hwcap);
		guessed_right &= room->chosen[i] == resolver[i].guess;
	}
}

static void write_ifuncs(const struct object *object)
{
	const struct plan_object *planned = &objects[object->index];
	const struct plan_ifunc *ifunc = plan_at(planned->ifunc);

	if (object->level != LEVEL_FULL || !planned->ifunc.count || left_to_ldso(planned))
		return;
	struct writable writable = writable_of(object->map);
	for (uint32_t i = guessed_right ? planned->guessed : 0; i < planned->ifunc.count; i++)
		if ((!ifunc[i].plt || writes_plt(planned)) && ifunc[i].resolver < plan->resolver.count &&
		    may_write(writable, ifunc[i].address))
			*(ElfW(Addr) *)(object->map->l_addr + ifunc[i].address) =
				room->chosen[ifunc[i].resolver];
}

static void make_batch_full(void)
{
	for (struct object *object = batch; object; object = object->next)
		make_full(object);
	if (!started)
		ask_resolvers();
	for (const struct object *object = batch; object; object = object->next)
		write_ifuncs(object);
}

/* Has the room there.  False where there is no memory for it: nothing can be done then. */
static bool have_room(void)
{
	if (!room)
		room = kernel_mmap(sizeof *room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (room)
		loaded = room->loaded;
	return room;
}

static struct object *object_new(struct link_map *map)
{
	struct object *object = pool_free;

	if (object)
		pool_free = object->next;
	else if (have_room() && pool_used < PLAN_OBJECTS_MAX)
		object = &room->pool[pool_used++];
	else
		return NULL;
	object->map = map;
	object->next = NULL;
	object->index = NO_INDEX;
	object->level = LEVEL_NONE;
	*batch_end = object;
	batch_end = &object->next;
	return object;
}

/* The object that COOKIE stands for; NULL where it is not one of ours.  ld.so hands us cookies that it never
 * let us set, whose value is its own link map (glibc, _dl_new_object()): those of the maps that stand for itself
 * in a namespace that dlmopen made, and of what a failing dlopen takes back before la_objopen() came. */
static struct object *object_of(uintptr_t cookie)
{
	uintptr_t at = room ? cookie - (uintptr_t)room->pool : 0;

	return room && at < sizeof room->pool && at % sizeof *room->pool == 0 ?
		       &room->pool[at / sizeof *room->pool] :
		       NULL;
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
static void batch_report(void)
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
static void learn_batch(void)
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
	make_full(&program_object);
	make_batch_full();
	write_ifuncs(&program_object);
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

	/* A second file with the bytes of one that is there is another object to ld.so, and stands for nothing. */
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
	object = is_wanted(map, &tags) ? object_new(map) : NULL;
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
		make_relative(object, &tags);
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
	if (plan && !have_room())
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

/* ld.so is about to look for NAME.  Where the program's search is frozen, and as long as all that came is as planned, it
 * is told where that was found; a path is no longer searched for, and has to be there. */
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
	struct object *object = object_of(*cookie);

	if (!object)
		return 0;
	batch_clear(); /* a dlopen that failed half way is taken back before any other la_activity() */
	if (object->index != NO_INDEX && started && loaded[object->index] == object)
		loaded[object->index] = NULL;
	object->next = pool_free;
	pool_free = object;
	*cookie = 0;
	return 0;
}
