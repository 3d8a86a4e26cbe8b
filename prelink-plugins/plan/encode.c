/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan in the form of rtld/plan_format.h, into the program's file and out of it; see plan.h. */
#include "plan/plan.h"

#include <stdlib.h>

#include "diag.h"
#include "plan/draft.h"

/* Encoding: the header, the objects, and then each object's tables and the names. */

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~7ull;
}

uint64_t plan_size(const struct plan *plan)
{
	uint64_t size = padded(sizeof(struct plan_header)) + plan->count * sizeof(struct plan_object);

	for (size_t i = 0; i < plan->count; i++) {
		const struct draft *draft = &plan->draft[i];
		size += padded(draft->closure.count * sizeof(uint32_t)) +
			draft->value.count * sizeof(struct plan_value) +
			draft->fixup.count * sizeof(struct plan_fixup) +
			(draft->residual.count + draft->ungrown.count) * sizeof(Elf64_Rela) +
			(draft->guessed.count + draft->ifunc.count) * sizeof(struct plan_ifunc);
	}
	return size + padded(plan->name.count * sizeof(uint32_t)) +
	       plan->resolver.count * sizeof(struct plan_resolver);
}

/* Where the next table goes. */
struct output {
	unsigned char *start;
	uint64_t used;
};

static struct plan_table put_table(struct output *output, const struct records *records, size_t size)
{
	struct plan_table table = { (uint32_t)output->used, (uint32_t)records->count };

	if (records->count)
		memcpy(output->start + output->used, records->item, records->count * size);
	output->used += padded(records->count * size);
	return table;
}

/* One table of FIRST and, right behind it, THEN; their records are of a size that needs no padding. */
static struct plan_table put_tables(struct output *output, const struct records *first,
				    const struct records *then, size_t size)
{
	struct plan_table table = put_table(output, first, size);

	put_table(output, then, size);
	table.count += (uint32_t)then->count;
	return table;
}

/* Moves the addresses of the program that OBJECT's tables, just put, name. */
static void move_program(const struct output *output, const struct plan_object *object, bool program,
			 uint32_t irelative, uint64_t front)
{
	struct plan_value *value = (struct plan_value *)(output->start + object->value.offset);
	struct plan_fixup *fixup = (struct plan_fixup *)(output->start + object->fixup.offset);
	Elf64_Rela *residual = (Elf64_Rela *)(output->start + object->residual.offset);
	struct plan_ifunc *ifunc = (struct plan_ifunc *)(output->start + object->ifunc.offset);

	for (uint32_t i = 0; i < object->fixup.count; i++) {
		if (fixup[i].object == PLAN_PROGRAM)
			fixup[i].offset += front;
		if (program)
			fixup[i].address += front;
	}
	for (uint32_t i = 0; program && i < object->value.count; i++)
		value[i].address += front;
	for (uint32_t i = 0; program && i < object->ifunc.count; i++)
		ifunc[i].address += front;
	for (uint32_t i = 0; program && i < object->residual.count; i++) {
		residual[i].r_offset += front;
		if (ELF64_R_TYPE(residual[i].r_info) == irelative)
			residual[i].r_addend += front;
	}
}

void plan_encode(const struct plan *plan, uint64_t front, void *out)
{
	struct output output = { out, padded(sizeof(struct plan_header)) };
	struct plan_object *object = (struct plan_object *)(output.start + output.used);
	struct plan_header header = { .magic = PLAN_MAGIC,
				      .size = (uint32_t)plan_size(plan),
				      .object = { (uint32_t)output.used, (uint32_t)plan->count },
				      .startup = (uint32_t)plan->startup,
				      .unplaced = (uint32_t)plan->unplaced,
				      .scope = plan->scope };

	memset(out, 0, plan_size(plan));
	output.used += plan->count * sizeof *object;
	for (size_t i = 0; i < plan->count; i++) {
		const struct draft *draft = &plan->draft[i];
		object[i] = (struct plan_object){
			.dynamic = i == PLAN_PROGRAM ? 0 : draft->placed->dynamic.address,
			.way = draft->way,
			.flags = draft->flags,
			.closure = put_table(&output, &draft->closure, sizeof(uint32_t)),
			.value = put_table(&output, &draft->value, sizeof(struct plan_value)),
			.fixup = put_table(&output, &draft->fixup, sizeof(struct plan_fixup)),
			.residual = put_tables(&output, &draft->residual, &draft->ungrown,
					       sizeof(Elf64_Rela)),
			.certain = (uint32_t)draft->residual.count,
			.ifunc = put_tables(&output, &draft->guessed, &draft->ifunc,
					    sizeof(struct plan_ifunc)),
			.guessed = (uint32_t)draft->guessed.count,
		};
		if (i != PLAN_PROGRAM) {
			memcpy(object[i].identity, draft->placed->identity, sizeof object[i].identity);
			object[i].note = draft->placed->slot ? 0 : draft->placed->note;
		}
		move_program(&output, &object[i], i == PLAN_PROGRAM, draft->object->arch->r_irelative, front);
	}
	header.name = put_table(&output, &plan->name, sizeof(uint32_t));
	header.resolver = put_table(&output, &plan->resolver, sizeof(struct plan_resolver));
	memcpy(out, &header, sizeof header);
}

