/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen check: whether manifests are well-formed, and what they match. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "hosts.h"

struct check {
	const char *root_path;
	bool strict;
	char **manifest;
	size_t manifest_count;
};

enum { OPTION_ROOT = 256, OPTION_STRICT };

static const struct argp_option options[] = {
	{ "root", OPTION_ROOT, "DIR", 0, "Look in the tree below DIR", 0 },
	{ "strict", OPTION_STRICT, NULL, 0, "A pattern that matches nothing is an error", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case OPTION_ROOT: check->root_path = argument; return 0;
	case OPTION_STRICT: check->strict = true; return 0;
	case ARGP_KEY_ARGS:
		check->manifest = state->argv + state->next;
		check->manifest_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void check_manifest(const struct root *root, const struct manifest *manifest, enum unmatched unmatched)
{
	struct host_table table = { 0 };
	int hosts = hosts_find(root, manifest, unmatched, &table);
	int files = hosts_expand_plugins(root, manifest, unmatched, &table);

	if (hosts >= 0 && files >= 0)
		printf("%s: %s: hosts %zu, plugin entries %zu, files they match %d\n", manifest->file,
		       manifest->application, table.count, manifest->plugins.count, files);
	host_table_release(&table);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "MANIFEST...",
		.doc = "Says whether each manifest is well-formed, and how many hosts and plugins it matches.",
	};
	struct check check = { 0 };
	struct manifest_list manifests = { 0 };
	struct root root;

	argp_parse(&argp, argc, argv, 0, NULL, &check);
	if (root_open_tree(&root, check.root_path) == 0) {
		for (size_t i = 0; i < check.manifest_count; i++)
			manifest_read(&manifests, NULL, check.manifest[i]);
		for (size_t i = 0; i < manifests.count; i++)
			check_manifest(&root, &manifests.manifest[i],
				       check.strict ? UNMATCHED_ERROR : UNMATCHED_WARNING);
		manifest_list_release(&manifests);
		root_release(&root);
	}
	return command_status();
}

const struct command check_command = { "check", "Say whether manifests are well-formed, and what they match",
				       run };
