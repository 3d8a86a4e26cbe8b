/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen remove: takes notes out again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "command.h"
#include "diag.h"
#include "edit.h"

struct remove {
	char **elf;
	size_t elf_count;
	const char *root_path;
	bool recorded;

	struct root root;
	struct added added;
	struct editor editor;
};

enum { OPTION_ROOT = 256, OPTION_RECORDED };

static const struct argp_option options[] = {
	{ "recorded", OPTION_RECORDED, NULL, 0,
	  "Instead of ELF files: take back all that notegen changed on this system", 0 },
	{ "root", OPTION_ROOT, "DIR", 0, "Work in the tree below DIR", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct remove *remove = state->input;

	switch (key) {
	case OPTION_ROOT: remove->root_path = argument; return 0;
	case OPTION_RECORDED: remove->recorded = true; return 0;
	case ARGP_KEY_ARGS:
		remove->elf = state->argv + state->next;
		remove->elf_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (remove->recorded == (remove->elf_count > 0))
			argp_usage(state);
		return 0;
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

/* Opens PATH if it still is a file as notegen left one.  -1 if there is nothing to take back. */
static int open_recorded(const struct root *root, const char *path)
{
	struct stat st;

	if (root_lstat(root, path, &st) || !S_ISREG(st.st_mode))
		return -1;
	return root_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

/* Gives the file that CHANGE is about the note that it had. */
static void put_back(struct editor *editor, const struct added_change *change)
{
	struct plugin_list note = { 0 };

	editor->wanted = change->before;
	if (!change->note[0])
		editor_set_note(editor, change->path, NULL);
	else if (plugin_list_from_json(&note, change->note, strlen(change->note), change->path,
				       "note that it had") == 0)
		editor_set_note(editor, change->path, &note);
	editor->wanted = NULL;
	plugin_list_release(&note);
}

/* True if the file PATH is still one of those that notegen made; CHANGE: which. */
static bool is_ours(struct remove *remove, const char *path, const struct added_change **change)
{
	char digest[ADDED_DIGEST], *outside = root_outside(&remove->root, path);
	int fd = open_recorded(&remove->root, path);

	*change = NULL;
	if (fd >= 0 && added_digest(fd, outside, digest) == 0)
		*change = added_find(&remove->added, path, digest);
	if (fd >= 0)
		close(fd);
	free(outside);
	return *change != NULL;
}

/* Takes back every change that is written down, and forgets what is no longer there: a file that an upgrade
 * replaced is no longer ours. */
static void remove_recorded(struct remove *remove)
{
	struct added *added = &remove->added;
	const struct added_change *change;

	for (size_t i = 0; i < added->count; i++)
		if (is_ours(remove, added->change[i].path, &change) && change == &added->change[i])
			put_back(&remove->editor, change);
	editor_finish(&remove->editor);
	for (size_t i = 0; i < added->count;) {
		char *path = xstrdup(added->change[i].path);

		if (is_ours(remove, path, &change))
			i++; /* it could not be taken back, as has been said */
		else
			added_forget(added, path);
		free(path);
	}
	added_write(added);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "ELF...\n--recorded",
		.doc = "Takes the plugin note out of each file, which then is what it was before.",
	};
	struct remove remove = { .root = { .fd = -1, .lock = -1 } };

	argp_parse(&argp, argc, argv, 0, NULL, &remove);
	if (root_open_tree(&remove.root, remove.root_path) == 0 &&
	    added_open(&remove.added, &remove.root) == 0) {
		remove.editor.root = &remove.root;
		if (remove.recorded) {
			remove_recorded(&remove);
		} else {
			remove.editor.added = remove.added.kept ? &remove.added : NULL;
			for (size_t i = 0; i < remove.elf_count; i++)
				remove_note(&remove.editor, remove.elf[i]);
			editor_finish(&remove.editor);
		}
	}
	added_release(&remove.added);
	root_release(&remove.root);
	return command_status();
}

const struct command remove_command = { "remove", "Take the note out of ELF files", run };
