/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading YAML; see yaml_text.h.  libyaml parses; what is done here is to keep what it accepts small,
 * and to name places. */
#include "yaml_text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"

#define DEPTH_MAX 16

/* Prints MESSAGE about line LINE, column COLUMN (counted from 0).  Always returns -1. */
static int report(const struct yaml_text *yaml, size_t line, size_t column, const char *message)
{
	char *place;

	if (yaml->where)
		return diag_error(yaml->file, "%s, line %zu, column %zu: %s", yaml->where, line + 1,
				  column + 1, message);
	place = xasprintf("%s:%zu:%zu", yaml->file, line + 1, column + 1);
	diag_error(place, "%s", message);
	free(place);
	return -1;
}

int yaml_text_error(const struct yaml_text *yaml, const yaml_node_t *node, const char *format, ...)
{
	va_list arguments;
	char *message;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = xstrdup("out of memory");
	va_end(arguments);
	report(yaml, node->start_mark.line, node->start_mark.column, message);
	free(message);
	return -1;
}

/* What libyaml objects to.  Bytes that are not UTF-8 have no mark, only an offset. */
static int report_parser(const struct yaml_text *yaml, const yaml_parser_t *parser, const char *text,
			 size_t length)
{
	const char *problem = parser->problem ? parser->problem : "it cannot be read";
	size_t line = parser->problem_mark.line, column = parser->problem_mark.column;
	char *message;

	if (parser->error == YAML_READER_ERROR) {
		line = column = 0;
		for (size_t i = 0; i < parser->problem_offset && i < length; i++) {
			column = text[i] == '\n' ? 0 : column + 1;
			line += text[i] == '\n';
		}
	}
	message = parser->context ? xasprintf("%s (%s)", problem, parser->context) : xstrdup(problem);
	report(yaml, line, column, message);
	free(message);
	return -1;
}

static void start(yaml_parser_t *parser, const char *text, size_t length)
{
	if (!yaml_parser_initialize(parser)) {
		diag_error(NULL, "out of memory");
		exit(EXIT_FAILURE);
	}
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text, length);
}

/* What is wrong with EVENT, at DEPTH levels; NULL if nothing is. */
static const char *objection(const yaml_event_t *event, int depth)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_ALIAS_EVENT: return "aliases are not allowed; write the value out";
	case YAML_SCALAR_EVENT: anchor = event->data.scalar.anchor, tag = event->data.scalar.tag; break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
		break;
	default: break;
	}
	if (anchor)
		return "anchors are not allowed; write the value out";
	if (tag)
		return "tags are not allowed";
	if (depth > DEPTH_MAX)
		return "nested too deeply";
	return NULL;
}

/* Goes through the events, so that nothing that expands or nests without bound, and no more than MOST
 * documents, reaches the loader. */
static int check_events(const struct yaml_text *yaml, const char *text, size_t length, int most)
{
	yaml_parser_t parser;
	int depth = 0, documents = 0, result = 0;
	bool end = false;

	start(&parser, text, length);
	while (result == 0 && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			result = report_parser(yaml, &parser, text, length);
			break;
		}
		documents += event.type == YAML_DOCUMENT_START_EVENT;
		depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
		depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
		end = event.type == YAML_STREAM_END_EVENT;
		const char *why = objection(&event, depth);
		if (!why && documents > most)
			why = most == 1 ? "only one document is allowed" : "too many documents";
		if (why)
			result = report(yaml, event.start_mark.line, event.start_mark.column, why);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (result == 0 && documents == 0)
		result = report(yaml, 0, 0, "it is empty");
	return result;
}

/* Loads the document that comes next: 1, 0 where there is none, or -1 after a message. */
static int load_document(struct yaml_text *yaml)
{
	if (!yaml_parser_load(&yaml->parser, &yaml->document))
		return report_parser(yaml, &yaml->parser, "", 0);
	return yaml_document_get_root_node(&yaml->document) != NULL;
}

int yaml_text_load_stream(struct yaml_text *yaml, const char *file, const char *where, const char *text,
			  size_t length, int most)
{
	*yaml = (struct yaml_text){ .file = file, .where = where };
	if (length > YAML_TEXT_MAX)
		return report(yaml, 0, 0, "it is larger than 1 MB");
	if (check_events(yaml, text, length, most))
		return -1;
	start(&yaml->parser, text, length);
	/* That there is a document is something that check_events() has seen to. */
	if (load_document(yaml) > 0)
		return 0;
	yaml_text_release(yaml);
	return -1;
}

