/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the records of a plan lie in a file; see record.h. */
#include "plan/record.h"

struct record_io record_io(const struct elf_image *program, bool rela, void *data, uint64_t size)
{
	return (struct record_io){ .plan = { .path = program->path,
					     .data = data,
					     .size = size,
					     .is64 = program->is64,
					     .big_endian = program->big_endian },
				   .rela = rela };
}

/* Fields, in the order in which they lie. */

static void number16(struct record_io *io, uint16_t *number)
{
	if (io->write)
		elf_put16(&io->plan, io->at, *number);
	else
		*number = elf_get16(&io->plan, io->at);
	io->at += 2;
}

static void number32(struct record_io *io, uint32_t *number)
{
	if (io->write)
		elf_put32(&io->plan, io->at, *number);
	else
		*number = elf_get32(&io->plan, io->at);
	io->at += 4;
}

/* The reserved word that keeps the next record aligned. */
static void reserved32(struct record_io *io)
{
	uint32_t zero = 0;

	number32(io, &zero);
}

static void address(struct record_io *io, uint64_t *value)
{
	if (io->write)
		elf_put_word(&io->plan, io->at, *value);
	else
		*value = elf_get_word(&io->plan, io->at);
	io->at += elf_word_size(&io->plan);
}

static void table_fields(struct record_io *io, struct plan_table *table)
{
	number32(io, &table->offset);
	number32(io, &table->count);
}

static void flag32(struct record_io *io, bool *flag)
{
	uint32_t number = *flag;

	number32(io, &number);
	*flag = number;
}

static void number64(struct record_io *io, uint64_t *number)
{
	if (io->write)
		elf_put64(&io->plan, io->at, *number);
	else
		*number = elf_get64(&io->plan, io->at);
	io->at += 8;
}

/* Records. */

static void header_fields(struct record_io *io, struct plan_header *header)
{
	number32(io, &header->magic);
	number32(io, &header->size);
	table_fields(io, &header->object);
	number32(io, &header->startup);
	number32(io, &header->unplaced);
	number32(io, &header->scope);
	table_fields(io, &header->name);
	table_fields(io, &header->resolver);
	table_fields(io, &header->member);
	number32(io, &header->digest);
}

static void object_fields(struct record_io *io, struct planned *planned)
{
	address(io, &planned->dynamic);
	number32(io, &planned->stamp[0]);
	number32(io, &planned->stamp[1]);
	number16(io, &planned->way);
	number16(io, &planned->flags);
	number32(io, &planned->identity);
	table_fields(io, &planned->closure);
	table_fields(io, &planned->value);
	table_fields(io, &planned->fixup);
	table_fields(io, &planned->residual);
	table_fields(io, &planned->ifunc);
	number32(io, &planned->guessed);
	number32(io, &planned->certain);
	number32(io, &planned->block);
	number32(io, &planned->digest);
}

static void word_fields(struct record_io *io, struct planned_word *word, bool fixup)
{
	address(io, &word->address);
	address(io, &word->value);
	if (!fixup)
		return;
	number32(io, &word->base);
	flag32(io, &word->plt);
}

static void residual_fields(struct record_io *io, GElf_Rela *reloc)
{
	if (io->write)
		elf_put_rel(&io->plan, io->at, io->rela, reloc);
	else
		elf_get_rel(&io->plan, io->at, io->rela, reloc);
	io->at += record_size(io, RECORD_RESIDUAL);
}

static void ifunc_fields(struct record_io *io, struct planned_ifunc *ifunc)
{
	address(io, &ifunc->address);
	number32(io, &ifunc->resolver);
	flag32(io, &ifunc->plt);
}

static void resolver_fields(struct record_io *io, struct planned_resolver *resolver)
{
	address(io, &resolver->resolver);
	address(io, &resolver->guess);
	number32(io, &resolver->base);
	reserved32(io);
}

static void identity_fields(struct record_io *io, struct identity *identity)
{
	number64(io, &identity->dynamic);
	number64(io, &identity->headers);
	number64(io, &identity->content);
	number32(io, &identity->content_size);
	number32(io, &identity->symbols);
}

