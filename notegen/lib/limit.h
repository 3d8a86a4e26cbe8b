/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one file may cost.
 *
 * A file of a few bytes can ask for any amount of time and memory.  More of them than is said here no file has but one
 * that is made to keep us busy: the second column is the most that was seen in 3,388 objects of a Debian 12 with
 * Chromium, LLVM, Node, Samba, two JDKs and CUDA.  What is beyond a limit is left alone, which is said, and the run goes
 * on.  prelink(8) has this table under LIMITS.
 *
 *                    limit      seen       of
 * LIMIT_FILE         16 GB      541 MB     a file that is mapped
 * LIMIT_HOLES        64 MB                 a file of a size of more than LIMIT_SPARSE times what it has on disk
 * LIMIT_EXTENT       2 GB       541 MB     addresses that an object takes: slots are few
 * LIMIT_SECTIONS     131,072    74         section headers
 * LIMIT_NAMES        16 MB      1.2 KB     bytes of their names; of the names of versions
 * LIMIT_SEGMENTS     256        14         program headers
 * LIMIT_DYNAMIC      16,384     85         entries of the dynamic section
 * LIMIT_STRING       64 KB      1,042      bytes of one name, of a symbol or in the dynamic section
 * LIMIT_SYMBOLS      4,194,304  74,985     dynamic symbols
 * LIMIT_CHAIN        4,096                 symbols in one chain of a hash table
 * LIMIT_VERSIONS     65,536     357        records of symbol versions
 * LIMIT_RELOCS       8,388,608  1,100,107  relocations, RELATIVE ones included
 * LIMIT_RELR         1,048,576  53         entries of DT_RELR, each of up to 63 words
 * LIMIT_BINDINGS     1,572,864  19,765     relocations against symbols
 * LIMIT_LOOKUPS      400,000,000           steps along hash chains to bind one object, a comparison of names being 32
 * LIMIT_NOTES        1 MB                  bytes of notes of one kind
 * LIMIT_CLOSURE      1,000      400        objects that one object needs, those that they need included
 * LIMIT_DIRECTORIES  1,024      2          directories that the search for one object's libraries goes through
 * LIMIT_RPATHS       4 KB                  bytes of DT_RPATHs that one object hands down to another, with what it was handed
 * LIMIT_TRIES        262,144               files that are looked for to find the libraries of one process
 * LIMIT_PLUGINS      262,144               objects in the scopes of the plugins of one program
 * LIMIT_PATTERNS     1,024      60         entries of a plugin note; hosts of a manifest
 * LIMIT_WALK         4,000,000             names and directories that all patterns of one note, manifest or configuration pass
 * LIMIT_TREE         2,000,000             names of a tree that are remembered for the next pattern
 * LIMIT_CONF         1 MB                  bytes of prelink.conf, ld.so.conf and ld.so.preload, and of each file they include
 * LIMIT_CONF_FILES   500                   of the latter
 * LIMIT_LEFT_ALONE   8,192      20         names and patterns that -b leaves alone: each file is compared with all
 * LIMIT_LD_CACHE     32 MB                 bytes of ld.so.cache: 10,000 libraries take 1 MB
 * LIMIT_CACHE        128 MB                bytes of prelink.cache
 * LIMIT_SAID         2,000,000             files and plugins that -p and --report say of all lists of prelink.cache
 * LIMIT_STORE        256 MB                bytes of a store
 * LIMIT_ALIKE        4,096      2          programs in a store with one digest that are looked at
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdint.h>

#define LIMIT_FILE ((uint64_t)16 << 30)
#define LIMIT_HOLES ((uint64_t)64 << 20)
#define LIMIT_EXTENT ((uint64_t)2 << 30)
#define LIMIT_NAMES ((uint64_t)16 << 20)

enum {
	LIMIT_SPARSE = 16,
	LIMIT_SECTIONS = 1 << 17,
	LIMIT_SEGMENTS = 256,
	LIMIT_DYNAMIC = 1 << 14,
	LIMIT_STRING = 64 << 10,
	LIMIT_SYMBOLS = 1 << 22,
	LIMIT_CHAIN = 1 << 12,
	LIMIT_VERSIONS = 1 << 16,
	LIMIT_RELOCS = 1 << 23,
	LIMIT_RELR = 1 << 20,
	LIMIT_BINDINGS = 3 << 19,
	LIMIT_LOOKUPS = 400000000,
	LIMIT_NOTES = 1 << 20,
	LIMIT_CLOSURE = 1000,
	LIMIT_DIRECTORIES = 1 << 10,
	LIMIT_RPATHS = 4 << 10,
	LIMIT_TRIES = 1 << 18,
	LIMIT_PLUGINS = 1 << 18,
	LIMIT_PATTERNS = 1 << 10,
	LIMIT_WALK = 4000000,
	LIMIT_TREE = 2000000,
	LIMIT_CONF = 1 << 20,
	LIMIT_CONF_FILES = 500,
	LIMIT_LEFT_ALONE = 8192,
	LIMIT_LD_CACHE = 32 << 20,
	LIMIT_CACHE = 128 << 20,
	LIMIT_SAID = 2000000,
	LIMIT_STORE = 256 << 20,
	LIMIT_ALIKE = 4096,
};

#endif
