/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file with another plugin note; see note_change.h. */
#include "note_change.h"

#include <string.h>

#include "diag.h"
#include "note.h"

int note_change_find(const struct elf_image *image, size_t *index)
{
	struct plugin_list now = { 0 };
	size_t count = 0;
	int result;

	*index = elf_image_find_section(image, NOTE_SECTION);
	if (!*index)
		return 0;
	for (size_t i = *index; i < image->shnum; i++)
		count += strcmp(elf_image_section_name(image, i), NOTE_SECTION) == 0;
	if (count > 1 || image->shdr[*index].sh_type != SHT_NOTE)
		return diag_error(image->path,
				  "reading its note: it has %zu sections " NOTE_SECTION ", or one that is "
				  "no note; objcopy --remove-section=" NOTE_SECTION " takes them out",
				  count);
	/* A note that nobody could read is not ours to judge, so not ours to replace. */
	result = note_read(image, false, &now);
	plugin_list_release(&now);
	return result;
}

int note_change_make(struct elf_image *image, size_t index, const unsigned char *content, size_t size,
		     struct note_change *change)
{
	const struct elf_image *base = image;

	if (index) {
		if (elf_remove_section(image, index, &change->removed))
			return -1;
		if (!content)
			return 0;
		if (elf_append_open(image, &change->removed, &change->base))
			return -1;
		change->has_base = true;
		base = &change->base;
	}
	return elf_append_section(base, NOTE_SECTION, SHT_NOTE, content, size, &change->added);
}

const struct elf_append *note_change_parts(const struct note_change *change, const struct elf_image *image,
					   const unsigned char **data)
{
	*data = change->has_base ? change->base.data : image->data;
	return change->added.tail ? &change->added : &change->removed;
}

int note_change_each(const struct note_change *change, const struct elf_image *image, void *context,
		     int (*each)(void *context, const unsigned char *data, size_t size))
{
	const unsigned char *data;
	const struct elf_append *last = note_change_parts(change, image, &data);
	int result = 0;

	if (last->keep) {
		result = each(context, last->head, last->head_size);
		if (!result)
			result = each(context, data + last->head_size, last->keep - last->head_size);
	}
	return result ? result : each(context, last->tail, last->tail_size);
}

void note_change_release(struct note_change *change)
{
	if (change->has_base)
		elf_image_release(&change->base);
	elf_append_release(&change->added);
	elf_append_release(&change->removed);
}
