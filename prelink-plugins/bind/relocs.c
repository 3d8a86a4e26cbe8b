/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading relocations; see relocs.h. */
#include "bind/relocs.h"

#include <stdlib.h>

#include "alloc.h"
#include "diag.h"

uint32_t binding_number(struct opened *opened, struct bind_object *by, const struct binding *binding)
{
	uint32_t *place = &by->name[binding->symbol];
	uint32_t number = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	if (!number) {
		GElf_Sym sym;
		size_t most, length;
		symbols_get(&by->symbols, binding->symbol, &sym);
		const char *name = symbols_string(&by->symbols, sym.st_name, &most);
		if (__atomic_load_n(&by->name_bytes, __ATOMIC_RELAXED) < 0)
			most = 0; /* whatever comes of it, it is not used */
		number = asked_number(opened->asked, name, most,
				      symbols_reference(&by->symbols, binding->symbol), &length);
		__atomic_fetch_sub(&by->name_bytes, (int64_t)length, __ATOMIC_RELAXED);
		__atomic_store_n(place, number, __ATOMIC_RELEASE);
	}
	return number;
}

bool bind_within_limits(struct bind_object *by, uint64_t start)
{
	if (symbols_steps - start <= LIMIT_LOOKUPS && __atomic_load_n(&by->name_bytes, __ATOMIC_RELAXED) >= 0)
		return true;
	if (!__atomic_exchange_n(&by->beyond, true, __ATOMIC_RELAXED))
		diag_error(
			by->object->shown,
			"binding its symbols: their names, or the chains that they are in, are longer than any "
			"linker makes them; left alone");
	return false;
}

static enum symbol_class class_of(enum reloc_kind kind)
{
	switch (kind) {
	case RELOC_JUMP_SLOT:
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_TP:
	case RELOC_TLSDESC: return SYMBOL_PLT;
	case RELOC_COPY: return SYMBOL_COPY;
	default: return SYMBOL_ANY;
	}
}

enum symbol_class binding_class(const struct binding *binding)
{
	return class_of(binding->kind);
}

void binding_set(struct binding *binding, enum binding_result result, const struct definition *definition)
{
	GElf_Sym sym = { 0 };

	/* Without any symbol table symbol 0 is meant, which is all zero. */
	if (definition->symbol < definition->object->symbols.count)
		symbols_get(&definition->object->symbols, definition->symbol, &sym);
	binding->result = result;
	binding->provider = definition->object;
	binding->definition = definition->symbol;
	binding->sym_type = GELF_ST_TYPE(sym.st_info);
	binding->sym_bind = GELF_ST_BIND(sym.st_info);
	binding->sym_other = sym.st_other;
	binding->absolute = sym.st_shndx == SHN_ABS;
	binding->undefined = sym.st_shndx == SHN_UNDEF;
	binding->value = sym.st_value;
}

/* The part of RESOLVE_MAP that looks at the reference alone. */
static void read_reference(struct bind_object *by, struct binding *binding)
{
	GElf_Sym ref = { 0 };

	if (binding->symbol < by->symbols.count)
		symbols_get(&by->symbols, binding->symbol, &ref);
	binding->weak = GELF_ST_BIND(ref.st_info) == STB_WEAK;
	binding->protected = GELF_ST_VISIBILITY(ref.st_other) == STV_PROTECTED;
	binding->other = ref.st_other;
	binding->at_once = ref.st_other & by->object->arch->at_once;
	if (GELF_ST_BIND(ref.st_info) == STB_LOCAL || symbol_binds_locally(&ref))
		binding_set(binding, BINDING_SELF, &(struct definition){ by, binding->symbol, 0 });
	else
		binding->result = BINDING_OPEN;
}

static struct binding *add_binding(struct binding_list *list)
{
	ALLOC_GROW(list->item, list->count + 1, list->room);
	return memset(&list->item[list->count++], 0, sizeof *list->item);
}

/* The addend of a REL word lies where the sum will be. */
static int64_t addend_in_place(const struct elf_image *image, GElf_Addr address)
{
	uint64_t offset;

	if (!elf_image_offset(image, address, elf_word_size(image), &offset))
		return 0;
	return image->is64 ? (int64_t)elf_get64(image, offset) : (int32_t)elf_get32(image, offset);
}

static int read_table(struct bind_object *by, enum reloc_table table, struct binding_list *list)
{
	struct relocs relocs = dynamic_relocs(&by->dynamic, &by->image, table);
	bool rela = relocs.rela, plt = table == RELOCS_PLT;
	GElf_Rela reloc;

	while (relocs_next(&relocs, &reloc)) {
		enum reloc_kind kind = by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));
		if (kind == RELOC_RELATIVE)
			list->relative++;
		if (kind == RELOC_RELATIVE || kind == RELOC_NONE)
			continue;
		if (GELF_R_SYM(reloc.r_info) && GELF_R_SYM(reloc.r_info) >= by->symbols.count)
			return diag_error(by->object->shown, "binding its symbols: somebody changes the file "
							     "meanwhile; left alone, run again");
		if (list->count == LIMIT_BINDINGS)
			return diag_error(
				by->object->shown,
				"binding its symbols: it has more than the %d relocations with a symbol "
				"that are looked at; left alone",
				LIMIT_BINDINGS);
		struct binding *binding = add_binding(list);
		binding->address = reloc.r_offset;
		binding->addend = reloc.r_addend;
		binding->type = GELF_R_TYPE(reloc.r_info);
		binding->symbol = GELF_R_SYM(reloc.r_info);
		binding->kind = kind;
		binding->rela = rela;
		binding->plt = plt;
		if (!rela && (kind == RELOC_WORD || kind == RELOC_IRELATIVE))
			binding->addend = addend_in_place(&by->image, reloc.r_offset);
		if (kind != RELOC_IRELATIVE)
			read_reference(by, binding);
	}
	return 0;
}

int bind_relocs(struct opened *opened, struct object *object, struct binding_list *list)
{
	struct bind_object *by = opened_open(opened, object);

	list->count = list->relative = 0;
	if (!by || __atomic_load_n(&by->beyond, __ATOMIC_RELAXED))
		return -1;
	if (!object->arch)
		return diag_error(object->shown, "binding its symbols: no table for its machine; leave it "
						 "out");
	for (int table = 0; table < RELOC_TABLES; table++)
		if (read_table(by, table, list)) {
			__atomic_store_n(&by->beyond, true, __ATOMIC_RELAXED);
			return -1;
		}
	return 0;
}

void binding_list_release(struct binding_list *list)
{
	free(list->item);
	*list = (struct binding_list){ 0 };
}

const char *binding_name(const struct bind_object *by, const struct binding *binding, const char **version)
{
	GElf_Sym sym;
	const struct symbol_version *asked = symbols_reference(&by->symbols, binding->symbol);

	size_t most;

	symbols_get(&by->symbols, binding->symbol, &sym);
	*version = asked ? asked->name : NULL;
	const char *name = symbols_string(&by->symbols, sym.st_name, &most);
	return asked_at(by->asked, asked_number(by->asked, name, most, NULL, NULL))->name;
}
