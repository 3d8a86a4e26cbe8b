/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen add: from manifests to notes. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "command.h"
#include "alloc.h"
#include "diag.h"
#include "digests.h"
#include "edit.h"
#include "hosts.h"

struct add {
	/* The command line. */
	char **manifest, **directory;
	size_t manifest_count, directory_count;
	const char *root_path;
	char **elf; /* files to be changed; none: all hosts */
	size_t elf_count;
	bool strict, dry_run, verbose, unrecorded;

	/* What becomes of it. */
	struct root root;
	struct manifest_list manifests;
	struct host_table hosts;
};

enum { OPTION_MANIFEST = 256, OPTION_DIRECTORY, OPTION_ROOT, OPTION_STRICT, OPTION_NO_RECORD };

static const struct argp_option options[] = {
	{ "manifest", OPTION_MANIFEST, "FILE", 0, "Read this manifest; may be repeated", 0 },
	{ "manifest-dir", OPTION_DIRECTORY, "DIR", 0,
	  "Read every *.yaml file of DIR; may be repeated.  Where neither is given: " PKGDATADIR "/manifests",
	  0 },
	{ "root", OPTION_ROOT, "DIR", 0, "Work in the tree below DIR", 0 },
	{ "strict", OPTION_STRICT, NULL, 0, "A pattern that matches nothing is an error", 0 },
	{ "no-record", OPTION_NO_RECORD, NULL, 0,
	  "The tree is a package's: do not write down in it what was changed", 0 },
	{ "dry-run", 'n', NULL, 0, "Say what would be done, and change nothing", 0 },
	{ "verbose", 'v', NULL, 0, "Say what is done", 0 },
	{ 0 },
};

