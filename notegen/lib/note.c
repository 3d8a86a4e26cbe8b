/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin note; see note.h. */
#include "note.h"

#include <jansson.h>
#include <stdlib.h>

#include "alloc.h"
#include "diag.h"
#include "elf_notes.h"
#include "json.h"
#include "limit.h"
#include "pattern.h"
#include "plugin_yaml.h"

static const char *const priority_name[] = {
	[PLUGIN_RECOMMENDED] = "recommended",
	[PLUGIN_REQUIRED] = "required",
	[PLUGIN_SUGGESTED] = "suggested",
};

const char *plugin_priority_name(enum plugin_priority priority)
{
	return priority_name[priority];
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_entry(const struct plugin_entry *a, const struct plugin_entry *b)
{
	if (!same_text(a->feature, b->feature) || !same_text(a->description, b->description) ||
	    !same_text(a->exclusive, b->exclusive) || !same_text(a->path, b->path) ||
	    a->priority != b->priority || a->soname_count != b->soname_count)
		return false;
	for (size_t i = 0; i < a->soname_count; i++)
		if (strcmp(a->soname[i], b->soname[i]) != 0)
			return false;
	return true;
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

bool plugin_list_add(struct plugin_list *list, const struct plugin_entry *entry)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_entry(&list->entry[i], entry))
			return false;

	ALLOC_NEXT(list->entry, list->count);
	struct plugin_entry *copy = &list->entry[list->count++];
	*copy = (struct plugin_entry){
		.feature = copy_text(entry->feature),
		.description = copy_text(entry->description),
		.exclusive = copy_text(entry->exclusive),
		.path = copy_text(entry->path),
		.soname = entry->soname_count ? xcalloc(entry->soname_count, sizeof *copy->soname) : NULL,
		.soname_count = entry->soname_count,
		.priority = entry->priority,
		.from = entry->from,
	};
	for (size_t i = 0; i < entry->soname_count; i++)
		copy->soname[i] = xstrdup(entry->soname[i]);
	return true;
}

void plugin_list_release(struct plugin_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct plugin_entry *entry = &list->entry[i];

		for (size_t j = 0; j < entry->soname_count; j++)
			free(entry->soname[j]);
		free(entry->soname);
		free(entry->feature);
		free(entry->description);
		free(entry->exclusive);
		free(entry->path);
	}
	free(list->entry);
	*list = (struct plugin_list){ 0 };
}

static json_t *entry_to_json(const struct plugin_entry *entry)
{
	json_t *object = json_object();

	if (entry->feature)
		json_object_set_new(object, "feature", json_text(entry->feature));
	if (entry->description)
		json_object_set_new(object, "description", json_text(entry->description));
	json_object_set_new(object, "priority", json_text(plugin_priority_name(entry->priority)));
	if (entry->exclusive)
		json_object_set_new(object, "exclusive", json_text(entry->exclusive));
	if (entry->path)
		json_object_set_new(object, "path", json_text(entry->path));
	if (entry->soname_count) {
		json_t *array = json_array();

		for (size_t i = 0; i < entry->soname_count; i++)
			json_array_append_new(array, json_text(entry->soname[i]));
		json_object_set_new(object, "soname", array);
	}
	return object;
}

json_t *plugin_list_json(const struct plugin_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, entry_to_json(&list->entry[i]));
	return array;
}

char *plugin_list_to_json(const struct plugin_list *list)
{
	json_t *array = plugin_list_json(list);
	char *text = json_dumps(array, JSON_COMPACT);
	char *copy = xstrdup(text ? text : "[]");

	free(text);
	json_decref(array);
	return copy;
}

/* Sets PRIORITY from its name.  A name that the specification may have learnt since stands for the
 * default, unless STRICT. */
static int read_priority(const struct yaml_text *yaml, const yaml_node_t *node, bool strict,
			 enum plugin_priority *priority)
{
	const char *text = yaml_text_string(yaml, node, "\"priority\"");

