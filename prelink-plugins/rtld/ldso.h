/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the run-time module takes to be true of glibc's ld.so beyond its documented
 * interface: all of it, here.
 *
 * Each MACHINE/machine.h has a table of where things are there, which tests/rtld/ldso.py compares with the
 * debug information of Debian's releases.  What follows from them, in glibc's source:
 *   - include/link.h: l_real, l_ns, l_libname and l_info come right behind the public part, and right behind l_info
 *     l_phdr, l_entry, l_phnum; further on `struct r_scope_elem *l_scope_mem[4]; size_t l_scope_max; struct
 *     r_scope_elem **l_scope', of which the last points at the first.
 *   - l_info has DT_NUM + DT_THISPROCNUM entries by tag, and 42 more: 16 for the version tags (DT_VERSIONTAGIDX,
 *     backwards from DT_VERNEEDNUM), 3 + 12 + 11 others.  The first sum grows with the years and is found in each
 *     process, by ld.so's own DT_VERSYM.
 *   - elf/dl-tls.c, _dl_determine_tlsoffset(): the program's block comes first, then ld.so's, then (2.41 and
 *     later) one for rseq(2); before them TLS_TCB_SIZE is taken, which _dl_get_tls_static_info() counts: where blocks
 *     lie below the thread pointer struct pthread, else a few words.
 *   - sysdeps/generic/ldsodefs.h, dl_relocate_ld(): the load bias has been added to addresses in a dynamic section, but
 *     where that is read-only, or on machines where it never is.
 *   - sysdeps/generic/ldsodefs.h and elf/dl-reloc.c: before 2.35 any audit module makes all of DT_JMPREL lazy, -z
 *     now or not, and every lazy call indexes an array of DT_PLTRELSZ / DT_RELAENT results. */
#ifndef RTLD_LDSO_H
#define RTLD_LDSO_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

enum {
	LDSO_TAGS_MIN = 35, /* DT_NUM + DT_THISPROCNUM */
	LDSO_TAGS_MAX = 60,
	LDSO_TAGS_MORE = 42, /* entries of l_info behind those */
	LDSO_MAP_MAX = 1400, /* bytes that are looked at for l_scope */
};

/* The start of struct link_map: the same from 2.4 on. */
struct rtld_map {
	struct link_map public;
	struct link_map *l_real;
	Lmid_t l_ns;
	void *l_libname;
	ElfW(Dyn) *l_info[LDSO_TAGS_MIN + LDSO_TAGS_MORE]; /* at least; by tag where that is small */
};

/* A list of maps to look a symbol up in. */
struct r_scope_elem {
	struct link_map **r_list;
	unsigned int r_nlist;
};

/* The dynamic section's entries that matter here; NULL where absent, the last where repeated, as in ld.so. */
struct tags {
	ElfW(Dyn) *strtab, *symtab, *rel, *relsz, *relcount, *jmprel, *pltrelsz, *relrsz, *soname, *flags;
	uint32_t stamp[2]; /* DT_CHECKSUM and DT_GNU_PRELINKED, or both in DT_NULL (undo.h); or 0 */
};

/* Found in ld.so's structures.  Set by ldso_learn(). */
struct ldso {
	unsigned tags;                     /* DT_NUM + DT_THISPROCNUM; 0 where it was not found */
	size_t scope;                      /* bytes, of l_scope in struct link_map; or 0 */
	bool phdr;                         /* l_phdr is where it is expected */
	const struct r_scope_elem *global; /* the global scope: start-up objects, then RTLD_GLOBAL ones */
};
extern struct ldso ldso __attribute__((visibility("hidden")));

/* Looks into the maps of the program and of ld.so.  PHDR is AT_PHDR. */
void ldso_learn(struct link_map *program, struct link_map *loader, ElfW(Addr) phdr);

static inline ElfW(Dyn) **ldso_info(struct link_map *map)
{
	return ((struct rtld_map *)map)->l_info;
}

/* Index of DT_RELACOUNT, or DT_RELCOUNT, in l_info. */
static inline unsigned ldso_relcount(void)
{
	return ldso.tags + DT_VERNEEDNUM - MACHINE_DT_RELCOUNT;
}

void read_dynamic(ElfW(Dyn) *dyn, struct tags *tags);

/* True if l_info of MAP is where we take it to be: the pointers that we may replace, and two that every
 * object has, point at the very entries of the dynamic section. */
bool link_map_known(struct link_map *map, const struct tags *tags);

/* The program headers of MAP, *COUNT of them; NULL where that is not known. */
const ElfW(Phdr) *ldso_phdr(const struct link_map *map, size_t *count);

/* Where what ENTRY of MAP's dynamic section names lies, and the other way round what an entry says for TABLE
 * (glibc, ldsodefs.h, D_PTR()). */
const void *ldso_pointer(const struct link_map *map, const ElfW(Dyn) *entry);
ElfW(Addr) ldso_address(const struct link_map *map, const void *table);

/* What ld.so has added to entries of MAP's dynamic section, and to those with which tags
 * (elf/get-dynamic-info.h, ADJUST_DYN_INFO): no others.  An address tells nothing: where a 32-bit kernel
 * loads programs at 0x400000, other values are larger. */
ElfW(Addr) ldso_moved(const struct link_map *map);
bool ldso_moves(int64_t tag);

/* l_scope of MAP; only where ldso.scope is known. */
struct r_scope_elem **ldso_scope(struct link_map *map);

/* See above. */
bool always_lazy(void);

/* glibc before 2.36 may find that it has nothing to relocate, by a list of libraries in the program
 * (liblist.h); but with an audit module it gives no static TLS to an object that it does not relocate.  So
 * the list becomes an empty one, which never matches. */
void drop_liblist(struct link_map *map);

/* Address of ld.so's own symbol NAME; NULL where it has none. */
const void *loader_symbol(const struct link_map *loader, const char *name);

#endif