/* Makes the room that SIZE bytes of plan, the name MODULE and GUEST take. */
static enum object_skip make_room(struct exec_room *room, struct elf_image *image, struct undo *undo,
				  uint64_t size, uint64_t tls_align, const char *module,
				  const struct exec_guest *guest, const char **why)
{
	struct exec_want want = {
		.bytes = size + 8, .strings = strlen(module) + 1, .tags = 2, .tls_align = tls_align
	};

	if (guest) {
		want.bytes += guest->want.bytes;
		want.strings += guest->want.strings;
		want.tags += guest->want.tags;
	}
	enum object_skip skip = exec_room_make(room, image, undo, &want, why);

	if (!skip && !room->tls_raised)
		*why = room->tls_why;
	return skip;
}

static enum object_skip fill_room(struct exec_room *room, const void *bytes, uint64_t size,
				  const char *module, const struct exec_guest *guest, const char **why)
{
	GElf_Addr address = exec_room_section(room, PLAN_SECTION, SHT_PROGBITS, 8, bytes, size);
	uint64_t name = exec_room_string(room, module);

	if (address && name && exec_room_tag(room, DT_AUDIT, name) == 0 &&
	    exec_room_tag(room, DT_PRELINK_PLAN, address) == 0 &&
	    (!guest || guest->fill(guest->context, room) == 0) && exec_room_end(room) == 0)
		return SKIP_NOT;
	*why = "there is not enough room for the plan";
	return SKIP_MALFORMED;
}

enum object_skip plan_attach(const struct plan *plan, const char *module, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why)
{
	uint64_t size = plan_size(plan);
	struct exec_room room;

	uint64_t tls_align = static_tls_align(static_tls_find(image), &plan->static_tls);

	*why = tls_align ? NULL :
			   "its libraries need more static thread-local storage than an audit module leaves";
	if (*why)
		return SKIP_NOT;
	enum object_skip skip = make_room(&room, image, undo, size, tls_align, module, guest, why);
	if (skip || *why)
		return skip;
	void *bytes = xmalloc(size);
	plan_encode(plan, room.shift, bytes);
	skip = fill_room(&room, bytes, size, module, guest, why);
	free(bytes);
	return skip;
}

/* The string of the dynamic section's entry TAG; NULL where there is none. */
static const char *dynamic_name(const struct placed *placed, int64_t tag)
{
	for (size_t i = 0; i < placed->dynamic.count; i++) {
		GElf_Dyn entry;
		dynamic_entry(&placed->dynamic, &placed->image, i, &entry);
		if (entry.d_tag == tag)
			return dynamic_string(&placed->dynamic, &placed->image, entry.d_un.d_val);
	}
	return NULL;
}

enum object_skip plan_replay(struct planner *planner, struct object *program, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why)
{
	struct exec_room room;

	*why = "it carries no plan";
	const struct placed *present = plan_look_at(planner, program);
	size_t section = present ? elf_image_find_section(&present->image, PLAN_SECTION) : 0;
	const char *module = section ? dynamic_name(present, DT_AUDIT) : NULL;
	if (!module)
		return SKIP_NOT;
	*why = NULL;
	const GElf_Shdr *shdr = &present->image.shdr[section];
	const GElf_Phdr *tls = elf_image_find_phdr(&present->image, PT_TLS);
	if (shdr->sh_type == SHT_NOBITS || !tls || !static_tls_sound(tls))
		return SKIP_MALFORMED;
	enum object_skip skip = make_room(&room, image, undo, shdr->sh_size, tls->p_align, module, guest,
					  why);
	if (skip || *why)
		return skip;
	return fill_room(&room, present->image.data + shdr->sh_offset, shdr->sh_size, module, guest, why);
}
