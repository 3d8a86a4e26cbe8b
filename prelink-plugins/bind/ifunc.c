/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guessing what IFUNC resolvers choose; see ifunc.h. */
#include "bind/ifunc.h"

#include "bind/own_libc.h"
#include "bind/target.h"

GElf_Addr ifunc_guess(const struct bind_object *provider, GElf_Addr resolver)
{
	GElf_Addr base = elf_image_first_address(&provider->image);
	uint64_t chosen;

	return provider->own_libc && own_libc_chosen(resolver - base, &chosen) ? base + chosen : 0;
}

GElf_Addr ifunc_target(const struct bind_object *by, const struct binding *binding)
{
	struct target target = binding_target(by, binding);

	if (target.kind != TARGET_IFUNC || target.base)
		return 0;
	bool own_record = binding->kind == RELOC_IRELATIVE;
	const struct bind_object *provider = own_record ? by : binding->provider;
	GElf_Addr chosen = ifunc_guess(provider, own_record ? (GElf_Addr)binding->addend : binding->value);
	return chosen ? bind_place(provider->object, chosen) : 0;
}
