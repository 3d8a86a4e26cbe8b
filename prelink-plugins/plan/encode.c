/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing a plan; see encode.h.  The header, the objects, then each object's tables, and at last the
 * names and the resolvers. */
#include "plan/encode.h"

#include <string.h>

#include "plan/seal.h"

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~7ull;
}

/* A place at OUT, of SIZE bytes, for records of PLAN. */
static struct record_io place(const struct plan *plan, void *out, uint64_t size)
{
	const struct object *program = plan->draft[PLAN_PROGRAM].object;
	const struct elf_image form = { .is64 = program->is64, .big_endian = program->big_endian };
	struct record_io io = record_io(&form, program->arch->rela, out, size);

	io.write = true;
	return io;
}

static uint64_t table_size(const struct record_io *io, enum record_kind kind, size_t count)
{
	return padded(count * record_size(io, kind));
}

uint64_t plan_size(const struct plan *plan)
{
	const struct record_io io = place(plan, NULL, 0);
	uint64_t size = padded(record_size(&io, RECORD_HEADER)) + table_size(&io, RECORD_OBJECT, plan->count);

	for (size_t i = 0; i < plan->count; i++) {
		const struct draft *draft = &plan->draft[i];

		size += table_size(&io, RECORD_INDEX, draft->closure.count) +
			table_size(&io, RECORD_VALUE, draft->word.count - draft->fixups) +
			table_size(&io, RECORD_FIXUP, draft->fixups) +
			table_size(&io, RECORD_RESIDUAL, draft->residual.count + draft->ungrown.count) +
			table_size(&io, RECORD_IFUNC, draft->guessed.count + draft->ifunc.count);
		if (i != PLAN_PROGRAM && !draft->placed->stamped)
			size += table_size(&io, RECORD_IDENTITY, 1);
	}
	return size + table_size(&io, RECORD_INDEX, plan->name.count) +
	       table_size(&io, RECORD_RESOLVER, plan->resolver.count);
}

/* One object on its way. */
struct output {
	const struct plan *plan;
	const struct draft *draft;
	uint64_t front; /* by which its addresses move: of the program alone */
	uint64_t program_front;
	struct record_io io;
};

static struct plan_table begin_table(const struct output *output, size_t count)
{
	return (struct plan_table){ (uint32_t)output->io.at, (uint32_t)count };
}

static void end_table(struct output *output)
{
	output->io.at = padded(output->io.at);
}

static struct plan_table put_numbers(struct output *output, const struct records *records)
{
	struct plan_table table = begin_table(output, records->count);
	uint32_t *number = records->item;

	for (size_t i = 0; i < records->count; i++)
		record_next(&output->io, RECORD_INDEX, &number[i]);
	end_table(output);
	return table;
}

/* The words of the draft that KIND is for: values, of nobody or of an object at a
 * known address, and fixups. */
static struct plan_table put_words(struct output *output, enum record_kind kind)
{
	const struct draft *draft = output->draft;
	const struct planned_word *word = draft->word.item;
	bool fixup = kind == RECORD_FIXUP;
	struct plan_table table = begin_table(output,
					      fixup ? draft->fixups : draft->word.count - draft->fixups);

	for (size_t i = 0; i < draft->word.count; i++) {
		struct planned_word record = word[i];

		if (draft_is_fixup(output->plan, &record) != fixup)
			continue;
		record.address += output->front;
		if (record.base == PLAN_PROGRAM)
			record.value += output->program_front;
		record_next(&output->io, kind, &record);
	}
	end_table(output);
	return table;
}

static void put_some_residual(struct output *output, const struct records *records)
{
	const GElf_Rela *residual = records->item;
	uint32_t irelative = output->draft->object->arch->r_irelative;

	for (size_t i = 0; i < records->count; i++) {
		GElf_Rela record = residual[i];

		record.r_offset += output->front;
		if (GELF_R_TYPE(record.r_info) == irelative)
			record.r_addend += (int64_t)output->front;
		record_next(&output->io, RECORD_RESIDUAL, &record);
	}
}

