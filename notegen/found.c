/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collecting who loads what; see found.h. */
#include "found.h"

#include <ctype.h>
#include <dirent.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "manifest_print.h"

char *found_quote(const char *path)
{
	char *quoted = xmalloc(2 * strlen(path) + 1), *to = quoted;

	for (; *path; path++) {
		if (strchr("*?[]{}\\", *path))
			*to++ = '\\';
		*to++ = *path;
	}
	*to = '\0';
	return quoted;
}

/* The last component of PATH. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct plugin_list *found_host(struct found_list *found, const char *host)
{
	char *pattern = found_quote(host);
	struct manifest *manifest;

	for (size_t i = 0; i < found->count; i++)
		if (strcmp(found->manifest[i].host[0], pattern) == 0) {
			free(pattern);
			return &found->manifest[i].plugins;
		}
	ALLOC_NEXT(found->manifest, found->count);
	manifest = &found->manifest[found->count++];
	*manifest = (struct manifest){ .application = xstrdup(base_name(host)), .host_count = 1 };
	manifest->host = xcalloc(1, sizeof *manifest->host);
	manifest->host[0] = pattern;
	return &manifest->plugins;
}

bool found_is_library_directory(const char *directory)
{
	regex_t expression;
	bool result;

	if (regcomp(&expression, "^(/usr|/usr/local)?/(lib|lib32|lib64|libx32)(/[^/]*-linux-[^/]*)?$",
		    REG_EXTENDED | REG_NOSUB))
		return true;
	result = regexec(&expression, directory, 0, NULL, 0) == 0;
	regfree(&expression);
	return result;
}

bool found_is_object_name(const char *name)
{
	const char *at = strstr(name, ".so");

	if (!at || !isalnum((unsigned char)name[0]) || strncmp(name, "ld-", 3) == 0 ||
	    strncmp(name, "ld.", 3) == 0)
		return false;
	for (const char *letter = name; *letter; letter++)
		if (!isalnum((unsigned char)*letter) && !strchr("_+-.", *letter))
			return false;
	at += strlen(".so");
	return *at == '\0' ||
	       (at[0] == '.' && isdigit((unsigned char)at[1]) && strspn(at, ".0123456789") == strlen(at));
}

size_t found_count_objects(const char *directory)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;
	size_t objects = 0, others = 0;

	if (!stream)
		return 0;
	while ((entry = readdir(stream)))
		if (found_is_object_name(entry->d_name) || strstr(entry->d_name, ".so"))
			objects++;
		else
			others += entry->d_name[0] != '.' && entry->d_type == DT_REG;
	closedir(stream);
	return objects > others ? objects : 0;
}

/* The pattern for PATH, in DIRECTORY, allocated. */
static char *generalise(const char *directory, const char *path)
{
	char *quoted = found_quote(directory), *pattern = NULL;
	const char *name = base_name(path);
	char *automatic = strstr(quoted, "/auto/");

	if (automatic && strncmp(name, base_name(directory), strlen(base_name(directory))) == 0) {
		/* Perl: auto/Some/Module/Module.so. */
		pattern = xasprintf("%.*s/auto/**/*.so", (int)(automatic - quoted), quoted);
	} else if (!found_is_library_directory(directory) && found_count_objects(directory) > 1) {
		size_t length = strlen(name);

		pattern = xasprintf(length > 3 && strcmp(name + length - 3, ".so") == 0 ? "%s/*.so" :
											  "%s/*.so*",
				    quoted);
	}
	free(quoted);
	return pattern ? pattern : found_quote(path);
}

void found_add_path(struct found_list *found, const char *host, const char *path, bool exact)
{
	char *directory = xstrndup(path, (size_t)(base_name(path) - path - 1));
	char *pattern = exact ? found_quote(path) : generalise(directory, path);
	char feature[] = "plugins";
	struct plugin_entry entry = { .feature = feature, .path = pattern };

	/* A directory's name says what its plugins are for, more often than not. */
	if (!strstr(pattern, "/**/") && !found_is_library_directory(directory) && *base_name(directory))
		entry.feature = (char *)(uintptr_t)base_name(directory);
	plugin_list_add(found_host(found, host), &entry);
	free(pattern);
	free(directory);
}

void found_add_soname(struct found_list *found, const char *host, const char *soname)
{
	char *name = xstrdup(soname), feature[] = "libraries";
	struct plugin_entry entry = { .feature = feature, .soname = &name, .soname_count = 1 };

	plugin_list_add(found_host(found, host), &entry);
	free(name);
}

static bool says_host(const struct manifest *manifest, const char *pattern)
{
	for (size_t i = 0; i < manifest->host_count; i++)
		if (strcmp(manifest->host[i], pattern) == 0)
			return true;
	return false;
}

static bool is_same(const struct plugin_entry *a, const struct plugin_entry *b)
{
	if (a->path || b->path)
		return a->path && b->path && strcmp(a->path, b->path) == 0;
	return a->soname_count == 1 && b->soname_count > 0 && strcmp(a->soname[0], b->soname[0]) == 0;
}

/* True if one of the manifests in KNOWN says of the same host what ENTRY does. */
static bool is_known(const struct manifest_list *known, const char *host, const struct plugin_entry *entry)
{
	for (size_t i = 0; known && i < known->count; i++)
		for (size_t j = 0;
		     says_host(&known->manifest[i], host) && j < known->manifest[i].plugins.count; j++)
			if (is_same(entry, &known->manifest[i].plugins.entry[j]))
				return true;
	return false;
}

size_t found_print(const struct found_list *found, FILE *out, const char *description,
		   const struct manifest_list *known)
{
	size_t printed = 0;

	for (size_t i = 0; i < found->count; i++) {
		struct manifest manifest = found->manifest[i];
		struct plugin_list news = { 0 };

		for (size_t j = 0; j < manifest.plugins.count; j++)
			if (!is_known(known, manifest.host[0], &manifest.plugins.entry[j]))
				plugin_list_add(&news, &manifest.plugins.entry[j]);
		manifest.plugins = news;
		if (news.count) {
			manifest_print(out, &manifest, description);
			printed++;
		}
		plugin_list_release(&news);
	}
	return printed;
}

void found_release(struct found_list *found)
{
	for (size_t i = 0; i < found->count; i++) {
		free(found->manifest[i].host[0]);
		free(found->manifest[i].host);
		free(found->manifest[i].application);
		plugin_list_release(&found->manifest[i].plugins);
	}
	free(found->manifest);
	*found = (struct found_list){ 0 };
}