static void append(char ***array, size_t *count, char *item)
{
	ALLOC_NEXT(*array, *count);
	(*array)[(*count)++] = item;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct add *add = state->input;

	switch (key) {
	case OPTION_MANIFEST: append(&add->manifest, &add->manifest_count, argument); return 0;
	case OPTION_DIRECTORY: append(&add->directory, &add->directory_count, argument); return 0;
	case OPTION_ROOT: add->root_path = argument; return 0;
	case OPTION_STRICT: add->strict = true; return 0;
	case OPTION_NO_RECORD: add->unrecorded = true; return 0;
	case 'n': add->dry_run = true; return 0;
	case 'v': add->verbose = true; return 0;
	case ARGP_KEY_ARG: append(&add->elf, &add->elf_count, argument); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* All of them are read, so that one run shows every mistake. */
static int read_manifests(struct add *add)
{
	int result = 0;

	if (add->manifest_count + add->directory_count == 0)
		return manifest_read_directory(&add->manifests, NULL, PKGDATADIR "/manifests");
	for (size_t i = 0; i < add->directory_count; i++)
		if (manifest_read_directory(&add->manifests, NULL, add->directory[i]))
			result = -1;
	for (size_t i = 0; i < add->manifest_count; i++)
		if (manifest_read(&add->manifests, NULL, add->manifest[i]))
			result = -1;
	return result;
}

/* How patterns of MANIFEST without a match are told.  Of what a directory of manifests describes, any part
 * may not be installed. */
static enum unmatched unmatched_of(const struct add *add, const struct manifest *manifest)
{
	if (add->strict)
		return UNMATCHED_ERROR;
	return manifest->collected ? UNMATCHED_SILENT : UNMATCHED_WARNING;
}

/* Fills the table of hosts, and tells the patterns that match nothing. */
static int find_hosts(struct add *add)
{
	size_t absent = 0;
	int result = 0;

	for (size_t i = 0; i < add->manifests.count; i++) {
		const struct manifest *manifest = &add->manifests.manifest[i];
		enum unmatched unmatched = unmatched_of(add, manifest);
		/* Who names files means these, not whatever else the manifests describe. */
		enum unmatched hosts_unmatched = add->elf_count ? UNMATCHED_SILENT : unmatched;
		int found = hosts_find(&add->root, manifest, hosts_unmatched, &add->hosts);

		if (found < 0 ||
		    (found > 0 && hosts_expand_plugins(&add->root, manifest, unmatched, &add->hosts) < 0))
			result = -1;
		if (found == 0 && manifest->collected)
			absent++;
		else if (found == 0 && add->verbose)
			printf("%s: no host of %s is there\n", manifest->file, manifest->application);
	}
	if (absent && add->verbose)
		printf("no host of %zu of the %zu applications with a manifest is there\n", absent,
		       add->manifests.count);
	return result;
}

/* Marks the hosts that were named on the command line. */
static void select_hosts(struct add *add)
{
	for (size_t i = 0; i < add->elf_count; i++) {
		char *path = root_inside(&add->root, add->elf[i]);
		struct host *host = hosts_select(&add->root, &add->hosts, path);

		if (host)
			host->named = true;
		else if (errno)
			diag_errno(add->elf[i], "opening it");
		else
			diag_error(add->elf[i], "adding its note: no manifest names it as a host");
		free(path);
	}
}

static bool has_attribute(int fd, const char *name)
{
	return fgetxattr(fd, name, NULL, 0) >= 0;
}

/* Why a host that only a pattern named is left alone; NULL if nothing is against it. */
static const char *objection(const struct add *add, struct digests *digests, const struct host *host)
{
	char *copy = xstrdup(host->path);
	int fd = root_open(&add->root, host->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int directory = root_open(&add->root, dirname(copy), O_PATH | O_DIRECTORY);
	struct stat st = { 0 };
	const char *why = NULL;

	if (host->st.st_mode & (S_ISUID | S_ISGID))
		why = "it is set-user-id or set-group-id";
	else if (has_attribute(fd, "security.capability"))
		why = "it has file capabilities";
	else if (has_attribute(fd, "security.ima") || has_attribute(fd, "security.evm"))
		why = "it is signed (security.ima, security.evm)";
	else if (fstat(directory, &st) == 0 && (st.st_mode & S_IWOTH))
		why = "others can write its directory";
	else if (root_is_fixed(directory) || root_is_fixed(fd))
		why = "it or its directory is immutable or append-only (chattr)";
	else if (digests_has(digests, host->path, &host->st))
		why = "its bytes are compared with a digest when it is loaded";
	if (fd >= 0)
		close(fd);
	if (directory >= 0)
		close(directory);
	free(copy);
	return why;
}

/* True if the file starts like an ELF file.  A pattern may well match a script beside it. */
static bool is_elf(const struct root *root, const char *path)
{
	char magic[SELFMAG] = "";
	int fd = root_open(root, path, O_RDONLY | O_NOFOLLOW);
	bool result = fd < 0 || (read(fd, magic, SELFMAG) == SELFMAG && elf_magic(magic));

	if (fd >= 0)
		close(fd);
	return result;
}

static void write_notes(struct add *add)
{
	struct editor editor = { .root = &add->root, .dry_run = add->dry_run, .verbose = add->verbose };
	struct added added = { 0 };
	struct digests digests;

	if (!add->unrecorded && !add->dry_run) {
		if (added_open(&added, &add->root)) {
			added_release(&added);
			return;
		}
		editor.added = added.kept ? &added : NULL;
	}
	digests_init(&digests, &add->root);
	for (size_t i = 0; i < add->hosts.count; i++) {
		const struct host *host = &add->hosts.host[i];
		char *outside = root_outside(&add->root, host->path);
		const char *why = host->named ? NULL : objection(add, &digests, host);

		if (add->elf_count && !host->named)
			why = NULL; /* none of those that were asked for */
		else if (why)
			diag_warn(outside, "no note added: %s; name it on the command line if you mean it",
				  why);
		else if (host->named || is_elf(&add->root, host->path))
			editor_set_note(&editor, host->path, &host->plugins);
		else if (add->verbose)
			printf("%s: not an ELF file\n", outside);
		free(outside);
	}
	editor_finish(&editor);
	digests_release(&digests);
	added_release(&added);
}

static void add_release(struct add *add)
{
	host_table_release(&add->hosts);
	manifest_list_release(&add->manifests);
	root_release(&add->root);
	free(add->manifest);
	free(add->directory);
	free(add->elf);
}

static int run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[ELF...]",
		.doc = "Writes into each object that the manifests name as a host which plugins it can load; "
		       "with "
		       "ELF arguments, only into these.",
	};
	struct add add = { .root = { .fd = -1 } };

	argp_parse(&argp, argc, argv, 0, NULL, &add);
	if (root_open_tree(&add.root, add.root_path) == 0 && read_manifests(&add) == 0 &&
	    find_hosts(&add) == 0) {
		select_hosts(&add);
		/* Beyond this point files are changed. */
		write_notes(&add);
	}
	add_release(&add);
	return command_status();
}

const struct command add_command = { "add", "Add to each host the note that the manifests describe", run };
