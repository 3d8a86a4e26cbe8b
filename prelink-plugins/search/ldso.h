/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a dynamic linker does of its own accord when it looks for libraries: its system directories,
 * the value of $LIB and $PLATFORM, the subdirectories for better processors.
 *
 * Distributions compile different directories into it, so they are read out of its file.  glibc keeps
 * them in one array of strings, each ending in a slash and a NUL: "/lib64/" followed by "/usr/lib64/", or
 * "/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/lib/", "/usr/lib/".  $LIB is the first one's
 * name.  Its version is told by the banner of `ld.so --version`. */
#ifndef LDSO_H
#define LDSO_H

#include "search/ldcache.h"
#include "object.h"

struct ldso {
	const struct arch *arch;
	bool big_endian;
	struct object *object;   /* its file; NULL where it is not in the tree: then the machine's defaults */
	struct path_list system; /* directories, in order, each with a slash at its end */
	char *lib;               /* $LIB; owned */
	const char *platform;    /* $PLATFORM; NULL where the kernel names none */
	struct path_list subdir; /* to try in each directory, in order: "glibc-hwcaps/x86-64-v3/" ...; the
				       last is "", the directory itself */
	const char **named;      /* names below glibc-hwcaps, best first; owned array */
	struct ldcache_key key;
	bool liblist;    /* it compares .gnu.liblist, in a way that liblist.h knows */
	bool audit_lazy; /* with an audit module it makes every call lazy, -z now or not */
};

/* Fills LDSO for the machine of ARCH from the file of OBJECT (or NULL) in the tree ROOT.  CPU is the
 * text of /proc/cpuinfo, or any words, of the processor that programs will run on; "" for the least of
 * its kind.  0, or -1 after a message. */
int ldso_init(struct ldso *ldso, const struct root *root, const struct arch *arch, bool big_endian,
	      struct object *object, const char *cpu);
void ldso_release(struct ldso *ldso);

#endif