	if (!text)
		return -1;
	for (size_t i = 0; i < sizeof priority_name / sizeof *priority_name; i++)
		if (strcmp(text, priority_name[i]) == 0) {
			*priority = (enum plugin_priority)i;
			return 0;
		}
	if (strict)
		return yaml_text_error(yaml, node,
				       "\"priority\" has to be required, recommended or suggested");
	return 0;
}

/* Fills ENTRY's sonames from a list of strings or a single one.  The strings stay YAML's. */
static int read_sonames(const struct yaml_text *yaml, const yaml_node_t *node, bool strict,
			struct plugin_entry *entry)
{
	bool list = node->type == YAML_SEQUENCE_NODE;
	size_t count = list ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start) : 1;

	if (count == 0)
		return yaml_text_error(yaml, node, "\"soname\" is an empty list");
	entry->soname = xcalloc(count, sizeof *entry->soname);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = list ? yaml_text_item(yaml, node, i) : node;
		const char *text = yaml_text_string(yaml, item, "\"soname\" (or an item of it)");

		if (!text)
			return -1;
		if (strict && strchr(text, '/'))
			return yaml_text_error(yaml, item,
					       "\"soname\" is searched for like a library and holds no "
					       "slash; for a file there is \"path\"");
		entry->soname[entry->soname_count++] = (char *)(uintptr_t)text;
	}
	return 0;
}

int plugin_path_from_yaml(const struct yaml_text *yaml, const yaml_node_t *node, const char **path)
{
	const char *why;

	*path = yaml_text_string(yaml, node, "\"path\"");
	if (!*path)
		return -1;
	why = pattern_check(*path);
	return why ? yaml_text_error(yaml, node, "\"path\" %s", why) : 0;
}

int plugin_entry_from_yaml(const struct yaml_text *yaml, const yaml_node_t *node, bool strict,
			   struct plugin_list *list)
{
	enum { FEATURE, DESCRIPTION, PRIORITY, EXCLUSIVE, PATH, SONAME, KEYS };
	static const char *const keys[] = { "feature", "description", "priority", "exclusive",
					    "path",    "soname",      NULL };
	const yaml_node_t *value[KEYS];
	const char *text[KEYS] = { NULL };
	struct plugin_entry entry = { 0 };
	int result = yaml_text_map(yaml, node, "a plugin entry", keys, strict, value);

	for (int i = 0; i < KEYS && result == 0; i++) {
		if (!value[i])
			continue;
		if (i == PRIORITY)
			result = read_priority(yaml, value[i], strict, &entry.priority);
		else if (i == SONAME)
			result = read_sonames(yaml, value[i], strict, &entry);
		else if (i == PATH)
			result = plugin_path_from_yaml(yaml, value[i], &text[i]);
		else if (!(text[i] = yaml_text_string(yaml, value[i], keys[i])))
			result = -1;
	}
	if (result == 0 && !value[PATH] && !value[SONAME])
		result = yaml_text_error(yaml, node, "a plugin entry needs a \"path\" or a \"soname\"");
	if (result == 0 && strict && value[PATH] && value[SONAME])
		result = yaml_text_error(yaml, node,
					 "a plugin entry has either a \"path\" or a \"soname\"; make "
					 "it two entries");
	if (result == 0 && list->count >= PLUGIN_LIST_MAX)
		result = yaml_text_error(yaml, node, "more than %d plugin entries", PLUGIN_LIST_MAX);
	if (result == 0) {
		/* plugin_list_add() copies what YAML owns. */
		entry.feature = (char *)(uintptr_t)text[FEATURE];
		entry.description = (char *)(uintptr_t)text[DESCRIPTION];
		entry.exclusive = (char *)(uintptr_t)text[EXCLUSIVE];
		entry.path = (char *)(uintptr_t)text[PATH];
		plugin_list_add(list, &entry);
	}
	free(entry.soname);
	return result;
}