int yaml_text_load(struct yaml_text *yaml, const char *file, const char *where, const char *text,
		   size_t length)
{
	return yaml_text_load_stream(yaml, file, where, text, length, 1);
}

int yaml_text_next(struct yaml_text *yaml)
{
	yaml_document_delete(&yaml->document);
	return load_document(yaml);
}

void yaml_text_release(struct yaml_text *yaml)
{
	yaml_document_delete(&yaml->document);
	yaml_parser_delete(&yaml->parser);
}

/* libyaml's accessors take no const. */
static yaml_document_t *document_of(const struct yaml_text *yaml)
{
	return (yaml_document_t *)(uintptr_t)&yaml->document;
}

const yaml_node_t *yaml_text_root(const struct yaml_text *yaml)
{
	return yaml_document_get_root_node(document_of(yaml));
}

static const yaml_node_t *node_at(const struct yaml_text *yaml, int index)
{
	return yaml_document_get_node(document_of(yaml), index);
}

const yaml_node_t *yaml_text_item(const struct yaml_text *yaml, const yaml_node_t *node, size_t index)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;

	return index < (size_t)(node->data.sequence.items.top - item) ? node_at(yaml, item[index]) : NULL;
}

static bool is_text(const yaml_node_t *node, const char *text)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == strlen(text) &&
	       memcmp(node->data.scalar.value, text, strlen(text)) == 0;
}

int yaml_text_map(const struct yaml_text *yaml, const yaml_node_t *node, const char *what,
		  const char *const *keys, bool strict, const yaml_node_t **value)
{
	for (size_t i = 0; keys[i]; i++)
		value[i] = NULL;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_text_error(yaml, node, "%s has to be a mapping (\"key: value\")", what);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_at(yaml, pair->key);
		size_t i = 0;

		while (keys[i] && !is_text(key, keys[i]))
			i++;
		if (keys[i] && value[i])
			return yaml_text_error(yaml, key, "\"%s\" is given twice in %s", keys[i], what);
		if (keys[i])
			value[i] = node_at(yaml, pair->value);
		else if (strict && key->type == YAML_SCALAR_NODE)
			return yaml_text_error(yaml, key, "unknown key \"%.40s\" in %s",
					       key->data.scalar.value, what);
		else if (strict)
			return yaml_text_error(yaml, key, "a key in %s is not a word", what);
	}
	return 0;
}

/* True if an unquoted TEXT is, by YAML's core schema, not a string: null, a truth value, a number. */
static bool is_plain_value(const char *text)
{
	static const char *const words[] = { "",     "~",    "null",  "Null",  "NULL", "true",
					     "True", "TRUE", "false", "False", "FALSE" };
	char *end;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	if (!strchr("+-.0123456789", text[0]))
		return false;
	strtod(text, &end);
	return *end == '\0';
}

/* True if a character that is no text starts at C (UTF-8, of which libyaml made sure): a control
 * character (C0, DEL, C1), a line separator (U+2028, U+2029), a byte order mark or U+FFFE, U+FFFF.  Some of
 * them an escape can name, but a reader of what we write would take them for something else. */
static bool is_control(const unsigned char *c)
{
	switch (c[0]) {
	case 0xc2: return c[1] < 0xa0;
	case 0xe2: return c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9);
	case 0xef: return (c[1] == 0xbb && c[2] == 0xbf) || (c[1] == 0xbf && c[2] >= 0xbe);
	default: return c[0] < 0x20 || c[0] == 0x7f;
	}
}

const char *yaml_text_string(const struct yaml_text *yaml, const yaml_node_t *node, const char *what)
{
	const char *text = node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
	const char *why = NULL;

	if (!text)
		why = "has to be a string";
	else if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_plain_value(text))
		why = "has to be a string (put it in quotes if this is one)";
	else if (text[0] == '\0')
		why = "is empty";
	for (size_t i = 0; !why && i < node->data.scalar.length; i++)
		if (is_control((const unsigned char *)text + i))
			why = "holds a control character";
	if (why)
		yaml_text_error(yaml, node, "%s %s", what, why);
	return why ? NULL : text;
}
