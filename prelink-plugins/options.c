/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of prelink; see options.h. */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alloc.h"
#include "diag.h"

#define MAX_JOBS 256

const char *argp_program_version = PACKAGE_STRING;

static const char doc[] = "Give shared libraries and plugins address slots, and bind them ahead of time."
			  "\vExit status: 0 done, 1 something was refused or failed, 2 usage error.";

enum {
	OPT_MD5 = 0x100,
	OPT_SHA,
	OPT_SHA256,
	OPT_DYNAMIC_LINKER,
	OPT_LD_LIBRARY_PATH,
	OPT_LIBS_ONLY,
	OPT_LAYOUT_PAGE_SIZE,
	OPT_WITH_PLUGINS,
	OPT_WITHOUT_PLUGINS,
	OPT_WITH_UNSAFE,
	OPT_ROOT,
	OPT_SEED,
	OPT_JSON,
	OPT_REPORT,
	OPT_BINDINGS,
	OPT_STATUS,
	OPT_ADVISE,
	OPT_STORE,
	OPT_LEARN,
	OPT_AUDIT,
	OPT_FREEZE_SEARCH,
	OPT_USAGE,
};

/* What --help prints, and `prelink` alone: what people type, on a screen of 24 lines.  All
 * options: the table below. */
static const char first_page[] =
	"Usage: prelink [OPTION...] {-a | FILE...}\n"
	"Give shared libraries and plugins address slots, and bind them ahead of time.\n"
	"\n"
	"  prelink --store -a         plans for all programs, in one file beside them\n"
	"  prelink -a                 a slot for every library; again after upgrades\n"
	"  prelink FILE...            the same for FILEs and the libraries they need\n"
	"  prelink --status FILE...   is its next start fast?  -v: and why not\n"
	"  prelink --report=PAGE      the same and more of all programs, as HTML\n"
	"  prelink --advise FILE...   what is wrong in FILEs, or costly to load\n"
	"  prelink -y FILE            check FILE, print its original (--sha256: digest)\n"
	"  prelink -u FILE...         give back the originals\n"
	"  prelink -ua                of everything\n"
	"\n"
	"  -n, --dry-run              write nothing, print what would be\n"
	"  -v, --verbose              say more\n"
	"      --root=DIR             work inside DIR\n"
	"  -b, --black-list=PATH      leave PATH alone\n"
	"  -R, --random               start the slots at a random address\n"
	"\n"
	"What -a means is in /etc/prelink.conf.  `prelink --help=all' lists all options,\n"
	"prelink(8) explains them.  prelink-run(1) is for users without root.\n"
	"Exit status: 0 done, 1 something was refused or failed, 2 usage error.\n";

