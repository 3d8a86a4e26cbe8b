/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a resolved relocation writes; see target.h. */
#include "bind/target.h"

bool bind_placed(const struct object *object)
{
	return object->kind == OBJECT_EXEC || (object->kind == OBJECT_LIBRARY && object->has_slot &&
					       !object->missed && object->skip == SKIP_NOT);
}

GElf_Addr bind_place(const struct object *object, GElf_Addr address)
{
	if (object->kind != OBJECT_LIBRARY || !bind_placed(object))
		return address;
	return address - object->start + object->slot;
}

/* ADDRESS of PROVIDER as a target of KIND. */
static struct target placed_target(const struct bind_object *provider, GElf_Addr address, int64_t addend,
				   enum target_kind kind)
{
	struct target target = { .kind = kind,
				 .value = bind_place(provider->object, address) + addend,
				 .of = provider->object };

	if (!bind_placed(provider->object)) {
		target.base = provider->object;
		if (kind == TARGET_VALUE)
			target.kind = TARGET_RELATIVE;
	}
	return target;
}

static struct target symbol_target(const struct binding *binding)
{
	int64_t addend = binding->kind == RELOC_WORD ? binding->addend : 0;

	switch (binding->result) {
	case BINDING_ZERO: return (struct target){ .kind = TARGET_VALUE, .value = addend };
	case BINDING_SELF:
	case BINDING_FOUND: break;
	default: return (struct target){ .kind = TARGET_UNDEFINED };
	}
	if (binding->sym_type == STT_TLS)
		return (struct target){ .kind = TARGET_TLS };
	if (binding->sym_type == STT_GNU_IFUNC && !binding->undefined) {
		if (addend)
			return (struct target){ .kind = TARGET_TYPE };
		return placed_target(binding->provider, binding->value, 0, TARGET_IFUNC);
	}
	/* ld.so adds the load bias even to a local symbol that is undefined, and moving the object does not
	 * move that symbol: no one value is right. */
	if (binding->result == BINDING_SELF && binding->undefined)
		return (struct target){ .kind = TARGET_TYPE };
	if (binding->absolute)
		return (struct target){ .kind = TARGET_VALUE, .value = binding->value + addend };
	return placed_target(binding->provider, binding->value, addend, TARGET_VALUE);
}

/* What a JUMP_SLOT of BY calls: not everywhere the address of the function. */
static struct target call_target(const struct bind_object *by, const struct binding *binding)
{
	const struct arch *arch = by->object->arch;
	struct target target = symbol_target(binding);

	if (!arch->call_entry || !target.of || target.kind == TARGET_IFUNC)
		return target;
	int entry = arch->call_entry(by->options, binding->provider == by, binding->other,
				     binding->sym_other);
	if (entry < 0)
		return (struct target){ .kind = TARGET_TYPE };
	target.value += (unsigned)entry;
	return target;
}

struct target binding_target(const struct bind_object *by, const struct binding *binding)
{
	switch (binding->kind) {
	case RELOC_COPY: return (struct target){ .kind = TARGET_COPY };
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_TP:
	case RELOC_TLSDESC: return (struct target){ .kind = TARGET_TLS };
	case RELOC_IRELATIVE: return placed_target(by, binding->addend, 0, TARGET_IFUNC);
	case RELOC_GLOB_DAT:
	case RELOC_JUMP_SLOT:
		/* Some machines add the addend, some do not; no linker writes one. */
		if (binding->addend)
			return (struct target){ .kind = TARGET_TYPE };
		return binding->kind == RELOC_JUMP_SLOT ? call_target(by, binding) : symbol_target(binding);
	case RELOC_WORD: return symbol_target(binding);
	default: return (struct target){ .kind = TARGET_TYPE };
	}
}
