/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests of a plan; see seal.h.  What they are of, and in which order, is as the run-time module has it
 * (rtld/planned.c). */
#include "plan/seal.h"

#include "align.h"
#include "rtld/digest.h"
#include "rtld/store_format.h"

/* The last two numbers of a header and of an object: one more field, and the digest. */
enum { TAIL = 8 };

static void add_words(struct plan_digest *digest, const struct record_io *io, uint64_t at, uint64_t size)
{
	size_t each = elf_word_size(&io->plan), count = align_up(size, 8) / each;

	for (size_t i = 0; i < count; i++)
		digest_add(digest, i, elf_get_word(&io->plan, at + i * each));
}

/* Adds the record of SIZE bytes at AT but for its digest, which is its last number. */
static void add_record(struct plan_digest *digest, const struct record_io *io, uint64_t at, uint64_t size)
{
	add_words(digest, io, at, size - TAIL);
	digest_add(digest, 0, elf_get32(&io->plan, at + size - TAIL));
}

/* Adds TABLE; false if it does not lie in the plan. */
static bool add_table(struct plan_digest *digest, const struct record_io *io, struct plan_table table,
		      enum record_kind kind)
{
	uint64_t size = table.count * record_size(io, kind);

	if (table.offset > io->plan.size || align_up(size, 8) > io->plan.size - table.offset)
		return false;
	add_words(digest, io, table.offset, size);
	return true;
}

static bool add_block(struct plan_digest *digest, const struct record_io *io, uint32_t at)
{
	if (at > io->plan.size || sizeof(struct store_block) > io->plan.size - at)
		return false;
	uint64_t size = sizeof(struct store_block) +
			(uint64_t)elf_get32(&io->plan, at) * sizeof(struct store_group) +
			(uint64_t)elf_get32(&io->plan, at + 4) * sizeof(struct store_word);
	if (size > io->plan.size - at)
		return false;
	add_words(digest, io, at, size);
	return true;
}

static bool digest_header(const struct record_io *io, uint64_t at, const struct plan_header *header,
			  uint32_t *result)
{
	struct plan_digest digest = DIGEST_START;

	add_record(&digest, io, at, record_size(io, RECORD_HEADER));
	if (!add_table(&digest, io, header->name, RECORD_INDEX) ||
	    !add_table(&digest, io, header->resolver, RECORD_RESOLVER) ||
	    !add_table(&digest, io, (struct plan_table){ header->member.offset, 2 * header->member.count },
		       RECORD_INDEX))
		return false;
	*result = digest_end(&digest);
	return true;
}

static bool digest_object(const struct record_io *io, uint64_t at, const struct planned *planned,
			  uint32_t *result)
{
	struct plan_digest digest = DIGEST_START;

	add_record(&digest, io, at, record_size(io, RECORD_OBJECT));
	if (!add_table(&digest, io, planned->closure, RECORD_INDEX) ||
	    !add_table(&digest, io, planned->value, RECORD_VALUE) ||
	    !add_table(&digest, io, planned->fixup, RECORD_FIXUP) ||
	    !add_table(&digest, io, planned->residual, RECORD_RESIDUAL) ||
	    !add_table(&digest, io, planned->ifunc, RECORD_IFUNC) ||
	    (planned->identity &&
	     !add_table(&digest, io, (struct plan_table){ planned->identity, 1 }, RECORD_IDENTITY)) ||
	    (planned->block && !add_block(&digest, io, planned->block)))
		return false;
	*result = digest_end(&digest);
	return true;
}

/* Reads object INDEX; where it is. */
static uint64_t get_object(const struct record_io *io, const struct plan_header *header, size_t index,
			   struct planned *planned)
{
	record_get(io, header->object, RECORD_OBJECT, index, planned);
	return header->object.offset + index * record_size(io, RECORD_OBJECT);
}

void plan_seal(const struct record_io *io, uint64_t at)
{
	const struct plan_table one = { (uint32_t)at, 1 };
	uint64_t size = record_size(io, RECORD_HEADER);
	struct elf_image out = io->plan;
	struct plan_header header;
	struct planned planned;
	uint32_t digest;

	record_get(io, one, RECORD_HEADER, 0, &header);
	if (digest_header(io, at, &header, &digest))
		elf_put32(&out, at + size - 4, digest);
	size = record_size(io, RECORD_OBJECT);
	for (size_t i = 0; i < header.object.count; i++) {
		at = get_object(io, &header, i, &planned);
		if (digest_object(io, at, &planned, &digest))
			elf_put32(&out, at + size - 4, digest);
	}
}

bool plan_header_intact(const struct record_io *io, uint64_t at, const struct plan_header *header)
{
	uint32_t digest;

	return digest_header(io, at, header, &digest) && digest == header->digest;
}

bool plan_object_intact(const struct record_io *io, const struct plan_header *header, size_t index)
{
	struct planned planned;
	uint64_t at = get_object(io, header, index, &planned);
	uint32_t digest;

	return digest_object(io, at, &planned, &digest) && digest == planned.digest;
}
