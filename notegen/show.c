/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen show: what the notes of ELF files say. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "diag.h"
#include "edit.h"
#include "json.h"

struct show {
	bool json;
	char **elf;
	size_t elf_count;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "As a JSON array, one object for each file", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct show *show = state->input;

	switch (key) {
	case 'j': show->json = true; return 0;
	case ARGP_KEY_ARGS:
		show->elf = state->argv + state->next;
		show->elf_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
	default: (void)argument; return ARGP_ERR_UNKNOWN;
	}
}

static void print_entry(const struct plugin_entry *entry)
{
	printf("  %s (%s)", entry->feature ? entry->feature : "plugins",
	       plugin_priority_name(entry->priority));
	if (entry->exclusive)
		printf(", one of %s at a time", entry->exclusive);
	if (entry->description)
		printf(": %s", entry->description);
	putchar('\n');
	if (entry->path)
		printf("    %s\n", entry->path);
	for (size_t i = 0; i < entry->soname_count; i++)
		printf("    %s%s\n", i ? "or " : "", entry->soname[i]);
}

static void print_list(const char *file, const char *section, const struct plugin_list *list)
{
	printf("%s: %s\n", file, section);
	for (size_t i = 0; i < list->count; i++)
		print_entry(&list->entry[i]);
}

static json_t *file_to_json(const char *file, const struct plugin_list *own, const struct plugin_list *dlopen)
{
	json_t *object = json_object();

	json_object_set_new(object, "file", json_text(file));
	json_object_set_new(object, "plugins", plugin_list_json(own));
	json_object_set_new(object, "dlopen", plugin_list_json(dlopen));
	return object;
}

/* Shows one file: as text, or as an object added to ARRAY. */
static void show_file(const struct root *root, const char *argument, json_t *array)
{
	char *path = root_inside(root, argument), *real = root_real(root, path);
	struct plugin_list own = { 0 }, dlopen = { 0 };
	struct elf_image image;
	struct stat st;
	int fd = real ? edit_open(root, real, argument, &image, &st) : diag_errno(argument, "opening it");

	if (fd >= 0) {
		bool read = note_read(&image, false, &own) == 0 && note_read_dlopen(&image, &dlopen) == 0;

		if (read && array)
			json_array_append_new(array, file_to_json(argument, &own, &dlopen));
		else if (read && own.count + dlopen.count == 0)
			printf("%s: no plugin note\n", argument);
		if (read && !array && own.count)
			print_list(argument, NOTE_SECTION, &own);
		if (read && !array && dlopen.count)
			print_list(argument, NOTE_DLOPEN_SECTION, &dlopen);
		elf_image_release(&image);
		close(fd);
	}
	plugin_list_release(&own);
	plugin_list_release(&dlopen);
	free(real);
	free(path);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "ELF...",
		.doc = "Prints what the plugin note of each file says, and what its .note.dlopen does.",
	};
	struct show show = { 0 };
	struct root root;

	argp_parse(&argp, argc, argv, 0, NULL, &show);
	if (root_open_tree(&root, NULL) == 0) {
		json_t *array = show.json ? json_array() : NULL;

		for (size_t i = 0; i < show.elf_count; i++)
			show_file(&root, show.elf[i], array);
		if (array)
			json_print(array, stdout);
		root_release(&root);
	}
	return command_status();
}

const struct command show_command = { "show", "Print what the notes of ELF files say", run };
