/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an object and its slot to the bytes of its new file; see image.h. */
#include "rewrite/image.h"

#include <stdlib.h>
#include <string.h>

#include "elf_copy.h"
#include "bind/fill.h"
#include "bind/loader.h"
#include "rebase/page_end.h"
#include "rewrite/program.h"

/* What DT_GNU_PRELINKED says, so that the result depends on the file alone; reproducible builds have no time
 * after SOURCE_DATE_EPOCH. */
uint64_t image_time(const struct object *object)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t mtime = object->st.st_mtim.tv_sec > 0 ? (uint64_t)object->st.st_mtim.tv_sec : 1;

	if (epoch && *epoch) {
		char *end;
		uint64_t limit = strtoull(epoch, &end, 10);

		if (*end == '\0' && limit > 0 && limit < mtime)
			return limit;
	}
	return mtime;
}

/* Puts DT_GNU_PRELINKED and DT_CHECKSUM (its value comes with the undo record) into IMAGE's dynamic
 * section: over the same tags, or into two spare entries after the last.  What a DT_NULL entry holds but for
 * its tag means nothing (gABI): where there is no room for the tags, as lld leaves none, both are in the
 * first one of those, for our module to see.  It has room for them in ELFCLASS64; elsewhere the object goes
 * unstamped.  Only libraries are known by a stamp. */
static int stamp(struct elf_image *image, uint64_t time, struct undo *undo)
{
	const int64_t tags[2] = { DT_GNU_PRELINKED, DT_CHECKSUM };
	const uint64_t values[2] = { time, 0 };
	size_t place[2], step = elf_dyn_size(image);
	struct dynamic dynamic;

	if (dynamic_init(&dynamic, image))
		return -1;
	size_t next = dynamic.count;

	for (size_t i = 0; i < 2; i++) {
		place[i] = next;
		for (size_t j = 0; j < dynamic.count; j++) {
			GElf_Dyn entry;

			dynamic_entry(&dynamic, image, j, &entry);
			if (entry.d_tag == tags[i])
				place[i] = j;
		}
		next += place[i] == next;
	}
	if (next - dynamic.count > dynamic.spare) {
		undo->stamped_null = image->is64 && dynamic.null == 0 && time <= UINT32_MAX;
		if (undo->stamped_null)
			elf_put64(image, dynamic.offset + dynamic.count * step + step / 2, time << 32);
		return 0;
	}
	for (size_t i = 0; i < 2; i++) {
		GElf_Dyn entry = { .d_tag = tags[i], .d_un.d_val = values[i] };

		elf_put_dyn(image, dynamic.offset + place[i] * step, &entry);
	}
	return 0;
}

/* What relocations of OBJECT, which IMAGE is at its place, resolve to.  0, or -1 after a message. */
static int fill(const struct rewriting *rewriting, struct object *object, struct elf_image *image)
{
	if (!rewriting->bind)
		return 0;
	if (object->kind == OBJECT_LOADER)
		return loader_fill(rewriting->bind, object, image);
	return bind_fill(rewriting->bind, object, image) < 0 ? -1 : 0;
}

static enum object_skip move(const struct rewriting *rewriting, struct object *object,
			     struct elf_image *image, struct undo *undo, const char **why)
{
	struct rebase rebase = {
		.delta = (int64_t)(object->slot - elf_image_start(image)),
		.fill = true,
	};
	enum object_skip skip = rebase_image(image, undo->arch, &rebase, &undo->words);

	*why = rebase.why;
	if (skip)
		return skip;
	undo->delta = rebase.delta;
	undo->fill = undo->arch->rela;
	return fill(rewriting, object, image) ? SKIP_MALFORMED : SKIP_NOT;
}

/* Bytes of memory before a program's copy, which the room for its plan seldom exceeds (elf_image_grow()). */
enum { FRONT = 1 << 20 };

/* Makes COPY what ORIGINAL, the file FD, is, with ROOM bytes of zeros behind it. */
static int clone_with_room(struct elf_image *copy, const struct elf_image *original, int fd, uint64_t room,
			   bool program)
{
	if (elf_image_clone(copy, original, fd, program ? FRONT : 0, room))
		return -1;
	memset(copy->data + copy->size, 0, room);
	elf_touch(copy, copy->size, room);
	copy->size += room;
	return 0;
}

/* Why ORIGINAL must stay as it is whatever it is to become; SKIP_NOT where it need not. */
static enum object_skip refuse(const struct elf_image *original, const struct arch *arch, const char **why)
{
	if (!arch)
		return SKIP_OTHER_MACHINE;
	if (elf_image_trailing(original))
		return SKIP_TRAILING_DATA;
	if (!elf_image_find_section(original, UNDO_SECTION))
		return SKIP_NOT;
	*why = "prelinked by another program, with which it has to be undone first";
	return SKIP_MALFORMED;
}

/* OBJECT, which moves, in new->image, a copy of its original. */
static enum object_skip make_moved(struct new_image *new, struct rewriting *rewriting, struct object *object,
				   struct undo *undo, const struct page_end *end, uint64_t time)
{
	enum object_skip skip = move(rewriting, object, &new->image, undo, &new->why);

	if (skip)
		return skip;
	if (object->kind == OBJECT_LIBRARY)
		page_end_fill(&new->image, end);
	return stamp(&new->image, time, undo) ? SKIP_MALFORMED : SKIP_NOT;
}

/* The same of a program, which may be left as it is. */
static enum object_skip make_program(struct new_image *new, struct rewriting *rewriting,
				     struct object *program, struct undo *undo)
{
	enum object_skip skip = rewriting->program ? rewriting->program(rewriting, program, &new->image, undo,
									&new->change) :
						     SKIP_NOT;

	new->changed = new->change.changed;
	return skip;
}

enum object_skip image_make(struct new_image *new, struct rewriting *rewriting, struct object *object,
			    const struct elf_image *original, int fd, uint64_t time)
{
	struct undo undo = { .arch = arch_find(original) };
	struct page_end end = { 0 };
	bool moves = object_moves(object);

	*new = (struct new_image){ .changed = true };
	enum object_skip skip = refuse(original, undo.arch, &new->why);

	if (skip)
		return skip;
	if (object->kind == OBJECT_LIBRARY)
		page_end_find(original, &end);
	if (clone_with_room(&new->image, original, fd, end.room, !moves))
		return SKIP_MALFORMED;
	skip = moves ? make_moved(new, rewriting, object, &undo, &end, time) :
		       make_program(new, rewriting, object, &undo);
	if (!skip && new->changed)
		skip = undo_append(&new->image, original, &undo);
	rebase_words_release(&undo.words);
	if (skip || !new->changed)
		elf_image_release(&new->image);
	return skip;
}
