/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen remove: takes notes out again. */
#include <stdlib.h>

#include "command.h"
#include "diag.h"
#include "edit.h"

struct remove {
	char **elf;
	size_t elf_count;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct remove *remove = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_ARGS:
		remove->elf = state->argv + state->next;
		remove->elf_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void remove_note(struct editor *editor, const char *argument)
{
	char *path = root_inside(editor->root, argument), *real = root_real(editor->root, path);

	if (real)
		editor_set_note(editor, real, NULL);
	else
		diag_errno(argument, "opening it");
	free(real);
	free(path);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "ELF...",
		.doc = "Takes the plugin note out of each file, which then is what it was before.",
	};
	struct remove remove = { 0 };
	struct root root;
	struct editor editor = { .root = &root };

	argp_parse(&argp, argc, argv, 0, NULL, &remove);
	if (root_open_tree(&root, NULL) == 0) {
		for (size_t i = 0; i < remove.elf_count; i++)
			remove_note(&editor, remove.elf[i]);
		editor_finish(&editor);
		root_release(&root);
	}
	return command_status();
}

const struct command remove_command = { "remove", "Take the note out of ELF files", run };