static struct plan_table put_residual(struct output *output)
{
	const struct draft *draft = output->draft;
	struct plan_table table = begin_table(output, draft->residual.count + draft->ungrown.count);

	put_some_residual(output, &draft->residual);
	put_some_residual(output, &draft->ungrown);
	end_table(output);
	return table;
}

static void put_some_ifuncs(struct output *output, const struct records *records)
{
	const struct planned_ifunc *ifunc = records->item;

	for (size_t i = 0; i < records->count; i++) {
		struct planned_ifunc record = ifunc[i];

		record.address += output->front;
		record_next(&output->io, RECORD_IFUNC, &record);
	}
}

static struct plan_table put_ifuncs(struct output *output)
{
	const struct draft *draft = output->draft;
	struct plan_table table = begin_table(output, draft->guessed.count + draft->ifunc.count);

	put_some_ifuncs(output, &draft->guessed);
	put_some_ifuncs(output, &draft->ifunc);
	end_table(output);
	return table;
}

static struct plan_table put_resolvers(struct output *output)
{
	const struct records *records = &output->plan->resolver;
	struct plan_table table = begin_table(output, records->count);
	struct planned_resolver *resolver = records->item;

	for (size_t i = 0; i < records->count; i++)
		record_next(&output->io, RECORD_RESOLVER, &resolver[i]);
	end_table(output);
	return table;
}

/* Says in PLANNED by what the module knows PLACED. */
static void put_identity(struct output *output, const struct placed *placed, struct planned *planned)
{
	struct identity identity = placed->identity;

	planned->stamp[0] = placed->stamped ? placed->stamp[0] : (uint32_t)identity.dynamic;
	planned->stamp[1] = placed->stamped ? placed->stamp[1] : (uint32_t)(identity.dynamic >> 32);
	if (placed->stamped)
		return;
	planned->identity = (uint32_t)output->io.at;
	record_next(&output->io, RECORD_IDENTITY, &identity);
}

/* Puts the tables of output->draft. */
static struct planned put_object(struct output *output)
{
	const struct draft *draft = output->draft;
	struct planned planned = { .way = (uint16_t)draft->way,
				   .flags = (uint16_t)draft->flags,
				   .guessed = (uint32_t)draft->guessed.count,
				   .certain = (uint32_t)draft->residual.count };

	if (draft != &output->plan->draft[PLAN_PROGRAM]) {
		planned.dynamic = draft->placed->dynamic.address;
		put_identity(output, draft->placed, &planned);
	}
	planned.closure = put_numbers(output, &draft->closure);
	planned.value = put_words(output, RECORD_VALUE);
	planned.fixup = put_words(output, RECORD_FIXUP);
	planned.residual = put_residual(output);
	planned.ifunc = put_ifuncs(output);
	return planned;
}

void plan_encode(const struct plan *plan, uint64_t front, void *out)
{
	uint64_t size = plan_size(plan);
	struct record_io heads = place(plan, out, size);
	struct output output = { .plan = plan, .program_front = front, .io = heads };
	struct plan_header header = { .magic = PLAN_MAGIC,
				      .size = (uint32_t)size,
				      .startup = (uint32_t)plan->startup,
				      .unplaced = (uint32_t)plan->unplaced,
				      .scope = plan->scope };

	memset(out, 0, size);
	heads.at = output.io.at = padded(record_size(&heads, RECORD_HEADER));
	header.object = begin_table(&output, plan->count);
	output.io.at += table_size(&heads, RECORD_OBJECT, plan->count);
	for (size_t i = 0; i < plan->count; i++) {
		output.draft = &plan->draft[i];
		output.front = i == PLAN_PROGRAM ? front : 0;
		struct planned planned = put_object(&output);
		record_next(&heads, RECORD_OBJECT, &planned);
	}
	header.name = put_numbers(&output, &plan->name);
	header.resolver = put_resolvers(&output);
	heads.at = 0;
	record_next(&heads, RECORD_HEADER, &header);
	plan_seal(&heads, 0);
}
