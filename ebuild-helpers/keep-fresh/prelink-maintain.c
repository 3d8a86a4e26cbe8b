/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink-maintain: keeps a tree prelinked, or takes prelinking back; see prelink-maintain(8).  What cron,
 * the systemd timer and the package managers' hooks run.
 *
 * The tree may be one that somebody else made (--root): its configuration is read, not run (settings.h), its
 * files are opened inside it (root.h), and the programs that are run are this system's. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "packagers.h"
#include "runs.h"
#include "settings.h"
#include "state.h"

#define CACHE "/etc/prelink.cache"
#define PATIENCE 3600 /* seconds for a package manager; then the next run has to do it */

enum mode { MODE_DAILY, MODE_QUICK, MODE_FULL, MODE_IF_PENDING, MODE_MARK_PENDING, MODE_UNDO };

enum { OPTION_ROOT = 256, OPTION_MODE }; /* OPTION_MODE + a mode: its option */

struct maintain {
	const char *root_path;
	enum mode mode;

	struct root root;
	struct settings settings;
	struct state state;
};

static const struct argp_option options[] = {
	{ "root", OPTION_ROOT, "DIR", 0, "Keep the tree below DIR, by its own configuration and state", 0 },
	{ "quick", OPTION_MODE + MODE_QUICK, NULL, 0, "Only look at what changed", 0 },
	{ "full", OPTION_MODE + MODE_FULL, NULL, 0, "Lay everything out anew", 0 },
	{ "if-pending", OPTION_MODE + MODE_IF_PENDING, NULL, 0, "A quick run if packages changed", 0 },
	{ "mark-pending", OPTION_MODE + MODE_MARK_PENDING, NULL, 0, "Only remember that packages changed",
	  0 },
	{ "undo", OPTION_MODE + MODE_UNDO, NULL, 0, "Take everything back, whatever is configured", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct maintain *maintain = state->input;

	if (key == OPTION_ROOT)
		maintain->root_path = argument;
	else if (key > OPTION_MODE && key <= OPTION_MODE + MODE_UNDO)
		maintain->mode = (enum mode)(key - OPTION_MODE);
	else if (key == ARGP_KEY_ARG)
		argp_usage(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

/* True if there is something that was prelinked, by us or by hand. */
static bool laid_out(const struct maintain *maintain)
{
	struct stat st;

	return state_has(&maintain->state, "full") ||
	       (root_lstat(&maintain->root, CACHE, &st) == 0 && S_ISREG(st.st_mode));
}

/* True if the files of the tree are to be kept prelinked. */
static bool files_wanted(const struct maintain *maintain)
{
	if (maintain->settings.prelinking == PRELINKING_AUTO)
		return laid_out(maintain);
	return maintain->settings.prelinking == PRELINKING_YES;
}

/* True if the store of the tree is to be kept fresh. */
static bool store_wanted(const struct maintain *maintain)
{
	if (maintain->settings.prelinking == PRELINKING_AUTO)
		return state_has(&maintain->state, "store");
	return maintain->settings.prelinking == PRELINKING_STORE;
}

static bool wanted(const struct maintain *maintain)
{
	return files_wanted(maintain) || store_wanted(maintain);
}

/* Runs prelink on the tree with the COUNT words at WORD, and with the configured
 * options if it is to lay out. */
static int run_prelink(const struct maintain *maintain, const char *const *word, size_t count, bool lays_out)
{
	const struct settings *settings = &maintain->settings;
	const char **all = xcalloc(2 + count + settings->option_count, sizeof *all);
	size_t used = 0;
	int status;

	if (maintain->root.path[0]) {
		all[used++] = "--root";
		all[used++] = maintain->root.path;
	}
	for (size_t i = 0; i < count; i++)
		all[used++] = word[i];
	for (size_t i = 0; i < settings->option_count && lays_out; i++)
		all[used++] = settings->option[i];
	status = run_command("prelink", all, used, maintain->state.lock, maintain->mode == MODE_UNDO);
	free(all);
	return status;
}

/* Takes back the notes that notegen added here; those that came inside packages stay. */
static int run_notegen(const struct maintain *maintain)
{
	const char *const words[] = { "remove", "--recorded", "--root", maintain->root.path };

	return run_command("notegen", words, maintain->root.path[0] ? 4 : 2, maintain->state.lock, true);
}

/* Takes back what was done to files.  An exit status. */
static int undo_files(struct maintain *maintain)
{
	static const char *const words[] = { "-ua" };

	if (run_prelink(maintain, words, 1, false))
		return 1;
	state_clear(&maintain->state, "active");
	state_clear(&maintain->state, "full");
	return 0;
}

static void remove_store(struct maintain *maintain)
{
	state_clear(&maintain->state, "store");
	state_clear(&maintain->state, "store.cache");
	state_clear(&maintain->state, "store.cache.seen");
	state_clear(&maintain->state, "store.made");
	state_clear(&maintain->state, "stored");
}

/* Takes everything back; for good, the notes too, and a store that was made by hand.  An exit status. */
static int undo(struct maintain *maintain)
{
	bool all = maintain->mode == MODE_UNDO;

	if (all || state_has(&maintain->state, "stored"))
		remove_store(maintain);
	if ((all || state_has(&maintain->state, "active")) && undo_files(maintain))
		return 1;
	if (all && run_notegen(maintain))
		return 1;
	state_clear(&maintain->state, "pending");
	return 0;
}

/* True if the time has come for a full layout. */
static bool full_is_due(const struct maintain *maintain)
{
	long age = state_age(&maintain->state, "full");

	if (maintain->settings.prelinking == PRELINKING_AUTO)
		return false;
	return age < 0 || age >= maintain->settings.full_interval;
}

/* Makes the store anew where anything has changed.  An exit status. */
static int keep_store(struct maintain *maintain)
{
	static const char *const words[] = { "--store", "-a", "-q" };

	if (maintain->settings.prelinking == PRELINKING_STORE && state_set(&maintain->state, "stored"))
		return 1;
	state_clear(&maintain->state, "pending");
	return run_prelink(maintain, words, 3, true) != 0;
}

/* Lays the tree out.  An exit status. */
static int lay_out(struct maintain *maintain)
{
	/* The addresses are drawn anew: this is what -R gives back of address space randomisation. */
	static const char *const full[] = { "-a", "-f", "-R" }, *const quick[] = { "-a", "-q" };
	bool all = maintain->mode == MODE_FULL || (maintain->mode == MODE_DAILY && full_is_due(maintain));
	int status;

	if (state_set(&maintain->state, "active"))
		return 1;
	state_clear(&maintain->state, "pending");
	if (!all)
		return run_prelink(maintain, quick, 2, true) != 0;
	status = run_prelink(maintain, full, 3, true);
	return state_set(&maintain->state, "full") || status;
}

/* Brings the tree to what is wanted; what is not is taken back first.  An exit status. */
static int keep(struct maintain *maintain)
{
	int status = 0;

	if (!store_wanted(maintain) && state_has(&maintain->state, "stored"))
		remove_store(maintain);
	if (files_wanted(maintain))
		status = lay_out(maintain);
	else if (state_has(&maintain->state, "active"))
		status = undo_files(maintain);
	if (status == 0 && store_wanted(maintain))
		status = keep_store(maintain);
	return status;
}

/* Waits until no package manager is at work; a hook does not wait.  False: it still is, after a message. */
static bool packagers_are_done(const struct maintain *maintain)
{
	char *lock = packagers_lock(&maintain->root);
	bool said = false;

	for (int waited = 0; lock && waited < PATIENCE && maintain->mode != MODE_IF_PENDING; waited++) {
		if (!said)
			run_say("%s is locked: a package manager is at work; waiting for it", lock);
		said = true;
		free(lock);
		sleep(1);
		lock = packagers_lock(&maintain->root);
	}
	if (!lock)
		return true;
	run_say("%s is locked: a package manager is at work; the next run does what there is to do", lock);
	free(lock);
	return false;
}

/* With the lock, if we are to change anything.  An exit status. */
static int change(struct maintain *maintain)
{
	bool hook = maintain->mode == MODE_IF_PENDING && !run_has_journal();
	int status;

	if (!packagers_are_done(maintain))
		return maintain->mode == MODE_UNDO || state_set(&maintain->state, "pending");
	if (maintain->mode == MODE_UNDO || !wanted(maintain))
		return undo(maintain);
	/* Whoever waits for a package manager is told what takes so long. */
	if (hook) {
		puts("Prelinking what changed (prelink-maintain(8)) ...");
		fflush(stdout);
	}
	status = keep(maintain);
	if (hook && status)
		diag_error(NULL, "prelink failed; the system log says what it said");
	return status;
}

/* True if there is nothing to do. */
static bool idle(const struct maintain *maintain)
{
	bool active = state_has(&maintain->state, "active") || state_has(&maintain->state, "stored");

	if (maintain->mode == MODE_UNDO)
		return false;
	if (!wanted(maintain) && !active)
		return true;
	if (maintain->mode != MODE_IF_PENDING)
		return false;
	/* A system that has not had its first layout gets it in the night, not in
	 * the middle of an upgrade. */
	return !state_has(&maintain->state, "pending") ||
	       (wanted(maintain) && !laid_out(maintain) && !state_has(&maintain->state, "store"));
}

/* An exit status. */
static int maintain_tree(struct maintain *maintain)
{
	if (settings_read(&maintain->settings, &maintain->root) && maintain->mode != MODE_UNDO) {
		run_say("the configuration is wrong; nothing was done");
		return 1;
	}
	if (state_open(&maintain->state, &maintain->root))
		return 1;
	if (idle(maintain))
		return 0;
	if (state_make(&maintain->state, &maintain->root))
		return 1;
	if (maintain->mode == MODE_MARK_PENDING)
		return state_set(&maintain->state, "pending") != 0;
	switch (state_lock(&maintain->state, maintain->mode == MODE_UNDO)) {
	case 0: return change(maintain);
	case 1: run_say("another run is still going on; leaving it alone"); return 0;
	default: return 1;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Keeps the system prelinked as /etc/default/prelink or /etc/sysconfig/prelink says: each day "
		       "without an option.\v"
		       "Exit status: 0 done, 1 something was refused or failed, 2 usage error.",
	};
	struct maintain maintain = { .root = { .fd = -1, .lock = -1 },
				     .state = { .directory = -1, .lock = -1 } };
	int status = 1;

	diag_tool = "prelink-maintain";
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &maintain);
	if (root_open_tree(&maintain.root, maintain.root_path) == 0) {
		status = maintain_tree(&maintain);
		state_release(&maintain.state);
		settings_release(&maintain.settings);
		root_release(&maintain.root);
	}
	return status;
}
