/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading manifests; see manifest.h. */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "root.h"
#include "plugin_yaml.h"

enum { FORMAT, APPLICATION, DESCRIPTION, HOSTS, PLUGINS, KEYS };
static const char *const keys[] = { "manifest", "application", "description", "hosts", "plugins", NULL };

static int read_version(const struct yaml_text *yaml, const yaml_node_t *node)
{
	const char *text = node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
	char *end;
	long version = strtol(text, &end, 10);

	if (text[0] == '\0' || *end || version < 1 || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return yaml_text_error(yaml, node, "\"manifest\" has to be the number of the format: %d",
				       MANIFEST_VERSION);
	if (version != MANIFEST_VERSION)
		return yaml_text_error(yaml, node,
				       "format %ld is not known (only %d is); it may need a newer notegen",
				       version, MANIFEST_VERSION);
	return 0;
}

/* 0 if NODE is a list with something in it. */
static int check_list(const struct yaml_text *yaml, const yaml_node_t *node, const char *what)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_text_error(yaml, node, "\"%s\" has to be a list (\"- ...\")", what);
	if (!yaml_text_item(yaml, node, 0))
		return yaml_text_error(yaml, node, "\"%s\" is empty", what);
	return 0;
}

static int read_hosts(const struct yaml_text *yaml, const yaml_node_t *node, struct manifest *manifest)
{
	static const char *const host_keys[] = { "path", NULL };
	const yaml_node_t *item, *value[1];
	const char *path;

	if (check_list(yaml, node, keys[HOSTS]))
		return -1;
	manifest->host = xcalloc((size_t)(node->data.sequence.items.top - node->data.sequence.items.start),
				 sizeof *manifest->host);
	for (size_t i = 0; (item = yaml_text_item(yaml, node, i)) != NULL; i++) {
		if (yaml_text_map(yaml, item, "a host", host_keys, true, value))
			return -1;
		if (!value[0])
			return yaml_text_error(yaml, item, "a host needs a \"path\"");
		if (plugin_path_from_yaml(yaml, value[0], &path))
			return -1;
		manifest->host[manifest->host_count++] = xstrdup(path);
	}
	return 0;
}

static int read_plugins(const struct yaml_text *yaml, const yaml_node_t *node, struct manifest *manifest)
{
	const yaml_node_t *item;

	if (check_list(yaml, node, keys[PLUGINS]))
		return -1;
	for (size_t i = 0; (item = yaml_text_item(yaml, node, i)) != NULL; i++)
		if (plugin_entry_from_yaml(yaml, item, true, &manifest->plugins))
			return -1;
	return 0;
}

static int read_document(const struct yaml_text *yaml, struct manifest *manifest)
{
	const yaml_node_t *top = yaml_text_root(yaml), *value[KEYS];
	const char *text;

	if (yaml_text_map(yaml, top, "the manifest", keys, true, value))
		return -1;
	for (int i = 0; i < KEYS; i++)
		if (!value[i] && i != DESCRIPTION)
			return yaml_text_error(yaml, top, "the manifest has no \"%s\"", keys[i]);
	if (read_version(yaml, value[FORMAT]))
		return -1;
	if (!(text = yaml_text_string(yaml, value[APPLICATION], "\"application\"")))
		return -1;
	manifest->application = xstrdup(text);
	if (value[DESCRIPTION] && !yaml_text_string(yaml, value[DESCRIPTION], "\"description\""))
		return -1;
	return read_hosts(yaml, value[HOSTS], manifest) ? -1 : read_plugins(yaml, value[PLUGINS], manifest);
}

/* The whole of FILE, allocated, and its LENGTH in bytes; NULL after a message.  One byte more than a
 * YAML text may have is enough to see that it is too large. */
static char *read_file(const char *file, size_t *length)
{
	int fd = root_open_file(file, O_RDONLY);
	char *text;
	ssize_t got = 1;

	*length = 0;
	if (fd < 0) {
		diag_errno(file, "reading the manifest");
		return NULL;
	}
	text = xmalloc(YAML_TEXT_MAX + 1);
	while (got > 0 && *length <= YAML_TEXT_MAX) {
		got = read(fd, text + *length, YAML_TEXT_MAX + 1 - *length);
		*length += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		diag_errno(file, "reading the manifest");
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

static void manifest_release(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->host_count; i++)
		free(manifest->host[i]);
	free(manifest->host);
	free(manifest->file);
	free(manifest->application);
	plugin_list_release(&manifest->plugins);
}

static int parse_document(struct manifest_list *list, const struct yaml_text *yaml)
{
	struct manifest manifest = { .file = xstrdup(yaml->file) };

	if (read_document(yaml, &manifest)) {
		manifest_release(&manifest);
		return -1;
	}
	ALLOC_NEXT(list->manifest, list->count);
	list->manifest[list->count++] = manifest;
	return 0;
}

int manifest_parse(struct manifest_list *list, const char *file, const char *text, size_t length)
{
	size_t before = list->count;
	struct yaml_text yaml;
	int result = 0, more;

	if (yaml_text_load_stream(&yaml, file, NULL, text, length, MANIFEST_DOCUMENTS_MAX))
		return -1;
	do {
		if (parse_document(list, &yaml))
			result = -1;
		more = yaml_text_next(&yaml);
	} while (more > 0);
	if (more < 0)
		result = -1;
	yaml_text_release(&yaml);
	/* A file with an error in it counts for nothing. */
	while (result && list->count > before)
		manifest_release(&list->manifest[--list->count]);
	return result;
}

int manifest_read(struct manifest_list *list, const char *file)
{
	size_t length;
	char *text = read_file(file, &length);
	int result = text ? manifest_parse(list, file, text, length) : -1;

	free(text);
	return result;
}

/* DIRECTORY as a glob(3) pattern that matches nothing else. */
static char *quote(const char *directory)
{
	char *quoted = xmalloc(2 * strlen(directory) + 1), *to = quoted;

	for (; *directory; directory++) {
		if (strchr("*?[]\\", *directory))
			*to++ = '\\';
		*to++ = *directory;
	}
	*to = '\0';
	return quoted;
}

int manifest_read_directory(struct manifest_list *list, const char *directory)
{
	char *quoted = quote(directory), *pattern = xasprintf("%s/*.yaml", quoted);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	glob_t found = { 0 };

	free(quoted);
	if (fd < 0)
		result = diag_errno(directory, "opening the directory of manifests");
	else
		close(fd);
	if (result == 0 && glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			size_t before = list->count;

			if (manifest_read(list, found.gl_pathv[i]))
				result = -1;
			for (; before < list->count; before++)
				list->manifest[before].collected = true;
		}
	globfree(&found);
	free(pattern);
	return result;
}

void manifest_list_release(struct manifest_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		manifest_release(&list->manifest[i]);
	free(list->manifest);
	*list = (struct manifest_list){ 0 };
}