static const struct argp_option option_table[] = {
	{ 0, 0, 0, 0, "What to do (else: prelink the FILEs):", 1 },
	{ "all", 'a', 0, 0, "All that prelink.conf names", 0 },
	{ "undo", 'u', 0, 0, "Give back the originals", 0 },
	{ "verify", 'y', 0, 0, "Check one FILE, print its original", 0 },
	{ "print-cache", 'p', 0, 0, "Print what the cache says", 0 },
	{ "reloc-only", 'r', "ADDRESS", 0, "Only move a library there", 0 },
	{ "report", OPT_REPORT, "FILE", 0, "The cache as an HTML page", 0 },
	{ "bindings", OPT_BINDINGS, 0, 0, "Print what binds to what", 0 },
	{ "status", OPT_STATUS, 0, 0, "Say who takes the fast path", 0 },
	{ "advise", OPT_ADVISE, "NAMES", OPTION_ARG_OPTIONAL, "Say what is wrong, or costly to load", 0 },
	{ "store", OPT_STORE, "FILE", OPTION_ARG_OPTIONAL, "Write plans to a store, change no file", 0 },
	{ "audit", OPT_AUDIT, 0, 0, "Have programs name the run-time module", 0 },
	{ "learn", OPT_LEARN, "DIR", OPTION_HIDDEN, 0, 0 }, /* typed by prelink-run */
	{ "dry-run", 'n', 0, 0, "Write nothing, print what would be", 0 },

	{ 0, 0, 0, 0, "How:", 2 },
	{ "without-plugins", OPT_WITHOUT_PLUGINS, 0, 0, "As if there were no plugins", 0 },
	{ "with-plugins", OPT_WITH_PLUGINS, 0, OPTION_HIDDEN, 0, 0 }, /* the default */
	{ "with-unsafe", OPT_WITH_UNSAFE, 0, 0, "Also files left alone for safety", 0 },
	{ "conserve-memory", 'm', 0, 0, "Share addresses that never meet", 0 },
	{ "random", 'R', 0, 0, "Start at a random address", 0 },
	{ "seed", OPT_SEED, "N", 0, "-R, reproducibly", 0 },
	{ "freeze-search", OPT_FREEZE_SEARCH, "PROGRAM", OPTION_ARG_OPTIONAL,
	  "--store: ld.so opens what is found now", 0 },
	{ "force", 'f', 0, 0, "Do again what is done already", 0 },
	{ "quick", 'q', 0, 0, "Believe the times in the cache", 0 },
	{ "libs-only", OPT_LIBS_ONLY, 0, 0, "Leave programs as they are", 0 },
	{ "layout-page-size", OPT_LAYOUT_PAGE_SIZE, "SIZE", 0, "Slots are multiples of SIZE", 0 },
	{ "jobs", 'j', "N", 0, "Use N threads", 0 },
	{ "undo-output", 'o', "FILE", 0, "With -u: write there instead", 0 },
	{ "md5", OPT_MD5, 0, 0, "With -y: print a digest instead", 0 },
	{ "sha", OPT_SHA, 0, OPTION_ALIAS, 0, 0 },
	{ "sha256", OPT_SHA256, 0, OPTION_ALIAS, 0, 0 },
	{ "json", OPT_JSON, 0, 0, "Tables, bindings, advice as JSON", 0 },
	{ "verbose", 'v', 0, 0, "Say more; twice: even more", 0 },

	{ 0, 0, 0, 0, "Where (see also prelink.conf(5)):", 3 },
	{ "root", OPT_ROOT, "DIR", 0, "Work inside DIR", 0 },
	{ "config-file", 'c', "FILE", 0, "Not /etc/prelink.conf", 0 },
	{ "cache-file", 'C', "FILE", 0, "Not /etc/prelink.cache", 0 },
	{ "no-update-cache", 'N', 0, 0, "Leave the cache as it is", 0 },
	{ "black-list", 'b', "PATH", 0, "Leave PATH alone", 0 },
	{ "dereference", 'h', 0, 0, "Follow links in directories", 0 },
	{ "one-file-system", 'l', 0, 0, "Stay on one file system", 0 },
	{ "dynamic-linker", OPT_DYNAMIC_LINKER, "LDSO", 0, "Assume this ld.so", 0 },
	{ "ld-library-path", OPT_LD_LIBRARY_PATH, "PATH", 0, "Assume this LD_LIBRARY_PATH", 0 },

	{ "help", '?', "all", OPTION_ARG_OPTIONAL, "What is typed most; =all: this list", -1 },
	{ "usage", OPT_USAGE, 0, 0, "All options, in short", 0 },
	{ "version", 'V', 0, 0, "The version", 0 },
	{ 0, 0, 0, 0, 0, 0 },
};

/* A number as strtoull() reads it, all of it, at most MAX; a usage error otherwise. */
static uint64_t number(const char *text, uint64_t max, const char *what, struct argp_state *state)
{
	char *end;

	errno = 0;
	uint64_t value = strtoull(text, &end, 0);
	if (end == text || *end || errno || *text == '-' || value > max)
		argp_error(state, "%s: '%s' is not a number that fits", what, text);
	return value;
}

static void set_mode(struct options *options, enum mode mode, struct argp_state *state)
{
	if (options->mode != MODE_PRELINK && options->mode != mode)
		argp_error(state, "only one of -u, -y, -p, -r, --report, --bindings, --status, --advise, "
				  "--audit and --learn can be done at a time");
	options->mode = mode;
}

static void set_digest(struct options *options, enum digest digest, struct argp_state *state)
{
	if (options->digest != DIGEST_NONE && options->digest != digest)
		argp_error(state, "only one of --md5, --sha and --sha256 can be printed");
	options->digest = digest;
	set_mode(options, MODE_VERIFY, state);
}

static void add_to_blacklist(struct options *options, const char *path)
{
	ALLOC_NEXT(options->blacklist, options->blacklist_count);
	options->blacklist[options->blacklist_count++] = path;
}

