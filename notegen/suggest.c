/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen suggest: proposes manifest entries for an object by looking at it; what is proposed are guesses,
 * and nothing is written into any file.
 *
 * It looks at .note.dlopen, which is no guess; at directories of plugins that the object names, or that are
 * called like it; at strings that look like names of shared objects. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "alloc.h"
#include "diag.h"
#include "edit.h"
#include "found.h"
#include "pattern.h"

#define LONGEST 255 /* of the strings that are looked at */

struct suggest {
	char **elf;
	size_t elf_count;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct suggest *suggest = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_ARGS:
		suggest->elf = state->argv + state->next;
		suggest->elf_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* Functions by which objects load others: libc's, and those of libraries that wrap them. */
static bool is_loader(const char *symbol)
{
	static const char *const names[] = {
		"dlopen",          "dlmopen",        "__libc_dlopen_mode", "lt_dlopen",    "lt_dlopenext",
		"lt_dlopenadvise", "g_module_open",  "g_module_open_full", "apr_dso_load", "osl_loadModule",
		"snd_dlopen",      "SDL_LoadObject", "Tcl_LoadFile",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(symbol, names[i]) == 0)
			return true;
	/* Qt: QLibrary::..., QPluginLoader::..., QFactoryLoader::... */
	return strncmp(symbol, "_ZN8QLibrary", 12) == 0 || strncmp(symbol, "_ZN13QPluginLoader", 18) == 0 ||
	       strncmp(symbol, "_ZN14QFactoryLoader", 19) == 0;
}

/* True if IMAGE imports a function of that kind. */
static bool loads_others(const struct elf_image *image)
{
	for (size_t i = 0; i < image->shnum; i++) {
		const GElf_Shdr *table = &image->shdr[i], *names;
		GElf_Sym symbol;

		if (table->sh_type != SHT_DYNSYM || table->sh_link >= image->shnum)
			continue;
		names = &image->shdr[table->sh_link];
		for (uint64_t at = 0; at + elf_sym_size(image) <= table->sh_size; at += elf_sym_size(image)) {
			elf_get_sym(image, table->sh_offset + at, &symbol);
			char *name = names->sh_type == SHT_STRTAB && symbol.st_shndx == SHN_UNDEF ?
					     elf_image_string(image, names->sh_offset, names->sh_size,
							      symbol.st_name) :
					     NULL;

			bool found = name && is_loader(name);

			free(name);
			if (found)
				return true;
		}
	}
	return false;
}

/* True if DIRECTORY, an absolute path, holds plugins and not libraries. */
static bool holds_plugins(const char *directory)
{
	struct stat st;

	return directory[0] == '/' && stat(directory, &st) == 0 && S_ISDIR(st.st_mode) &&
	       !found_is_library_directory(directory) && found_count_objects(directory) > 0;
}

static void add_directory(struct found_list *found, const char *host, const char *directory)
{
	char *real = realpath(directory, NULL), *quoted = real ? found_quote(real) : NULL;
	char feature[] = "plugins", why[] = "a guess: a directory of shared objects";
	struct plugin_entry entry = { .feature = feature, .description = why, .priority = PLUGIN_SUGGESTED };

	if (real && !found_is_library_directory(real)) {
		entry.path = xasprintf("%s/*.so", quoted);
		plugin_list_add(found_host(found, host), &entry);
		free(entry.path);
	}
	free(quoted);
	free(real);
}

/* Directories of plugins whose name TEXT begins: programs append a version. */
static void add_directories(struct found_list *found, const char *host, const char *text)
{
	char *quoted = found_quote(text), *pattern = xasprintf("%s*", quoted);
	struct stat st;
	glob_t names = { 0 };

	/* What is there itself, or is no deep path, says nothing. */
	if (stat(text, &st) && strlen(text) > 8 && strchr(text + 5, '/') &&
	    glob(pattern, 0, NULL, &names) == 0)
		for (size_t i = 0; i < names.gl_pathc; i++)
			if (holds_plugins(names.gl_pathv[i]))
				add_directory(found, host, names.gl_pathv[i]);
	globfree(&names);
	free(pattern);
	free(quoted);
}

static void add_soname(struct found_list *found, const char *host, const char *soname)
{
	char feature[] = "libraries", why[] = "a guess: a string in the file", *name = xstrdup(soname);
	struct plugin_entry entry = { .feature = feature,
				      .description = why,
				      .priority = PLUGIN_SUGGESTED,
				      .soname = &name,
				      .soname_count = 1 };

	plugin_list_add(found_host(found, host), &entry);
	free(name);
}

/* Looks at one string of the object. */
static void look_at(struct found_list *found, const char *host, const char *text)
{
	if (text[0] == '/' && holds_plugins(text))
		add_directory(found, host, text);
	else if (text[0] == '/' && text[1])
		add_directories(found, host, text);
	else if (found_is_object_name(text) && strcmp(text, strrchr(host, '/') + 1) != 0)
		add_soname(found, host, text);
}

/* Looks at the strings in the sections that hold a program's constants. */
static void look_at_strings(struct found_list *found, const char *host, const struct elf_image *image)
{
	for (size_t i = 0; i < image->shnum; i++) {
		const GElf_Shdr *section = &image->shdr[i];
		char text[LONGEST + 1];
		size_t length = 0;

		if (section->sh_type != SHT_PROGBITS || !(section->sh_flags & SHF_ALLOC) ||
		    (section->sh_flags & SHF_EXECINSTR))
			continue;
		for (uint64_t at = section->sh_offset; at < section->sh_offset + section->sh_size; at++) {
			unsigned char byte = image->data[at];

			if (byte >= 0x20 && byte < 0x7f && length < LONGEST) {
				text[length++] = (char)byte;
				continue;
			}
			text[length] = '\0';
			if (byte == '\0' && length >= 4)
				look_at(found, host, text);
			length = 0;
		}
	}
}

/* Directories called like the object: NAME, NAME/plugins and NAME/modules beside a libNAME.so.1, and in
 * /usr/lib for a program. */
static void look_beside(struct found_list *found, const char *host)
{
	static const char *const below[] = { "", "/plugins", "/modules" };
	const char *base = strrchr(host, '/') + 1;
	char *directory = xstrndup(host, (size_t)(base - host - 1)), *name;
	bool library = strncmp(base, "lib", 3) == 0;
	const char *start = library ? base + 3 : base;
	/* libvlccore.so.9 and libQt5Gui.so.5 are vlccore and Qt5Gui. */
	const char *end = strstr(start, ".so");

	name = xstrndup(start, end ? (size_t)(end - start) : strlen(start));
	for (size_t i = 0; *name && i < sizeof below / sizeof *below; i++) {
		const char *where = library ? directory : "/usr/lib";
		char *path = xasprintf("%s/%s%s", where, name, below[i]);

		if (holds_plugins(path))
			add_directory(found, host, path);
		free(path);
	}
	free(name);
	free(directory);
}

/* Says which of the manifests that are installed name HOST: what they say is no guess. */
static void tell_known(const struct manifest_list *installed, const char *host)
{
	for (size_t i = 0; i < installed->count; i++)
		for (size_t j = 0; j < installed->manifest[i].host_count; j++)
			if (pattern_match(installed->manifest[i].host[j], host))
				printf("# %s is a host of %s, described in %s.\n", host,
				       installed->manifest[i].application, installed->manifest[i].file);
}

static void suggest_file(struct found_list *found, const struct manifest_list *installed,
			 const struct root *root, const char *argument)
{
	char *path = root_inside(root, argument), *real = root_real(root, path);
	struct plugin_list noted = { 0 };
	struct elf_image image;
	struct stat st;
	int fd = real ? edit_open(root, real, argument, &image, &st) : diag_errno(argument, "opening it");

	if (fd >= 0) {
		tell_known(installed, real);
		if (note_read_dlopen(&image, &noted) == 0)
			for (size_t i = 0; i < noted.count; i++)
				plugin_list_add(found_host(found, real), &noted.entry[i]);
		if (loads_others(&image)) {
			look_at_strings(found, real, &image);
			look_beside(found, real);
		} else if (noted.count == 0) {
			diag_warn(argument,
				  "it calls nothing that loads plugins; look at the libraries that it links");
		}
		elf_image_release(&image);
		close(fd);
	}
	plugin_list_release(&noted);
	free(real);
	free(path);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "ELF...",
		.doc = "Proposes a manifest for each file, from what it looks like.  The entries are guesses: "
		       "check them before you use them.  No file is changed.",
	};
	struct suggest suggest = { 0 };
	struct manifest_list installed = { 0 };
	struct found_list found = { 0 };
	struct root root;

	argp_parse(&argp, argc, argv, 0, NULL, &suggest);
	if (access(PKGDATADIR "/manifests", R_OK) == 0)
		manifest_read_directory(&installed, NULL, PKGDATADIR "/manifests");
	if (root_open_tree(&root, NULL) == 0) {
		for (size_t i = 0; i < suggest.elf_count; i++)
			suggest_file(&found, &installed, &root, suggest.elf[i]);
		if (found.count)
			puts("# Guesses of notegen suggest: check every entry, and the hosts, before using them.");
		found_print(&found, stdout, "guessed by notegen suggest", NULL);
		found_release(&found);
		root_release(&root);
	}
	manifest_list_release(&installed);
	return command_status();
}

const struct command suggest_command = { "suggest", "Propose a manifest for a file, as guesses", run };
