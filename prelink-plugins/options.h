/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of prelink, parsed once: what every pass may ask about what was asked for.
 *
 * The options are those of prelink(8), with their documented meaning, and our own.  A usage error is
 * printed and ends the process with exit status 2 before any file is looked at. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root.h"

/* Where the run-time module looks for the system's store. */
#define SYSTEM_STORE LOCALSTATEDIR "/lib/prelink/store"

/* What to do; at most one of -u, -y, -p, -r, --report and --bindings may be given. */
enum mode {
	MODE_PRELINK,    /* the default: lay out, bind, rewrite */
	MODE_UNDO,       /* -u */
	MODE_VERIFY,     /* -y, --md5, --sha, --sha256 */
	MODE_PRINT,      /* -p */
	MODE_BINDINGS,   /* --bindings: what a program's symbols resolve to */
	MODE_RELOC_ONLY, /* -r: move given libraries to an address, and nothing else */
	MODE_STATUS,     /* --status: does a program's next start take the fast path */
	MODE_REPORT,     /* --report: what the cache says as an HTML page */
	MODE_ADVISE,     /* --advise: what is wrong, or costly to load */
	MODE_AUDIT,      /* --audit: have programs name the run-time module */
	MODE_LEARN,      /* --learn: the plans of a user's own store, from what was seen */
};

/* What verify prints of the original. */
enum digest { DIGEST_NONE /* its contents */, DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };

#define DEFAULT_CACHE "/etc/prelink.cache"

struct options {
	enum mode mode;
	bool all;               /* -a: everything that prelink.conf names */
	bool dry_run;           /* -n: compute and print, write nothing */
	bool conserve_memory;   /* -m: objects that are never in one process may share addresses */
	bool random;            /* -R: start the slots at a random place */
	bool seed_given;        /* --seed: `seed` is the user's */
	uint64_t seed;          /* with -R: what everything random is made from */
	uint64_t reloc_address; /* -r: address */
	bool no_update_cache;   /* -N */
	bool force;             /* -f: as if nothing were prelinked yet */
	bool quick;             /* -q: believe the times in the cache */
	bool libs_only;         /* --libs-only: programs stay as they are */
	bool one_file_system;   /* -l: of every directory walk */
	bool dereference;       /* -h: of every directory walk */
	bool with_plugins; /* what notes and manifests say counts: unless --without-plugins, or the mode asks for
				   nothing that depends on it */
	bool store;        /* --store: plans beside the system, no file rewritten */
	bool with_unsafe; /* --with-unsafe: also SKIP_SETID, SKIP_SIGNED and SKIP_WRITABLE_DIR */
	bool json;        /* --json */
	unsigned verbose; /* -v, counted */
	unsigned jobs;    /* -j: threads, at least 1 */
	enum digest digest;
	uint64_t layout_page_size; /* bytes, a power of two; 0: the machine's own */
	const char *root;          /* --root: as given, NULL for the system's own */
	const char *conf;          /* -c: as given, for root_inside(); /etc/prelink.conf by default */
	const char *cache;         /* -C: the same; DEFAULT_CACHE by default */
	const char *undo_output;   /* -o: as given, NULL where absent; never inside the root */
	const char *report;        /* --report: the page's file, as given; never inside the root */
	const char *store_file;    /* --store=FILE: path inside the root */
	const char *advise;        /* --advise=NAMES: the findings that are asked for; NULL: all */
	bool freeze_all;           /* --freeze-search without a name: of every program */
	const char **freeze;       /* --freeze-search=PROGRAM: paths inside the root; owned array */
	size_t freeze_count;
	const char *learn;          /* --learn: the directory of the user's store */
	const char *dynamic_linker; /* --dynamic-linker: path inside the root; NULL: what each program says */
	char *ld_library_path;      /* --ld-library-path: list as in LD_LIBRARY_PATH; NULL: none; owned */
	const char **blacklist;     /* -b: as given; owned array */
	size_t blacklist_count;
	char **file; /* files and directories named on the command line; points into argv */
	size_t file_count;
};

/* Parses the command line.  Exits with 2 after a usage error, with 0 after --help and the like. */
void options_parse(struct options *options, int argc, char **argv);

/* Makes what depends on the working directory independent of it, now that ROOT is open. */
void options_resolve(struct options *options, const struct root *root);

void options_release(struct options *options);

#endif