/* What one option alone cannot tell. */
static void check(const struct options *o, struct argp_state *state)
{
	bool print = o->mode == MODE_PRINT || o->mode == MODE_REPORT;
	bool verify = o->mode == MODE_VERIFY && !o->store; /* files; a store is made again, and compared */

	if ((o->mode == MODE_STATUS && !o->file_count) || o->mode == MODE_REPORT)
		((struct options *)state->input)->all = true;
	/* What these do depends on no plugin; and a note that cannot be read is no reason not to do it. */
	if (o->mode == MODE_UNDO || verify || o->mode == MODE_RELOC_ONLY || o->mode == MODE_BINDINGS ||
	    o->mode == MODE_AUDIT)
		((struct options *)state->input)->with_plugins = false;
	if (verify) /* what was done with it is there to be checked without it */
		((struct options *)state->input)->with_unsafe = true;
	if (o->store && (o->mode == MODE_UNDO || o->mode == MODE_RELOC_ONLY || o->mode == MODE_BINDINGS ||
			 o->mode == MODE_LEARN || o->mode == MODE_AUDIT || o->digest != DIGEST_NONE))
		argp_error(state, "--store is written, or goes with -y, -p, --status and --report");
	if (o->mode == MODE_LEARN && o->all)
		argp_error(state, "--learn takes what prelink-run has seen: no -a with it");
	if (state->argc == 1) {
		fputs(first_page, state->err_stream);
		exit(argp_err_exit_status);
	}
	if (!o->all && !print && !o->file_count && o->mode != MODE_LEARN)
		argp_error(state, "name a FILE, or give -a");
	if (print && o->file_count)
		argp_error(state, "-p and --report show the whole cache: no FILE with them");
	if (o->all && o->file_count && o->mode != MODE_ADVISE)
		argp_error(state, "-a takes all that prelink.conf names: no FILE with it");
	if (o->all &&
	    (verify || o->mode == MODE_RELOC_ONLY || o->mode == MODE_AUDIT || o->mode == MODE_BINDINGS))
		argp_error(state, "-a goes with prelinking and -u only");
	if ((o->mode == MODE_RELOC_ONLY || o->undo_output) && o->file_count != 1)
		argp_error(state, "-r and -o take one FILE");
	if (verify && o->digest == DIGEST_NONE && o->file_count != 1)
		argp_error(state, "-y prints the original of one FILE; give --sha256 for several");
	if (o->undo_output && o->mode != MODE_UNDO)
		argp_error(state, "-o goes with -u only");
	if ((o->freeze_all || o->freeze_count) && !o->store)
		argp_error(state, "--freeze-search goes with --store");
	if (o->quick && o->force)
		argp_error(state, "-q believes what is done already, -f does not: one of them");
}

