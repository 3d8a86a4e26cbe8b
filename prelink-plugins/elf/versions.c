/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking version tables; see versions.h. */
#include "elf/versions.h"

#include <stdlib.h>
#include <string.h>

#include "limit.h"

static struct versions start(const struct dynamic *dynamic, const struct elf_image *image, GElf_Addr record,
			     bool defined)
{
	uint64_t most = image->size / sizeof(GElf_Verdaux);

	return (struct versions){ .image = image,
				  .dynamic = dynamic,
				  .defined = defined,
				  .record = record,
				  .left = most < LIMIT_VERSIONS ? most : LIMIT_VERSIONS,
				  .bytes = LIMIT_NAMES };
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

/* Puts the string at INDEX in the place of the one in TEXT. */
static void take_string(struct versions *v, char **text, uint32_t index)
{
	free(*text);
	*text = dynamic_string(v->dynamic, v->image, index);
	uint64_t length = *text ? strlen(*text) : 0;

	if (length > v->bytes)
		v->left = 0; /* and so it is the last */
	v->bytes -= length < v->bytes ? length : v->bytes;
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
		take_string(v, &v->file, elf_get32(image, at + 4));
	v->entry = behind(v->record, elf_get32(image, at + (v->defined ? 12 : 8)));
	v->record = behind(v->record, elf_get32(image, at + (v->defined ? 16 : 12)));
	return true;
}

/* versions_next(), but for giving back what it has. */
static bool step(struct versions *v)
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
		take_string(v, &v->name, elf_get32(image, at + (v->defined ? 0 : 8)));
		if (!v->defined)
			v->flags = elf_get16(image, at + 4);
		/* The second entry of a defined version names the one that it inherits. */
		v->entry = v->defined ? 0 : behind(v->entry, elf_get32(image, at + 12));
	} while (!v->name || (!v->defined && !v->file));
	return true;
}

void versions_end(struct versions *v)
{
	free(v->file);
	free(v->name);
	v->file = v->name = NULL;
}

bool versions_next(struct versions *v)
{
	if (step(v))
		return true;
	versions_end(v);
	return false;
}

bool versions_define(const struct dynamic *dynamic, const struct elf_image *image, const char *name)
{
	struct versions versions = versions_defined(dynamic, image);
	bool found = false;

	while (!found && versions_next(&versions))
		found = strcmp(versions.name, name) == 0;
	versions_end(&versions);
	return found;
}
