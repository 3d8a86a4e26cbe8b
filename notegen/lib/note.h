/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin note: what it says, as C, as JSON, and as bytes in an ELF section.
 *
 * Section `.note.prelink.plugins`, SHT_NOTE, not allocated, 4-byte aligned; owner "prelink", type
 * 0x504c5547; the descriptor is a JSON array of objects, UTF-8, NUL-terminated.  The vocabulary is
 * that of the UAPI group's ELF dlopen metadata (feature, description, priority, soname) and our own
 * path and exclusive.  That specification's own note (`.note.dlopen`, owner "FDO", type 0x407c0c0a, one
 * JSON object or an array of them) is read into the same list.  JSON is YAML: libyaml reads both. */
#ifndef NOTE_H
#define NOTE_H

#include <jansson.h>

#include "elf_image.h"
#include "limit.h"

#define NOTE_SECTION ".note.prelink.plugins"
#define NOTE_OWNER "prelink"
#define NOTE_TYPE 0x504c5547u
#define NOTE_DLOPEN_SECTION ".note.dlopen"
#define NOTE_DLOPEN_OWNER "FDO"
#define NOTE_DLOPEN_TYPE 0x407c0c0au

enum plugin_priority { PLUGIN_RECOMMENDED = 0, PLUGIN_REQUIRED, PLUGIN_SUGGESTED };

/* One entry.  Strings are owned by the list, NULL where not given.  Either path or at least one soname
 * is there. */
struct plugin_entry {
	char *feature;
	char *description;
	char *exclusive; /* group: at most one of its plugins is in a process at a time */
	char *path;      /* absolute pattern, see pattern.h */
	char **soname;   /* alternatives, best first, each found through the library search path */
	size_t soname_count;
	enum plugin_priority priority;
	const char
		*from; /* the manifest's file, NULL for a note's; its reader's, and no part of what it says */
};

struct plugin_list {
	struct plugin_entry *entry;
	size_t count;
};

/* A list that is read holds no more entries than this: whoever has a reason for more has none. */
#define PLUGIN_LIST_MAX LIMIT_PATTERNS

/* "required", "recommended" or "suggested". */
const char *plugin_priority_name(enum plugin_priority priority);

/* Adds a copy of ENTRY unless an equal one is there.  Returns true if it was added. */
bool plugin_list_add(struct plugin_list *list, const struct plugin_entry *entry);
void plugin_list_release(struct plugin_list *list);

/* The list as a JSON array: a new reference; on one line, allocated. */
json_t *plugin_list_json(const struct plugin_list *list);
char *plugin_list_to_json(const struct plugin_list *list);

/* Adds what the LENGTH bytes of JSON at TEXT say (an array of objects, or one).  FILE and WHERE
 * ("note in section 27") are for messages.  Unknown keys are passed over (the specification may
 * grow), wrong types are errors.  0, or -1 after a message. */
int plugin_list_from_json(struct plugin_list *list, const char *text, size_t length, const char *file,
			  const char *where);

/* Adds what IMAGE's own plugin note says, and with DLOPEN also its .note.dlopen.  0 (also where there
 * is none) or -1 after a message. */
int note_read(const struct elf_image *image, bool dlopen, struct plugin_list *list);

/* Only the .note.dlopen. */
int note_read_dlopen(const struct elf_image *image, struct plugin_list *list);

/* The contents of the section for IMAGE's byte order: note header, owner, descriptor.  Allocated. */
unsigned char *note_section_content(const struct elf_image *image, const struct plugin_list *list,
				    size_t *size);

#endif
