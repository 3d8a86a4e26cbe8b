/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading YAML, and JSON as the part of YAML it is, that nobody vouches for: documents of at most
 * YAML_TEXT_MAX bytes of UTF-8, nested a few levels deep, without anchors, aliases and tags.
 *
 *     struct yaml_text yaml;
 *     if (yaml_text_load(&yaml, file, NULL, text, length))
 *             return -1;
 *     static const char *const keys[] = { "name", "size", NULL };
 *     const yaml_node_t *value[2];
 *     if (yaml_text_map(&yaml, yaml_text_root(&yaml), "the document", keys, true, value)) ...
 *     yaml_text_release(&yaml);
 *
 * Every error is printed with its place: FILE:LINE:COLUMN for a file, and for a text inside another file
 * WHERE ("note in section 27") with line and column of that text. */
#ifndef YAML_TEXT_H
#define YAML_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define YAML_TEXT_MAX (1u << 20)

struct yaml_text {
	const char *file;  /* for messages; the caller's */
	const char *where; /* the same; NULL where the file is the text */
	yaml_parser_t parser;
	yaml_document_t document; /* the one that is read now */
};

/* Parses the LENGTH bytes at TEXT.  0, or -1 after a message; then there is nothing to release. */
int yaml_text_load(struct yaml_text *yaml, const char *file, const char *where, const char *text,
		   size_t length);
void yaml_text_release(struct yaml_text *yaml);

/* The same for a text of up to MOST documents, with `---` between them.  The first is loaded;
 * yaml_text_next() goes on to the next one: 1, 0 where there is none, or -1 after a message. */
int yaml_text_load_stream(struct yaml_text *yaml, const char *file, const char *where, const char *text,
			  size_t length, int most);
int yaml_text_next(struct yaml_text *yaml);

/* The document's top node, never NULL. */
const yaml_node_t *yaml_text_root(const struct yaml_text *yaml);

/* Prints a message about NODE with its place.  Always returns -1. */
int yaml_text_error(const struct yaml_text *yaml, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* NODE (called WHAT in messages) is a mapping: VALUE[i] becomes the node of KEYS[i], NULL where it is
 * not given; KEYS ends with NULL.  A key given twice is an error, and so is one that is not in KEYS if
 * STRICT, which else is passed over.  0, or -1 after a message. */
int yaml_text_map(const struct yaml_text *yaml, const yaml_node_t *node, const char *what,
		  const char *const *keys, bool strict, const yaml_node_t **value);

/* The text of NODE, which lives as long as YAML; NULL, after a message, where it is not a string (a
 * number, true, null, a list), empty, or holds a NUL or a control character. */
const char *yaml_text_string(const struct yaml_text *yaml, const yaml_node_t *node, const char *what);

/* Item INDEX of the list NODE, NULL after the last one.  Only for nodes of type YAML_SEQUENCE_NODE. */
const yaml_node_t *yaml_text_item(const struct yaml_text *yaml, const yaml_node_t *node, size_t index);

#endif
