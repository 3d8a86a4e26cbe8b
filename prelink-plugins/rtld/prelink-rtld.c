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
 * What is taken away stays in the file: without this module, or where anything differs from the plan,
 * ld.so does it all.
 *
 * Freestanding rules:
 *   - No libc, no thread-local storage, no constructor, no lazy binding, no undefined symbol, none
 *     defined but la_*: ld.so calls us before any library is relocated, ours included.
 *   - Memory that may be written: our own .bss; the l_info pointers of the link map that la_objopen()
 *     is called for, and of those of the same batch (start-up, or one dlopen), none of which ld.so has
 *     relocated yet; the words that the plan names in their segments, still writable then.
 *   - Every l_info pointer is compared with what it must be before it is replaced.
 *   - No system call but write(2) of what PRELINK_RTLD=verbose asks for.
 *   - Foreign code: only the resolvers that the plan names, which are the C library's, and only once the
 *     words of all start-up objects are written; ld.so would call them a little later itself.
 *   - No lock: ld.so calls us at start-up, before there are threads, and from dlopen and dlclose, which
 *     hold its lock (GL(dl_load_lock)) around every call.  Other threads read l_info without that lock
 *     only for objects that are relocated already (lazy binding), whose l_info we never touch again. */
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan_format.h"
#include "machine.h"

#define EXPORT __attribute__((visibility("default")))
#define NO_INDEX UINT32_MAX

/* The start of struct link_map as ld.so knows it (glibc, include/link.h): the same from 2.4 on. */
struct rtld_map {
	struct link_map public;
	struct link_map *l_real;
	Lmid_t l_ns;
	void *l_libname;
	ElfW(Dyn) *l_info[84]; /* [DT_NUM + ...]: by tag where that is small, else see relacount_index */
};

/* glibc, include/link.h: a list of maps to look a symbol up in. */
struct r_scope_elem {
	struct link_map **r_list;
	unsigned int r_nlist;
};

enum level { LEVEL_NONE, LEVEL_RELATIVE, LEVEL_FULL };

/* An object that is loaded now.  Its audit cookie points here. */
struct object {
	struct link_map *map;
	struct object *next;   /* in the batch, then in the free list */
	ElfW(Dyn) table, size; /* what l_info points at in place of the object's own entries */
	uint32_t index;        /* in the plan, or NO_INDEX */
	enum level level;
	const char *reason; /* why no better; for PRELINK_RTLD=verbose */
};

/* The dynamic section's entries that matter here; NULL where absent, the last where repeated, as in
 * ld.so.  Set by read_dynamic(). */
struct tags {
	ElfW(Dyn) *strtab, *symtab, *rela, *relasz, *relacount, *pltrelsz, *relrsz, *soname;
	uint32_t identity[2]; /* DT_CHECKSUM and DT_GNU_PRELINKED, or both in DT_NULL (undo.h); or 0 */
};

static ElfW(Dyn) zero; /* an entry that says 0: no relocations of that kind */
static ElfW(Dyn) type_rela = { DT_PLTREL, { DT_RELA } };
static ElfW(Dyn) program_relasz = { DT_RELASZ, { 0 } };

static struct object pool[PLAN_OBJECTS_MAX];
static uint32_t pool_used;
static struct object *pool_free;

static struct object *loaded[PLAN_OBJECTS_MAX]; /* by index in the plan, what of it is there now */

static const struct plan_header *plan; /* NULL: there is none, or it cannot be used */
static const struct plan_object *objects;
static struct link_map *program, *loader;
static struct object program_object; /* its cookie names the base namespace in la_activity() */
static struct object loader_object;

static bool off, verbose;
static bool started;            /* start-up is over: what comes now comes by dlopen */
static bool startup_full;       /* every start-up object was as planned */
static const char *startup_why; /* the first thing that was not */
static uint32_t startup_next;   /* index of the object expected next */
static bool spoiled;            /* an unknown object has a name of ours: it may be in some object's place */
static ElfW(Addr) vdso;         /* the kernel's object is in the list too, but has nothing to relocate */