/* --help[=WHAT], --usage, --version: prints it and ends the process. */
__attribute__((noreturn)) static void tell(int key, const char *what, struct argp_state *state)
{
	if (what && strcmp(what, "all") != 0)
		argp_error(state, "--help=%s: there is --help and --help=all", what);
	if (key == 'V')
		puts(argp_program_version);
	else if (key == '?' && !what)
		fputs(first_page, stdout);
	else
		argp_state_help(state, stdout,
				key == '?' ? ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK : ARGP_HELP_USAGE);
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a': o->all = true; break;
	case 'u': set_mode(o, MODE_UNDO, state); break;
	case 'y': set_mode(o, MODE_VERIFY, state); break;
	case 'p': set_mode(o, MODE_PRINT, state); break;
	case OPT_BINDINGS: set_mode(o, MODE_BINDINGS, state); break;
	case OPT_STATUS: set_mode(o, MODE_STATUS, state); break;
	case 'r':
		set_mode(o, MODE_RELOC_ONLY, state);
		o->reloc_address = number(argument, UINT64_MAX, "-r", state);
		break;
	case OPT_REPORT:
		set_mode(o, MODE_REPORT, state);
		o->report = argument;
		break;
	case OPT_ADVISE:
		set_mode(o, MODE_ADVISE, state);
		o->advise = argument;
		break;
	case OPT_STORE:
		o->store = true;
		o->store_file = argument;
		break;
	case OPT_AUDIT: set_mode(o, MODE_AUDIT, state); break;
	case OPT_LEARN:
		set_mode(o, MODE_LEARN, state);
		o->learn = argument;
		break;
	case 'n': o->dry_run = true; break;
	case OPT_WITH_PLUGINS: o->with_plugins = true; break;
	case OPT_WITHOUT_PLUGINS: o->with_plugins = false; break;
	case OPT_WITH_UNSAFE: o->with_unsafe = true; break;
	case 'm': o->conserve_memory = true; break;
	case 'R': o->random = true; break;
	case OPT_SEED:
		o->random = o->seed_given = true;
		o->seed = number(argument, UINT64_MAX, "--seed", state);
		break;
	case 'f': o->force = true; break;
	case 'q': o->quick = true; break;
	case OPT_FREEZE_SEARCH:
		if (!argument) {
			o->freeze_all = true;
			break;
		}
		ALLOC_NEXT(o->freeze, o->freeze_count);
		o->freeze[o->freeze_count++] = argument;
		break;
	case OPT_LIBS_ONLY: o->libs_only = true; break;
	case OPT_LAYOUT_PAGE_SIZE:
		o->layout_page_size = number(argument, 1 << 30, "--layout-page-size", state);
		if (!o->layout_page_size || (o->layout_page_size & (o->layout_page_size - 1)))
			argp_error(state, "--layout-page-size: '%s' is not a power of two", argument);
		break;
	case 'j':
		o->jobs = (unsigned)number(argument, MAX_JOBS, "-j", state);
		if (!o->jobs)
			argp_error(state, "-j: at least one thread is needed");
		break;
	case 'o': o->undo_output = argument; break;
	case OPT_MD5: set_digest(o, DIGEST_MD5, state); break;
	case OPT_SHA: set_digest(o, DIGEST_SHA1, state); break;
	case OPT_SHA256: set_digest(o, DIGEST_SHA256, state); break;
	case OPT_ROOT: o->root = argument; break;
	case 'c': o->conf = argument; break;
	case 'C': o->cache = argument; break;
	case 'N': o->no_update_cache = true; break;
	case 'b': add_to_blacklist(o, argument); break;
	case 'h': o->dereference = true; break;
	case 'l': o->one_file_system = true; break;
	case OPT_DYNAMIC_LINKER: o->dynamic_linker = argument; break;
	case OPT_LD_LIBRARY_PATH:
		free(o->ld_library_path);
		o->ld_library_path = xstrdup(argument);
		break;
	case 'v': o->verbose++; break;
	case OPT_JSON: o->json = true; break;
	case '?':
	case OPT_USAGE:
	case 'V': tell(key, argument, state);
	case ARGP_KEY_ARGS:
		o->file = state->argv + state->next;
		o->file_count = (size_t)(state->argc - state->next);
		break;
	case ARGP_KEY_SUCCESS: check(o, state); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Processors that this process may use: what -j is when not given. */
static unsigned processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	int count = CPU_COUNT(&set);
	return count < 1 ? 1 : (unsigned)count;
}

/* The seed of -R where none is given: that of a reproducible build, or the kernel's. */
static uint64_t find_seed(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seed = 0;

	if (epoch && *epoch)
		return strtoull(epoch, NULL, 10);
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		diag_warn(NULL, "no random number from the kernel: the addresses are those of --seed 0");
	return seed;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = { option_table, parse, "[FILE...]", doc, 0, 0, 0 };

	memset(options, 0, sizeof *options);
	options->jobs = processors();
	options->with_plugins = true;
	options->conf = "/etc/prelink.conf";
	options->cache = DEFAULT_CACHE;
	argp_err_exit_status = 2;
	/* --help=all is to fit a large screen: without the note that arguments are also
	 * those of the short options. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, options); /* it has a first page of its own */
	if (options->random && !options->seed_given)
		options->seed = find_seed();
}

/* LIST with each relative element as the absolute path that it is now, or, of an element that is none of a
 * system's own working directory, inside the tree.  What a `$` begins is expanded later.  Allocated. */
static char *absolute_list(const char *list, const struct root *root)
{
	char *copy = xstrdup(list), *rest = copy, *element, *text = NULL;

	while ((element = strsep(&rest, ":;"))) {
		bool relative = *element != '/' && *element != '$';
		char *path = relative ? root_inside(root, *element ? element : ".") : xstrdup(element);
		char *longer = xasprintf("%s%s%s", text ? text : "", text ? ":" : "", path);

		free(text);
		free(path);
		text = longer;
	}
	free(copy);
	return text;
}

void options_resolve(struct options *options, const struct root *root)
{
	if (options->ld_library_path && *options->ld_library_path) {
		char *list = absolute_list(options->ld_library_path, root);

		free(options->ld_library_path);
		options->ld_library_path = list;
	}
}

void options_release(struct options *options)
{
	free(options->ld_library_path);
	options->ld_library_path = NULL;
	free(options->freeze);
	free(options->blacklist);
	options->blacklist = NULL;
	options->blacklist_count = 0;
}
