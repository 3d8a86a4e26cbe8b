/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files as they are after rewriting; see placed.h. */
#include "plan/placed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "elf_copy.h"
#include "mapfault.h"
#include "elf/remains.h"
#include "elf/stamp.h"
#include "elf/undo_record.h"

static struct placed unusable;

/* OBJECT would have been rewritten: makes PLACED what it would be, but for its bytes. */
static void foretell(struct placed *placed, const struct object *object)
{
	placed->stamped = true;
	placed->slot = object->has_slot;
	if (object->has_slot || object->kind == OBJECT_LOADER)
		placed->start = object->slot;
	if (!placed->dynamic.checksum)
		placed->dynamic.checksum = 1; /* stands for that of bytes that nobody has */
}

static int read_placed(const struct placed_table *table, struct object *object, struct placed *placed)
{
	if (object->unreadable)
		return -1;
	int fd = root_open(table->root, object->path, O_RDONLY);

	if (fd < 0)
		return diag_errno(object->shown, "reading it for a plan");
	enum elf_image_status status = elf_image_open(&placed->image, fd, object->shown);
	close(fd);
	if (status == ELF_IMAGE_NOT_ELF)
		return diag_error(object->shown,
				  "reading it for a plan: it is no ELF file any more; run prelink again");
	if (status)
		return -1;
	if (dynamic_init(&placed->dynamic, &placed->image)) {
		elf_image_release(&placed->image);
		return -1;
	}
	placed->start = elf_image_first_address(&placed->image);
	struct dynamic_stamp stamp = dynamic_stamp(&placed->dynamic);

	placed->slot = object->has_slot && placed->start == object->slot && stamp.checksum && stamp.time &&
		       undo_present(&placed->image);
	bool moved_loader = object->kind == OBJECT_LOADER && placed->dynamic.checksum &&
			    undo_present(&placed->image);

	placed->stamped = placed->slot || moved_loader;
	if (table->foretold && object->outcome == OUTCOME_PRELINKED)
		foretell(placed, object);
	placed->stamp[0] = stamp.checksum;
	placed->stamp[1] = stamp.time;
	if (!placed->stamped || table->identified)
		placed->has_identity = identity_of_image(&placed->identity, &placed->image, &placed->dynamic);
	return 0;
}

struct placed *placed_open(struct placed_table *table, struct object *object)
{
	ALLOC_REACH(table->placed, object->index, table->count);
	struct placed **place = &table->placed[object->index];
	if (!*place) {
		struct placed *placed = xcalloc(1, sizeof *placed);
		*place = placed;
		table->opened++;
		if (read_placed(table, object, placed)) {
			free(placed);
			*place = &unusable;
		}
	}
	(*place)->used = true;
	/* One that somebody has made shorter since, too, cannot be read. */
	return *place == &unusable || mapfault_in((*place)->image.data, (*place)->image.size) ? NULL : *place;
}

bool placed_is_audited(const struct placed *placed, const struct object *program)
{
	const char *module = program->arch ? program->arch->module[program->big_endian] : NULL;

	for (size_t i = 0; i < placed->dynamic.count; i++) {
		GElf_Dyn entry;
		dynamic_entry(&placed->dynamic, &placed->image, i, &entry);
		if (entry.d_tag == DT_DEPAUDIT)
			return true;
		if (entry.d_tag == DT_AUDIT && !undo_present(&placed->image) &&
		    !names_module(&placed->image, &placed->dynamic, &entry, module))
			return true;
	}
	return false;
}

void placed_rest(struct placed_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->placed[i] && table->placed[i]->used) {
			elf_image_relax(&table->placed[i]->image);
			table->placed[i]->used = false;
		}
}

void placed_release(struct placed_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->placed[i] && table->placed[i] != &unusable) {
			elf_image_release(&table->placed[i]->image);
			free(table->placed[i]);
		}
	free(table->placed);
	*table = (struct placed_table){ 0 };
}
