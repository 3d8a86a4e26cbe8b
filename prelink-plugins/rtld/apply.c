/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing what a plan says, and taking from ld.so what is done then; see apply.h. */
#include "apply.h"

#include "bounds.h"
#include "machine.h"
#include "planned.h"
#include "populate.h"
#include "store_format.h"

static ElfW(Dyn) zero; /* an entry that says 0: no relocations of that kind */
static ElfW(Dyn) type_rel = { DT_PLTREL, { MACHINE_DT_REL } };
static ElfW(Dyn) program_relsz = { MACHINE_DT_RELSZ, { 0 } };

static bool guessed_right; /* the resolvers chose what the files have */

/* True where ld.so would add the load bias to a word that it has bound: of an object that has one and
 * is bound lazily, it goes through the residual list, and then adds the bias to all JUMP_SLOTs, those
 * of the list among them. */
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

/* Has ld.so take the SIZE bytes at TABLE, as an entry names it, for what OBJECT has
 * under TAG and SIZE_TAG. */
static void replace_table(struct object *object, unsigned tag, unsigned size_tag, ElfW(Addr) table,
			  ElfW(Xword) size)
{
	ElfW(Dyn) **info = ldso_info(object->map);

	object->table = (ElfW(Dyn)){ (int)tag, { table } };
	object->size = (ElfW(Dyn)){ (int)size_tag, { size } };
	info[tag] = &object->table;
	info[size_tag] = &object->size;
}

void apply_relative(struct object *object, const struct tags *tags)
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

static void relocate_relative(struct link_map *map)
{
	struct relative relative = relative_of(map);

	for (ElfW(Xword) i = 0; i < relative.count; i++)
		machine_relative(map->l_addr, &relative.reloc[i]);
}

/* RELR relocations (gABI, "Relative Relocation Table"), which ld.so would apply before those: a resolver of
 * the C library may read a word that they are about, as ppc64's do. */
static void relocate_relr(struct link_map *map)
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

/* Has the pages that the words of OBJECT are on ready: those of its own relocations and of its block, and
 * those that the plan has for it alone. */
static void populate(const struct object *object, const struct plan_object *planned, struct writable writable,
		     unsigned page_shift)
{
	struct pages pages = { .writable = writable, .shift = page_shift };
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

void apply_plan(struct object *object, const struct environment *environment, bool grown)
{
	const struct plan_object *planned = &objects[object->index];
	const machine_reloc *residual = plan_at(planned->residual);
	uint32_t count = grown ? planned->residual.count : planned->certain;
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
	populate(object, planned, writable, environment->page_shift);
	if (planned->flags & PLAN_ANYWHERE) {
		relocate_relr(object->map);
		relocate_relative(object->map);
		if (planned->block)
			write_block(object, planned, writable);
	}
	write_words(object, planned, writable);
	leave_residual(object, planned, residual, count);
}

void apply_resolvers(const struct environment *environment)
{
	const struct plan_resolver *resolver = plan_at(plan->resolver);

	guessed_right = true;
	for (uint32_t i = 0; i < plan->resolver.count; i++) {
		ElfW(Addr) base = resolver[i].object && resolver[i].object < plan->startup ?
					  loaded[resolver[i].object]->map->l_addr :
					  0;
		room->chosen[i] = machine_resolve(base + resolver[i].resolver, environment->hwcap);
		guessed_right &= room->chosen[i] == resolver[i].guess;
	}
}

void apply_ifuncs(const struct object *object)
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
