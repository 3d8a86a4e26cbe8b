/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a resolved relocation writes into its word, once every object is where it will be. */
#ifndef TARGET_H
#define TARGET_H

#include "bind/relocs.h"

enum target_kind {
	TARGET_VALUE,    /* the word `value` */
	TARGET_RELATIVE, /* `value` + the load bias of `base`, which has no slot */
	TARGET_IFUNC,    /* what the resolver at `value` (+ the load bias of `base` unless NULL) returns */
	TARGET_TLS,
	TARGET_COPY,
	TARGET_UNDEFINED,
	TARGET_TYPE, /* not ours to say, and why */
};

struct target {
	enum target_kind kind;
	GElf_Addr value;
	const struct object *base;
	const struct object
		*of; /* whose address `value` is: `base`, or one that will be where it is known.  NULL
				    where it is a plain number */
};

/* What BINDING, of BY, writes once every object with a slot is there. */
struct target binding_target(const struct bind_object *by, const struct binding *binding);

/* True if OBJECT will be at a known address: at its slot, or linked to one (ET_EXEC). */
bool bind_placed(const struct object *object);

/* ADDRESS of OBJECT's file, once OBJECT is where it will be; as it is where OBJECT is not placed. */
GElf_Addr bind_place(const struct object *object, GElf_Addr address);

#endif