int plugin_list_from_json(struct plugin_list *list, const char *text, size_t length, const char *file,
			  const char *where)
{
	struct yaml_text yaml;
	int result = 0;

	if (yaml_text_load(&yaml, file, where, text, length))
		return -1;
	const yaml_node_t *top = yaml_text_root(&yaml), *item;
	if (top->type != YAML_SEQUENCE_NODE)
		result = plugin_entry_from_yaml(&yaml, top, false, list);
	else
		for (size_t i = 0; result == 0 && (item = yaml_text_item(&yaml, top, i)) != NULL; i++)
			result = plugin_entry_from_yaml(&yaml, item, false, list);
	yaml_text_release(&yaml);
	return result;
}

/* Adds what the descriptor of NOTE says, a copy of it: it is gone through twice, and
 * somebody may write to the file. */
static int read_descriptor(const struct elf_note *note, const char *file, const char *where,
			   struct plugin_list *list)
{
	const char *in_file = (const char *)note->desc;
	char *text = xstrndup(in_file, note->desc_size);
	int result = plugin_list_from_json(list, text, strlen(text), file, where);

	free(text);
	return result;
}

/* Reads the notes of OWNER and TYPE in section INDEX. */
static int read_section(const struct elf_image *image, size_t index, const char *owner, uint32_t type,
			struct plugin_list *list)
{
	const GElf_Shdr *shdr = &image->shdr[index];
	struct elf_notes notes = elf_notes_at(image, shdr->sh_offset, shdr->sh_size);
	struct elf_note note;
	char where[64];

	snprintf(where, sizeof where, "note in section %zu", index);
	while (elf_notes_next(&notes, &note))
		if (elf_note_is(&note, owner, type) && read_descriptor(&note, image->path, where, list))
			return -1;
	if (notes.at != notes.end)
		return diag_error(image->path,
				  "reading the %s: it says that it is larger than its section; the note "
				  "is damaged (objcopy --remove-section=%s takes it out)",
				  where, elf_image_section_name(image, index));
	return 0;
}

/* Reads the notes of OWNER and TYPE in all sections called NAME. */
static int read_sections(const struct elf_image *image, const char *name, const char *owner, uint32_t type,
			 struct plugin_list *list)
{
	uint64_t left = LIMIT_NOTES;

	for (size_t i = 1; i < image->shnum; i++) {
		const GElf_Shdr *shdr = &image->shdr[i];

		if (shdr->sh_type != SHT_NOTE || strcmp(elf_image_section_name(image, i), name) != 0)
			continue;
		if (shdr->sh_size > left)
			return diag_error(
				image->path,
				"reading its sections %s: they have more than the %d bytes that are "
				"looked at; left alone",
				name, LIMIT_NOTES);
		left -= shdr->sh_size;
		if (read_section(image, i, owner, type, list))
			return -1;
	}
	return 0;
}

int note_read_dlopen(const struct elf_image *image, struct plugin_list *list)
{
	return read_sections(image, NOTE_DLOPEN_SECTION, NOTE_DLOPEN_OWNER, NOTE_DLOPEN_TYPE, list);
}

int note_read(const struct elf_image *image, bool dlopen, struct plugin_list *list)
{
	if (read_sections(image, NOTE_SECTION, NOTE_OWNER, NOTE_TYPE, list))
		return -1;
	return dlopen ? note_read_dlopen(image, list) : 0;
}

unsigned char *note_section_content(const struct elf_image *image, const struct plugin_list *list,
				    size_t *size)
{
	char *json = plugin_list_to_json(list);
	size_t name_size = sizeof NOTE_OWNER, text_size = strlen(json) + 1;
	size_t text = elf_note_align(sizeof(Elf32_Nhdr) + name_size);

	*size = elf_note_align(text + text_size);
	unsigned char *content = xcalloc(1, *size);
	struct elf_image note = {
		.data = content, .size = *size, .is64 = image->is64, .big_endian = image->big_endian
	};
	elf_put32(&note, 0, (uint32_t)name_size);
	elf_put32(&note, 4, (uint32_t)text_size);
	elf_put32(&note, 8, NOTE_TYPE);
	memcpy(content + sizeof(Elf32_Nhdr), NOTE_OWNER, name_size);
	memcpy(content + text, json, text_size);
	free(json);
	return content;
}