static void store_fields(struct record_io *io, struct store_header *header)
{
	number32(io, &header->magic);
	number16(io, &header->machine);
	number16(io, &header->elf_class);
	number64(io, &header->size);
	table_fields(io, &header->program);
	table_fields(io, &header->frozen);
	number32(io, &header->crc);
	reserved32(io);
}

static void program_fields(struct record_io *io, struct store_program *program)
{
	number64(io, &program->dynamic);
	number32(io, &program->identity);
	number32(io, &program->plan);
}

static void member_fields(struct record_io *io, struct store_member *member)
{
	number32(io, &member->number);
	number32(io, &member->index);
}

static void frozen_fields(struct record_io *io, struct store_frozen *frozen)
{
	number32(io, &frozen->plan);
	number32(io, &frozen->library_path);
	table_fields(io, &frozen->found);
}

static void found_fields(struct record_io *io, struct store_found *found)
{
	number32(io, &found->hash);
	number32(io, &found->name);
	number32(io, &found->path);
	number32(io, &found->size);
	number32(io, &found->check);
	reserved32(io);
}

uint64_t record_size(const struct record_io *io, enum record_kind kind)
{
	size_t word = elf_word_size(&io->plan);

	switch (kind) {
	case RECORD_HEADER: return 56;
	case RECORD_OBJECT: return word + 72;
	case RECORD_INDEX: return 4;
	case RECORD_VALUE: return 2 * word;
	case RECORD_FIXUP: return 2 * word + 8;
	case RECORD_RESIDUAL: return io->rela ? elf_rela_size(&io->plan) : elf_rel_size(&io->plan);
	case RECORD_IFUNC: return word + 8;
	case RECORD_RESOLVER: return 2 * word + 8;
	case RECORD_IDENTITY: return sizeof(struct identity);
	case RECORD_STORE: return sizeof(struct store_header);
	case RECORD_PROGRAM: return sizeof(struct store_program);
	case RECORD_MEMBER: return sizeof(struct store_member);
	case RECORD_FROZEN: return sizeof(struct store_frozen);
	case RECORD_FOUND: return sizeof(struct store_found);
	}
	return 0;
}

void record_next(struct record_io *io, enum record_kind kind, void *record)
{
	switch (kind) {
	case RECORD_HEADER: header_fields(io, record); break;
	case RECORD_OBJECT: object_fields(io, record); break;
	case RECORD_INDEX: number32(io, record); break;
	case RECORD_VALUE: word_fields(io, record, false); break;
	case RECORD_FIXUP: word_fields(io, record, true); break;
	case RECORD_RESIDUAL: residual_fields(io, record); break;
	case RECORD_IFUNC: ifunc_fields(io, record); break;
	case RECORD_RESOLVER: resolver_fields(io, record); break;
	case RECORD_IDENTITY: identity_fields(io, record); break;
	case RECORD_STORE: store_fields(io, record); break;
	case RECORD_PROGRAM: program_fields(io, record); break;
	case RECORD_MEMBER: member_fields(io, record); break;
	case RECORD_FROZEN: frozen_fields(io, record); break;
	case RECORD_FOUND: found_fields(io, record); break;
	}
}

bool record_table_fits(const struct record_io *io, struct plan_table table, enum record_kind kind)
{
	return table.offset <= io->plan.size &&
	       table.count <= (io->plan.size - table.offset) / record_size(io, kind);
}

void record_get(const struct record_io *io, struct plan_table table, enum record_kind kind, size_t index,
		void *record)
{
	static const unsigned char none[sizeof(struct planned)];
	struct record_io one = *io;
	uint64_t size = record_size(io, kind), at = table.offset + index * size;

	one.write = false;
	one.at = at;
	if (at > io->plan.size || size > io->plan.size - at) {
		one.plan.data = (unsigned char *)(uintptr_t)none;
		one.at = 0;
	}
	record_next(&one, kind, record);
}
