/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking version tables; see versions.h. */
#include "elf/versions.h"

#include <string.h>

static struct versions start(const struct dynamic *dynamic, const struct elf_image *image, GElf_Addr record,
			     bool defined)
{
	return (struct versions){ .image = image,
				  .dynamic = dynamic,
				  .defined = defined,
				  .record = record,
				  .left = image->size / sizeof(GElf_Verdaux) };
}

struct versions versions_needed(const struct dynamic *dynamic, const struct elf_image *image)
{
	return start(dynamic, image, dynamic->verneed, false);
}

struct versions versions_defined(const struct dynamic *dynamic, const struct elf_image *image)
{
	return start(dynamic, image, dynamic->verdef, true);
}

/* What lies NEXT bytes behind ADDRESS; 0 where that ends the list. */
static GElf_Addr behind(GElf_Addr address, uint32_t next)
{
	return next && address + next > address ? address + next : 0;
}

/* Steps into the next record: its file, or flags, and its first entry. */
static bool next_record(struct versions *v)
{
	const struct elf_image *image = v->image;
	uint64_t at;

	if (!v->record || !v->left-- ||
	    !elf_image_offset(image, v->record, v->defined ? sizeof(GElf_Verdef) : sizeof(GElf_Verneed), &at))
		return false;
	if (v->defined)
		v->flags = elf_get16(image, at + 2);
	else
		v->file = dynamic_string(v->dynamic, image, elf_get32(image, at + 4));
	v->entry = behind(v->record, elf_get32(image, at + (v->defined ? 12 : 8)));
	v->record = behind(v->record, elf_get32(image, at + (v->defined ? 16 : 12)));
	return true;
}

bool versions_next(struct versions *v)
{
	const struct elf_image *image = v->image;
	uint64_t at;

	do {
		if (!v->entry && !next_record(v))
			return false;
		if (!v->entry || !v->left-- ||
		    !elf_image_offset(image, v->entry,
				      v->defined ? sizeof(GElf_Verdaux) : sizeof(GElf_Vernaux), &at))
			return false;
		v->name = dynamic_string(v->dynamic, image, elf_get32(image, at + (v->defined ? 0 : 8)));
		if (!v->defined)
			v->flags = elf_get16(image, at + 4);
		/* The second entry of a defined version names the one that it inherits. */
		v->entry = v->defined ? 0 : behind(v->entry, elf_get32(image, at + 12));
	} while (!v->name || (!v->defined && !v->file));
	return true;
}

bool versions_define(const struct dynamic *dynamic, const struct elf_image *image, const char *name)
{
	struct versions versions = versions_defined(dynamic, image);

	while (versions_next(&versions))
		if (strcmp(versions.name, name) == 0)
			return true;
	return false;
}
