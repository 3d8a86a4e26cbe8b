/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a library shows to others, and what it asks itself by name; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

/* --- exports --- */

/* Libraries that something needs by name: others are plugins, whose symbols dlsym() asks for. */
static bool *find_needed(const struct evidence *evidence)
{
	bool *needed = xcalloc(evidence->count + 1, sizeof *needed);

	for (size_t i = 0; i < evidence->count; i++) {
		const struct object *object = evidence->table->object[i];
		const struct witness *witness = evidence_of(evidence, object);
		for (size_t k = 0; witness && k < object->needed_count; k++)
			if (witness->needed[k].object)
				needed[witness->needed[k].object->index] = true;
	}
	return needed;
}

/* Meant for others: not what a version that is not the default keeps for old programs,
 * nor a version's own name. */
static bool is_exported(const struct bind_object *by, uint32_t index, GElf_Sym *sym)
{
	const struct symbols *symbols = &by->symbols;

	symbols_get(symbols, index, sym);
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS ||
	    GELF_ST_BIND(sym->st_info) == STB_LOCAL || symbol_binds_locally(sym) ||
	    GELF_ST_TYPE(sym->st_info) == STT_NOTYPE)
		return false;
	return !symbols->version_count ||
	       !(elf_get16(symbols->image, symbols->versym + 2ull * index) & 0x8000);
}

static void look_at_exports(struct advice *advice, const struct witness *witness)
{
	const struct bind_object *by = witness->by;
	struct finding *finding = NULL;
	size_t all = 0, unused = 0;
	GElf_Sym sym;

	for (uint32_t i = 1; i < by->symbols.count; i++) {
		if (!is_exported(by, i, &sym))
			continue;
		all++;
		unused += !(witness->symbol[i] & (USED_OUTSIDE | COPIED));
	}
	if (!unused)
		return;
	finding = finding_add(&advice->findings, FINDING_EXPORTS, by->object,
			      "exports %zu functions and variables, of which %zu are used by nobody else",
			      all, unused);
	finding->price.programs = witness->startups + witness->plugins;
	for (uint32_t i = 1; i < by->symbols.count; i++) {
		if (!is_exported(by, i, &sym) || (witness->symbol[i] & (USED_OUTSIDE | COPIED)))
			continue;
		char *name = evidence_symbol(by, i);
		finding_detail(finding, name, "%s",
			       witness->symbol[i] & USED_INSIDE ? "looked up by itself only" : "");
		free(name);
	}
}

/* --- self-references --- */

static void look_at_itself(struct advice *advice, const struct witness *witness,
			   struct binding_list *bindings)
{
	const struct bind_object *by = witness->by;
	size_t *count = xcalloc(by->symbols.count + 1, sizeof *count);
	size_t functions = 0, data = 0;
	GElf_Sym sym;

	if (bind_relocs(advice->evidence->bind->opened, (struct object *)(uintptr_t)by->object, bindings))
		bindings->count = 0;
	for (size_t i = 0; i < bindings->count; i++) {
		const struct binding *binding = &bindings->item[i];
		unsigned use = witness->symbol[binding->symbol];
		if (binding->result != BINDING_OPEN || binding->protected || !(use & USED_INSIDE) ||
		    (use & OVERRIDDEN))
			continue;
		symbols_get(&by->symbols, binding->symbol, &sym);
		/* Weak and unique ones are C++'s: the same in several objects, which have to agree on one. */
		if (sym.st_shndx == SHN_UNDEF || GELF_ST_BIND(sym.st_info) != STB_GLOBAL)
			continue;
		count[binding->symbol]++;
		*(GELF_ST_TYPE(sym.st_info) == STT_OBJECT ? &data : &functions) += 1;
	}
	if (functions + data) {
		struct finding *finding =
			finding_add(&advice->findings, FINDING_SELF, by->object,
				    "looks up %zu functions and %zu variables that are its own", functions,
				    data);
		finding->price = (struct price){ .lookups = functions + data,
						 .relocations = functions + data,
						 .programs = witness->startups + witness->plugins };
		for (uint32_t i = 1; i < by->symbols.count; i++) {
			char *name = count[i] ? evidence_symbol(by, i) : NULL;
			if (name)
				finding_detail(finding, name, "%zu", count[i]);
			free(name);
		}
	}
	free(count);
}

void advise_exports(struct advice *advice)
{
	const struct witness *witness;
	bool *needed = find_needed(advice->evidence);
	struct binding_list bindings = { 0 };

	for (size_t i = 0; (witness = advice_next(advice, &i));) {
		if (object_is_program(witness->by->object))
			continue;
		if (advice->whole && needed[witness->by->object->index])
			look_at_exports(advice, witness);
		look_at_itself(advice, witness, &bindings);
	}
	binding_list_release(&bindings);
	free(needed);
}
