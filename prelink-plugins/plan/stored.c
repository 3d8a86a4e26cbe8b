/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the plan in a file; see stored.h. */
#include "plan/stored.h"

#include "plan/seal.h"

/* The bytes of the section; NULL where there are none in the file. */
static unsigned char *find(const struct placed *program, uint64_t *size)
{
	const struct elf_image *image = &program->image;
	size_t section = elf_image_find_section(image, PLAN_SECTION);

	if (!section || image->shdr[section].sh_type == SHT_NOBITS)
		return NULL;
	*size = image->shdr[section].sh_size;
	return image->data + image->shdr[section].sh_offset;
}

const void *stored_bytes(const struct placed *program, uint64_t *size)
{
	return find(program, size);
}

bool stored_read(struct stored *stored, const struct placed *program, bool rela)
{
	uint64_t size;
	unsigned char *bytes = find(program, &size);

	if (!bytes)
		return false;
	stored->io = record_io(&program->image, rela, bytes, size);
	return stored_at(stored, 0);
}

bool stored_at(struct stored *stored, uint32_t at)
{
	const struct plan_header *header = &stored->header;
	uint64_t size = stored->io.plan.size;

	if (at > size || size - at < record_size(&stored->io, RECORD_HEADER))
		return false;
	stored->io.at = at;
	record_next(&stored->io, RECORD_HEADER, &stored->header);
	return header->magic == PLAN_MAGIC && header->size <= size &&
	       record_table_fits(&stored->io, header->object, RECORD_OBJECT) &&
	       header->startup <= header->object.count && header->startup >= PLAN_FIRST_LIBRARY &&
	       plan_header_intact(&stored->io, at, header);
}

struct planned stored_object(const struct stored *stored, size_t index)
{
	struct planned planned;

	record_get(&stored->io, stored->header.object, RECORD_OBJECT, index, &planned);
	return planned;
}

bool stored_object_intact(const struct stored *stored, size_t index)
{
	return plan_object_intact(&stored->io, &stored->header, index);
}

bool stored_intact(const struct stored *stored)
{
	for (size_t i = 0; i < stored->header.object.count; i++)
		if (!stored_object_intact(stored, i))
			return false;
	return true;
}

bool stored_identity(const struct stored *stored, const struct planned *planned, struct identity *identity)
{
	const struct plan_table table = { planned->identity, 1 };

	if (!planned->identity || !record_table_fits(&stored->io, table, RECORD_IDENTITY))
		return false;
	record_get(&stored->io, table, RECORD_IDENTITY, 0, identity);
	return true;
}

bool stored_is(const struct stored *stored, const struct planned *planned, const struct placed *file)
{
	struct identity identity;

	return file->has_identity && stored_identity(stored, planned, &identity) &&
	       memcmp(&identity, &file->identity, sizeof identity) == 0;
}
