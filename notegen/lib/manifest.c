/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading manifests; see manifest.h. */
#include "manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "path_list.h"
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
		if (manifest->host_count == LIMIT_PATTERNS)
			return yaml_text_error(yaml, item, "more than %d hosts", LIMIT_PATTERNS);
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

/* The whole of FILE, allocated, and its LENGTH in bytes, for messages called SHOWN; NULL after one.  One byte
 * more than a YAML text may have is enough to see that it is too large. */
static char *read_file(const struct root *root, const char *file, const char *shown, size_t *length)
{
	int fd = root ? root_open(root, file, O_RDONLY) : root_open_file(file, O_RDONLY);
	char *text;
	ssize_t got = 1;

	*length = 0;
	if (fd < 0) {
		diag_errno(shown, "reading the manifest");
		return NULL;
	}
	text = xmalloc(YAML_TEXT_MAX + 1);
	while (got > 0 && *length <= YAML_TEXT_MAX) {
		got = read(fd, text + *length, YAML_TEXT_MAX + 1 - *length);
		*length += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		diag_errno(shown, "reading the manifest");
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
	for (size_t i = 0; i < manifest.plugins.count; i++)
		manifest.plugins.entry[i].from = manifest.file;
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

int manifest_read(struct manifest_list *list, const struct root *root, const char *file)
{
	char *shown = root ? root_outside(root, file) : xstrdup(file);
	size_t length;
	char *text = read_file(root, file, shown, &length);
	int result = text ? manifest_parse(list, shown, text, length) : -1;

	free(text);
	free(shown);
	return result;
}

/* The names that end in .yaml in DIRECTORY, sorted, each behind it and a slash.  0, or -1 with errno set. */
static int list_directory(const struct root *root, const char *directory, struct path_list *files)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = root ? root_open(root, directory, flags) : open(directory, flags);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!stream)
		return -1;
	while ((errno = 0, entry = readdir(stream))) {
		const char *end = strrchr(entry->d_name, '.');

		if (!end || end == entry->d_name || entry->d_name[0] == '.' || strcmp(end, ".yaml") != 0)
			continue;
		char *file = xasprintf("%s/%s", directory, entry->d_name);

		path_list_add(files, file);
		free(file);
	}
	int saved = errno;
	closedir(stream);
	path_list_sort(files);
	errno = saved;
	return saved ? -1 : 0;
}

int manifest_read_directory(struct manifest_list *list, const struct root *root, const char *directory)
{
	struct path_list files = { 0 };
	int result = 0;

	if (list_directory(root, directory, &files)) {
		char *shown = root ? root_outside(root, directory) : xstrdup(directory);

		result = diag_errno(shown, "reading the directory of manifests");
		free(shown);
	}
	for (size_t i = 0; i < files.count; i++) {
		size_t before = list->count;

		if (manifest_read(list, root, files.path[i]))
			result = -1;
		for (; before < list->count; before++)
			list->manifest[before].collected = true;
	}
	path_list_release(&files);
	return result;
}

void manifest_list_release(struct manifest_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		manifest_release(&list->manifest[i]);
	free(list->manifest);
	*list = (struct manifest_list){ 0 };
}