/* The batch: what was opened since the last LA_ACT_ADD. */
static struct object *batch, **batch_end;
static uint32_t batch_root;    /* index of the object that dlopen was asked for */
static uint32_t batch_missing; /* objects of its closure that have still to come */
static const char *batch_why;  /* why it cannot be full; NULL while it can */

/* What the plan's resolvers chose in this process.  Set at start-up. */
static ElfW(Addr) chosen[PLAN_RESOLVERS_MAX];
static bool guessed_right; /* all as the files have it */

/* Found in ld.so's own structures rather than known; 0 until found. */
static unsigned relacount_index;          /* of DT_RELACOUNT in l_info */
static size_t scope_offset;               /* bytes, of l_scope in struct link_map */
static const struct r_scope_elem *global; /* the global scope: start-up objects, then RTLD_GLOBAL ones */

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* If TEXT starts with PREFIX, what follows it; else NULL. */
static const char *after(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

static bool contains(const char *text, const char *word)
{
	for (; *text; text++)
		if (after(text, word))
			return true;
	return false;
}

static const char *last_component(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/')
			last = path + 1;
	return last;
}

/* Verbose only: one line on standard error, in one write(2) unless a name is very long. */
static void say(const char *first, const char *second, const char *third)
{
	const char *part[] = { "prelink-rtld: ",   first, ": ", second, third ? ": " : "",
			       third ? third : "", "\n" };
	char line[512];
	size_t used = 0;

	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		for (const char *c = part[i]; *c; c++) {
			if (used == sizeof line) {
				machine_syscall3(SYS_WRITE, 2, (long)line, (long)used);
				used = 0;
			}
			line[used++] = *c;
		}
	machine_syscall3(SYS_WRITE, 2, (long)line, (long)used);
}

static void read_dynamic(ElfW(Dyn) *dyn, struct tags *tags)
{
	*tags = (struct tags){ 0 };
	for (; dyn->d_tag != DT_NULL; dyn++)
		switch (dyn->d_tag) {
		case DT_STRTAB: tags->strtab = dyn; break;
		case DT_SYMTAB: tags->symtab = dyn; break;
		case DT_RELA: tags->rela = dyn; break;
		case DT_RELASZ: tags->relasz = dyn; break;
		case DT_RELACOUNT: tags->relacount = dyn; break;
		case DT_PLTRELSZ: tags->pltrelsz = dyn; break;
		case DT_RELRSZ: tags->relrsz = dyn; break;
		case DT_SONAME: tags->soname = dyn; break;
		case DT_CHECKSUM: tags->identity[0] = (uint32_t)dyn->d_un.d_val; break;
		case DT_GNU_PRELINKED: tags->identity[1] = (uint32_t)dyn->d_un.d_val; break;
		}
	if (!tags->identity[0] && !tags->identity[1]) {
		tags->identity[0] = (uint32_t)dyn->d_un.d_val;
		tags->identity[1] = (uint32_t)(dyn->d_un.d_val >> 32);
	}
}

/* True if l_info of MAP is where we take it to be: the pointers that we may replace, and two that every
 * object has, point at the very entries of the dynamic section. */
static bool link_map_known(struct link_map *map, const struct tags *tags)
{
	ElfW(Dyn) **info = ((struct rtld_map *)map)->l_info;

	if (!tags->strtab || info[DT_STRTAB] != tags->strtab || info[DT_SYMTAB] != tags->symtab ||
	    info[DT_RELA] != tags->rela || info[DT_RELASZ] != tags->relasz ||
	    info[DT_PLTRELSZ] != tags->pltrelsz)
		return false;
	if (tags->relrsz && info[DT_RELRSZ] != tags->relrsz)
		return false; /* a glibc that does not know RELR */
	if (!tags->relacount)
		return true;
	/* Where that is depends on DT_NUM and DT_THISPROCNUM, which have grown over the years. */
	for (unsigned i = relacount_index ? relacount_index : 35; i < 60; i++) {
		if (info[i] == tags->relacount) {
			relacount_index = i;
			return true;
		}
		if (relacount_index)
			break;
	}
	return false;
}

/* Before glibc 2.35, any audit module makes all of DT_JMPREL lazy, -z now or not, and every lazy call index
 * an array of DT_PLTRELSZ / DT_RELAENT results.  Told by DT_NUM, which is 38 since 2.36. */
static bool always_lazy(void)
{
	return relacount_index < 38 + 6;
}

static bool left_to_ldso(const struct plan_object *planned)
{
	return planned->way == PLAN_LEAVE || (planned->way == PLAN_JMPREL && always_lazy());
}

/* Takes away what is relative to the object's own address: RELATIVE records come first in DT_RELA, and
 * DT_RELACOUNT says how many; RELR has nothing else. */
static void make_relative(struct object *object, const struct tags *tags)
{
	ElfW(Dyn) **info = ((struct rtld_map *)object->map)->l_info;

	object->level = LEVEL_RELATIVE;
	if (tags->relrsz)
		info[DT_RELRSZ] = &zero;
	if (!tags->relacount || !tags->rela || !tags->relasz)
		return;
	ElfW(Xword) bytes = tags->relacount->d_un.d_val * sizeof(ElfW(Rela));
	if (bytes > tags->relasz->d_un.d_val)
		return;
	object->table = (ElfW(Dyn)){ DT_RELA, { tags->rela->d_un.d_ptr + bytes } };
	object->size = (ElfW(Dyn)){ DT_RELASZ, { tags->relasz->d_un.d_val - bytes } };
	info[DT_RELA] = &object->table;
	info[DT_RELASZ] = &object->size;
	info[relacount_index] = &zero;
}

static const void *plan_at(struct plan_table table)
{
	return (const char *)plan + table.offset;
}

/* True if a dlopen with RTLD_GLOBAL has added something to the start-up scope. */
static bool global_scope_grown(void)
{
	return started && global->r_nlist > plan->scope;
}

/* Writes what the plan says, and leaves ld.so the residual list. */
static void make_full(struct object *object)
{
	const struct plan_object *planned = &objects[object->index];
	ElfW(Dyn) **info = ((struct rtld_map *)object->map)->l_info;
	ElfW(Addr) bias = object->map->l_addr;

	object->level = LEVEL_FULL;
	object->reason = NULL;
	if (left_to_ldso(planned)) {
		object->reason = "its own relocations are left to ld.so";
		return;
	}
	const struct plan_value *value = plan_at(planned->value);
	for (uint32_t i = 0; i < planned->value.count; i++)
		*(ElfW(Addr) *)(bias + value[i].address) = value[i].value;
	const struct plan_fixup *fixup = plan_at(planned->fixup);
	for (uint32_t i = 0; i < planned->fixup.count; i++)
		*(ElfW(Addr) *)(bias + fixup[i].address) = loaded[fixup[i].object]->map->l_addr +
							   fixup[i].offset;

	ElfW(Addr) residual = (ElfW(Addr))plan_at(planned->residual);
	ElfW(Xword) bytes = (global_scope_grown() ? planned->residual.count : planned->certain) *
			    sizeof(ElfW(Rela));
	if (planned->way == PLAN_JMPREL) {
		/* Not lazy, so nothing ever asks for an entry of the real DT_JMPREL by its number. */
		if (info[DT_RELASZ]) {
			program_relasz.d_un.d_val = relacount_index && info[relacount_index] ?
							    info[relacount_index]->d_un.d_val *
								    sizeof(ElfW(Rela)) :
							    0;
			info[DT_RELASZ] = &program_relasz;
		}
		object->table = (ElfW(Dyn)){ DT_JMPREL, { residual } };
		object->size = (ElfW(Dyn)){ DT_PLTRELSZ, { bytes } };
		info[DT_JMPREL] = &object->table;
		info[DT_PLTRELSZ] = &object->size;
		info[DT_PLTREL] = &type_rela;
		return;
	}
	object->table = (ElfW(Dyn)){ DT_RELA, { residual } };
	object->size = (ElfW(Dyn)){ DT_RELASZ, { bytes } };
	info[DT_RELA] = &object->table;
	info[DT_RELASZ] = &object->size;
	/* _dl_fixup() goes by DT_JMPREL alone, so lazy calls still find their records. */
	if (info[DT_PLTRELSZ] && !(planned->flags & PLAN_KEEP_PLT) &&
	    !((planned->flags & PLAN_LAZY) && always_lazy()))
		info[DT_PLTRELSZ] = &zero;
}

/* Asks the IFUNC resolvers; see struct plan_resolver. */
static void ask_resolvers(void)
{
	const struct plan_resolver *resolver = plan_at(plan->resolver);

	guessed_right = true;
	for (uint32_t i = 0; i < plan->resolver.count; i++) {
		chosen[i] = ((ElfW(Addr)(*)(void))resolver[i].resolver)();
		guessed_right &= chosen[i] == resolver[i].guess;
	}
}

static void write_ifuncs(const struct object *object)
{
	const struct plan_object *planned = &objects[object->index];
	const struct plan_ifunc *ifunc = plan_at(planned->ifunc);

	if (left_to_ldso(planned))
		return;
	for (uint32_t i = guessed_right ? planned->guessed : 0; i < planned->ifunc.count; i++)
		*(ElfW(Addr) *)(object->map->l_addr + ifunc[i].address) = chosen[ifunc[i].resolver];
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

static struct object *object_new(struct link_map *map)
{
	struct object *object = pool_free;

	if (object)
		pool_free = object->next;
	else if (pool_used < PLAN_OBJECTS_MAX)
		object = &pool[pool_used++];
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
	uintptr_t at = cookie - (uintptr_t)pool;

	return at < sizeof pool && at % sizeof *pool == 0 ? &pool[at / sizeof *pool] : NULL;
}

static void batch_clear(void)
{
	batch = NULL;
	batch_end = &batch;
	batch_root = NO_INDEX;
	batch_why = NULL;
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
			reason = plan ? "not everything it needs is in the plan" : "the program has no plan";
		say(object->map->l_name, level[object->level], reason);
	}
}

/* True if MAP is where PLANNED says and the very file that prelink saw. */
static bool is_planned(const struct link_map *map, const struct plan_object *planned, const struct tags *tags)
{
	if ((ElfW(Addr))map->l_ld != map->l_addr + planned->dynamic)
		return false;
	const uint32_t *identity;
	if ((planned->flags & PLAN_UNPLACED) &&
	    planned->note) /* its first page is mapped, whatever file it is */
		identity = (const uint32_t *)(map->l_addr + planned->note);
	else if ((planned->flags & PLAN_UNPLACED) || map->l_addr == 0)
		identity = tags->identity;
	else
		return false;
	return identity[0] == planned->identity[0] && identity[1] == planned->identity[1];
}

/* Index of the plugin-side object that MAP is, or NO_INDEX. */
static uint32_t find_planned(const struct link_map *map, const struct tags *tags)
{
	ElfW(Addr) dynamic = (ElfW(Addr))map->l_ld;
	uint32_t low = plan->startup, high = plan->unplaced;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (objects[middle].dynamic < dynamic)
			low = middle + 1;
		else
			high = middle;
	}
	/* Of a group of which only one is loaded at a time, several may share a slot. */
	for (; low < plan->unplaced && objects[low].dynamic == dynamic; low++)
		if (is_planned(map, &objects[low], tags))
			return low;
	for (low = plan->unplaced; low < plan->object.count; low++)
		if (is_planned(map, &objects[low], tags))
			return low;
	return NO_INDEX;
}

