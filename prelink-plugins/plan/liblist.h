/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ld.so itself takes from a prelinked program, where it still can: glibc before 2.33, and a program that
 * is ET_EXEC (others get their libraries at random places there).
 *
 * .gnu.liblist names the libraries of start-up in the order of ld.so's searchlist, each with its stamp.
 * ld.so compares: the same files, all at their slots (load bias 0), in this order, and no other.  If so, it
 * relocates nothing, neither now nor lazily, and applies .gnu.conflict in the place of it.  If not, it
 * ignores both.  Read in, and tried with, glibc 2.31: elf/rtld.c (dl_main), elf/dl-conflict.c,
 * sysdeps/x86_64/dl-machine.h.
 *
 * What follows from that:
 *   - .gnu.conflict holds every word that is not yet right in the files.  Lazy calls are among them: nobody
 *     sets up what a stub would jump to.  Their words in the files stay the stubs, so nothing depends on
 *     got[1].
 *   - It has plain words and IRELATIVE records only.  What a COPY relocation copies, and the module numbers
 *     and offsets of thread variables, are given as words; these are known, since ld.so gives them out in the
 *     order of the list.
 *   - Resolvers run where ld.so would run them, when all words are there: the IRELATIVE records are the last.
 *   - ld.so is in the list (libc.so.6 needs it), so it needs a place and a stamp as well.  The kernel maps it
 *     where it asks to be only for ET_EXEC; elsewhere it has a load bias and relocates itself, as ever.  It
 *     is moved only where a program gains by that, behind all slots, where nothing else goes.
 *   - It does not count as having a slot: to plans (plan.h) its address stays that of the process.
 *   - An audit module sets up thread-local storage before the list is compared, and then nobody gives any to
 *     the libraries (glibc's own fault: nothing in the list, or in what it is compared with, tells).  Ours
 *     (prelink-rtld.c) has ld.so ignore the list; one that needs libc.so.6 takes libc's slot, so that the
 *     list does not match.  One that needs no library at all ends such a program.
 *
 *     loader_set_slots(&table) ... loader_fill()       // bind/loader.h
 *     for each program: list = liblist_make(...);
 *         plan_attach() with it as a guest, or liblist_attach() (attach_list.h) */
#ifndef LIBLIST_H
#define LIBLIST_H

#include "plan/planner.h"

#define LIBLIST_SECTION ".gnu.liblist"
#define CONFLICT_SECTION ".gnu.conflict"

/* What a record's addend still lacks until the program's own thread-local storage is settled. */
enum tls_part { TLS_NOTHING, TLS_NUMBER, TLS_OFFSET };

/* A record of .gnu.conflict. */
struct conflict {
	GElf_Rela rela;
	enum tls_part part;
	size_t module; /* whose; index in the scope */
};

struct conflicts {
	struct conflict *item;
	size_t count, room;
};

/* The program's copy of an object of PROVIDER. */
struct copy {
	const struct bind_object *provider;
	GElf_Addr from, to; /* in the process */
	uint64_t size;      /* bytes */
};

/* The list of one program. */
struct liblist {
	const struct arch *arch;
	GElf_Lib *lib; /* but for l_name; owned */
	char **name;   /* of each; owned */
	size_t lib_count;
	struct conflicts words, resolvers; /* in the order in which they go into the file */
	struct copy *copy;
	size_t copy_count;
	const struct object_list *scope;
	const GElf_Phdr **tls; /* by index in the scope; points into the files; NULL where it has none */
	bool unique;           /* it binds to STB_GNU_UNIQUE symbols */
	bool torn;             /* a copy begins or ends inside a word that is not right in the file */
};

/* Makes the list of PROGRAM, whose original is IMAGE.  NULL where it cannot have one, with the reason in WHY
 * (static), NULL if its ld.so would not look at it.  May be called by several threads at once. */
struct liblist *liblist_make(struct planner *planner, struct object *program, const struct elf_image *image,
			     const char **why);

/* True if the program PLACED carries one. */
bool liblist_in(const struct placed *placed);

/* The list that the file of PROGRAM carries now; NULL where there is none. */
struct liblist *liblist_present(struct planner *planner, struct object *program);
void liblist_free(struct liblist *list);

#endif
