/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan into a program; see attach_plan.h. */
#include "rewrite/attach_plan.h"

#include <stdlib.h>

#include "alloc.h"
#include "plan/draft.h"
#include "plan/encode.h"
#include "plan/stored.h"

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

	/* A program may have been built so that it names the module (name_module.h). */
	if (address && name && (exec_room_has(room, DT_AUDIT) || exec_room_tag(room, DT_AUDIT, name) == 0) &&
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

enum object_skip plan_replay(struct planner *planner, struct object *program, struct elf_image *image,
			     struct undo *undo, const struct exec_guest *guest, const char **why)
{
	struct exec_room room;

	*why = "it carries no plan";
	const struct placed *present = plan_look_at(planner, program);
	uint64_t size = 0;
	const void *bytes = present ? stored_bytes(present, &size) : NULL;
	char *module = bytes ? dynamic_name(&present->dynamic, &present->image, DT_AUDIT) : NULL;
	if (!module)
		return SKIP_NOT;
	*why = NULL;
	const GElf_Phdr *tls = elf_image_find_phdr(&present->image, PT_TLS);
	enum object_skip skip = SKIP_MALFORMED;
	if (tls && static_tls_sound(tls))
		skip = make_room(&room, image, undo, size, tls->p_align, module, guest, why);
	if (!skip && !*why)
		skip = fill_room(&room, bytes, size, module, guest, why);
	free(module);
	return skip;
}