static bool table_has(struct plan_table table, uint32_t wanted)
{
	const uint32_t *entry = plan_at(table);
	uint32_t low = 0, high = table.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (entry[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table.count && entry[low] == wanted;
}

/* At start-up objects come in one order; what comes out of order, or is not the file that was prelinked,
 * leaves the scope other than planned. */
static void open_at_startup(struct object *object, const struct tags *tags)
{
	const struct plan_object *expected = &objects[startup_next];

	if (startup_why)
		return;
	if (startup_next == plan->startup || !is_planned(object->map, expected, tags) ||
	    (object->level == LEVEL_NONE && expected->way != PLAN_LEAVE)) {
		startup_full = false;
		startup_why = "the start-up scope is not the planned one";
		if (verbose)
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
}

/* True unless dlopen was told RTLD_DEEPBIND: then the object's own scope comes before the global one.
 * glibc, _dl_new_object() and _dl_map_object_from_fd(). */
static bool usual_scope(struct link_map *map, const struct plan_object *planned)
{
	struct r_scope_elem **scope = *(struct r_scope_elem ***)((char *)map + scope_offset);

	if (scope[0] == global || !(planned->flags & PLAN_NOT_DEEPBIND))
		return true;
	return (planned->flags & PLAN_SYMBOLIC) && scope[1] == global && scope[0]->r_nlist == 1 &&
	       scope[0]->r_list[0] == map;
}

/* True if RTLD_GLOBAL added nothing to the global scope but objects of the plan. */
static bool global_scope_known(void)
{
	for (uint32_t i = plan->scope; i < global->r_nlist; i++) {
		uint32_t index = plan->startup;
		while (index < plan->object.count &&
		       !(loaded[index] && loaded[index]->map == global->r_list[i]))
			index++;
		if (index == plan->object.count)
			return false;
	}
	return global->r_nlist >= plan->scope && global->r_list[0] == program;
}

/* An object that the plan does not know: it spoils what comes later only if ld.so may take it for one that
 * the plan does know, which it does by name. */
static void open_unknown(struct object *object, const struct tags *tags)
{
	batch_why = "it comes with an object that is not in the plan";
	if (table_has(plan->name, plan_hash(last_component(object->map->l_name))) ||
	    (tags->soname && tags->strtab &&
	     table_has(plan->name,
		       plan_hash((const char *)tags->strtab->d_un.d_ptr + tags->soname->d_un.d_val))))
		spoiled = true;
}

static void open_by_dlopen(struct object *object, const struct tags *tags)
{
	uint32_t index = find_planned(object->map, tags);

	if (index == NO_INDEX || (object->level == LEVEL_NONE && objects[index].way != PLAN_LEAVE)) {
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
			batch_missing += !loaded[member[i]];
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
	else if (!scope_offset || !usual_scope(object->map, planned))
		batch_why = "RTLD_DEEPBIND";
	else if (!batch_why && batch_missing == 0 && !global_scope_known())
		batch_why = "an object that is not in the plan was loaded with RTLD_GLOBAL";
	if (!batch_why && batch_missing == 0)
		make_batch_full();
}

static void open_library(struct link_map *map, uintptr_t *cookie)
{
	struct tags tags;
	struct object *object;

	if (vdso && (ElfW(Addr))map->l_ld - vdso < 0x10000)
		return;
	object = object_new(map);
	if (!object)
		return;
	*cookie = (uintptr_t)object;
	read_dynamic(map->l_ld, &tags);
	if (!tags.identity[0] || !tags.identity[1])
		object->reason = "not prelinked";
	else if (map->l_addr != 0)
		object->reason = "not at its slot";
	else if (!link_map_known(map, &tags))
		object->reason = "this ld.so is not as known";
	else {
		object->reason = NULL;
		make_relative(object, &tags);
	}
	if (!plan)
		return;
	if (!started)
		open_at_startup(object, &tags);
	else
		open_by_dlopen(object, &tags);
}

/* Where l_scope is in struct link_map: after `struct r_scope_elem *l_scope_mem[4]' and `size_t l_scope_max',
 * and pointing at the former.  That of the program holds its own l_searchlist, the global scope. */
static void find_scope(void)
{
	for (size_t at = sizeof(struct rtld_map) - 16 * sizeof(void *); at < 1400; at += sizeof(void *)) {
		uintptr_t *word = (uintptr_t *)((char *)program + at);
		if (word[4] == 4 && word[5] == (uintptr_t)word && word[1] == 0 &&
		    word[0] - (uintptr_t)program < 1400) {
			scope_offset = at + 5 * sizeof(void *);
			global = (const struct r_scope_elem *)word[0];
			return;
		}
	}
}

static bool table_fits(struct plan_table table, size_t record)
{
	return table.offset % 4 == 0 && table.offset <= plan->size &&
	       table.count <= (plan->size - table.offset) / record;
}

/* Bounds of every table, once.  Not of what is in them: who can write a program's plan can write the
 * program, and looking at all of it would cost what it saves. */
static bool plan_sound(void)
{
	if (plan->magic != PLAN_MAGIC || plan->size < sizeof *plan ||
	    !table_fits(plan->object, sizeof(struct plan_object)) ||
	    !table_fits(plan->name, sizeof(uint32_t)) || plan->object.count > PLAN_OBJECTS_MAX ||
	    plan->startup <= PLAN_FIRST_LIBRARY || plan->startup > plan->unplaced ||
	    plan->unplaced > plan->object.count || plan->resolver.count > PLAN_RESOLVERS_MAX ||
	    !table_fits(plan->resolver, sizeof(struct plan_resolver)))
		return false;
	objects = plan_at(plan->object);
	for (uint32_t i = 0; i < plan->object.count; i++) {
		const struct plan_object *object = &objects[i];
		if (!table_fits(object->closure, sizeof(uint32_t)) ||
		    !table_fits(object->value, sizeof(struct plan_value)) ||
		    !table_fits(object->fixup, sizeof(struct plan_fixup)) ||
		    !table_fits(object->residual, sizeof(ElfW(Rela))) ||
		    !table_fits(object->ifunc, sizeof(struct plan_ifunc)))
			return false;
		if (object->note > 4096 - 8 || object->certain > object->residual.count)
			return false;
	}
	return true;
}

/* glibc before 2.36 may find that it has nothing to relocate, by a list of libraries in the program
 * (liblist.h); but with an audit module it gives no static TLS to an object that it does not relocate.  So
 * the list becomes an empty one, which never matches. */
static void drop_liblist(struct link_map *map)
{
	ElfW(Dyn) **info = ((struct rtld_map *)map)->l_info;
	size_t count = sizeof((struct rtld_map *)map)->l_info / sizeof *info;

	for (ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++)
		for (size_t i = 35; dyn->d_tag == DT_GNU_LIBLISTSZ && i < count; i++)
			if (info[i] == dyn)
				info[i] = &zero;
}

static void open_program(struct link_map *map, uintptr_t *cookie)
{
	struct tags tags;

	drop_liblist(map);

	program = map;
	program_object.map = map;
	program_object.index = PLAN_PROGRAM;
	loaded[PLAN_PROGRAM] = &program_object;
	*cookie = (uintptr_t)&program_object;
	for (const ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_PRELINK_PLAN)
			plan = (const void *)(map->l_addr + dyn->d_un.d_ptr);
	if (!plan)
		return;
	read_dynamic(map->l_ld, &tags);
	if (!plan_sound() || !link_map_known(map, &tags))
		plan = NULL;
	startup_next = PLAN_FIRST_LIBRARY;
	find_scope();
}

/* The value of ld.so's data symbol NAME, a pointer; NULL where it is not there. */
static const void *loader_pointer(const char *name)
{
	const uint32_t *hash = NULL;
	const ElfW(Sym) *symbol = NULL;
	const char *strings = NULL;
	uint32_t wanted = plan_hash(name);

	for (const ElfW(Dyn) *dyn = loader->l_ld; dyn->d_tag != DT_NULL; dyn++)
		switch (dyn->d_tag) {
		case DT_GNU_HASH: hash = (const void *)dyn->d_un.d_ptr; break;
		case DT_SYMTAB: symbol = (const void *)dyn->d_un.d_ptr; break;
		case DT_STRTAB: strings = (const void *)dyn->d_un.d_ptr; break;
		}
	if (!hash || !symbol || !strings || hash[0] == 0)
		return NULL;
	const uint32_t *bucket = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + hash[0] - hash[1];
	uint32_t at = bucket[wanted % hash[0]];
	if (at < hash[1])
		return NULL;
	for (;; at++) {
		if ((chain[at] | 1) == (wanted | 1) && equal(strings + symbol[at].st_name, name))
			return *(const void *const *)(loader->l_addr + symbol[at].st_value);
		if (chain[at] & 1)
			return NULL;
	}
}

/* True if the module named by LD_AUDIT, alone, is this one. */
static bool only_us(const char *modules)
{
	return !contains(modules, ":") && equal(last_component(modules), "prelink-rtld.so");
}

/* Reads one variable.  Those of ld.so that ask to see each binding, or all of them at once, need ld.so to
 * make them. */
static void read_variable(const char *variable)
{
	const char *value;

	if ((value = after(variable, "PRELINK_RTLD="))) {
		off = off || equal(value, "off");
		verbose = equal(value, "verbose");
	} else if ((value = after(variable, "LD_DEBUG="))) {
		off = off || contains(value, "bindings") || contains(value, "symbols") ||
		      contains(value, "all");
	} else if ((value = after(variable, "LD_AUDIT="))) {
		off = off || (*value && !only_us(value));
	} else if ((value = after(variable, "LD_BIND_NOW=")) || (value = after(variable, "LD_PROFILE="))) {
		off = off || *value;
	} else if (after(variable, "LD_TRACE_LOADED_OBJECTS=")) {
		off = true;
	}
}

/* ld.so itself comes right after the program.  It keeps where the kernel put argc, the arguments, the
 * environment and the auxiliary vector, one after the other. */
static void open_loader(struct link_map *map)
{
	loader = map;
	loader_object.map = map;
	loaded[PLAN_LOADER] = &loader_object;
	struct tags tags;
	read_dynamic(map->l_ld, &tags);
	if (plan && !is_planned(map, &objects[PLAN_LOADER], &tags))
		plan = NULL;
	const uintptr_t *word = loader_pointer("__libc_stack_end");
	if (!word) {
		off = true;
		return;
	}
	for (word++; *word; word++)
		;
	for (word++; *word; word++)
		read_variable((const char *)*word);
	for (word++; word[0] != AT_NULL; word += 2) {
		if (word[0] == AT_SECURE && word[1])
			off = true;
		if (word[0] == AT_SYSINFO_EHDR)
			vdso = word[1];
	}
	if (verbose && off)
		say(map->l_name, "standing aside, as the environment asks", NULL);
}

EXPORT unsigned int la_version(unsigned int version);
EXPORT unsigned int la_version(unsigned int version)
{
	batch_clear();
	return version;
}

EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie);
EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie)
{
	*cookie = 0;
	if (lmid != LM_ID_BASE || off)
		return 0;
	if (!program)
		open_program(map, cookie);
	else if (!loader)
		open_loader(map);
	else
		open_library(map, cookie);
	return 0; /* no interest in any symbol binding */
}

EXPORT void la_activity(uintptr_t *cookie, unsigned int flag);
EXPORT void la_activity(uintptr_t *cookie, unsigned int flag)
{
	if (off || *cookie != (uintptr_t)&program_object)
		return;
	if (flag == LA_ACT_CONSISTENT) {
		if (verbose)
			batch_report();
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
