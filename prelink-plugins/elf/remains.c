/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding what is left of prelinking; see remains.h. */
#include "elf/remains.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "elf/undo_record.h"
#include "rtld/plan_format.h"

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool names_module(const struct elf_image *image, const struct dynamic *dynamic, const GElf_Dyn *entry,
		  const char *module)
{
	if (entry->d_tag != DT_AUDIT || !module)
		return false;
	char *name = dynamic_string(dynamic, image, entry->d_un.d_val);
	bool ours = name && strcmp(last_component(name), last_component(module)) == 0;

	free(name);
	return ours;
}

const char *remains_text(enum remains remains)
{
	return remains == REMAINS_OTHERS ?
		       "another prelink prelinked it" :
		       "it was prelinked, and strip or the like took its undo record away";
}

const char *remains_cure(enum remains remains)
{
	return remains == REMAINS_OTHERS ?
		       "`prelink -u' of that one gives it back, or reinstall its package" :
		       "reinstall it from its package";
}

/* What tells a file with a plan, or that had one when it still had section headers. */
struct trace {
	bool section, tag;
};

static struct trace find_trace(const struct elf_image *image, const struct dynamic *dynamic)
{
	struct trace trace = { .section = elf_image_find_section(image, PLAN_SECTION) != 0 };

	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;

		dynamic_entry(dynamic, image, i, &entry);
		trace.tag |= entry.d_tag == DT_PRELINK_PLAN;
	}
	return trace;
}

/* True if ENTRY names a plan, or MODULE beside it: one that names the module alone was
 * built so (name_module.h). */
static bool is_ours(const struct elf_image *image, const struct dynamic *dynamic, const GElf_Dyn *entry,
		    const char *module, struct trace trace)
{
	if (entry->d_tag == DT_PRELINK_PLAN)
		return trace.section;
	return (trace.section || trace.tag) && names_module(image, dynamic, entry, module);
}

enum remains remains_find(const struct elf_image *image, const struct dynamic *dynamic, const char *module)
{
	const struct trace trace = find_trace(image, dynamic);
	bool list = false;

	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;

		dynamic_entry(dynamic, image, i, &entry);
		if (is_ours(image, dynamic, &entry, module, trace))
			return REMAINS_MODULE;
		list |= entry.d_tag == DT_GNU_LIBLIST;
	}
	if (trace.section)
		return REMAINS_UNUSED;
	if (elf_image_find_section(image, UNDO_SECTION) && !elf_image_find_section(image, UNDO_OWN_SECTION))
		return REMAINS_OTHERS;
	return list || (dynamic->gnu_prelinked && dynamic->checksum) ? REMAINS_STAMP : REMAINS_NOTHING;
}

void remains_disarm(struct elf_image *image, const struct dynamic *dynamic, const char *module)
{
	size_t step = elf_dyn_size(image), kept = 0;
	const struct trace trace = find_trace(image, dynamic);
	const GElf_Dyn null = { .d_tag = DT_NULL };

	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;

		dynamic_entry(dynamic, image, i, &entry);
		if (!is_ours(image, dynamic, &entry, module, trace))
			elf_put_dyn(image, dynamic->offset + kept++ * step, &entry);
	}
	for (; kept < dynamic->count; kept++)
		elf_put_dyn(image, dynamic->offset + kept * step, &null);
}

/* Of a damaged file, from its end, where the record is. */
enum { RUINS_MAX = 16 << 20 }; /* bytes */

bool remains_in_ruins(int fd, uint64_t size)
{
	size_t length = size < RUINS_MAX ? size : RUINS_MAX;
	unsigned char *bytes = xmalloc(length);
	ssize_t got = pread(fd, bytes, length, (off_t)(size - length));
	bool found = got > 0 && memmem(bytes, (size_t)got, UNDO_MAGIC, strlen(UNDO_MAGIC));

	free(bytes);
	return found;
}
