/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that no interposition reaches; see kinds.h.
 *
 * -Bsymbolic-functions and -fno-semantic-interposition leave no mark in a file but this: where a symbol of
 * its own is called, the code calls the address, and there is no relocation with the name.  So the code is
 * looked at, of libraries that define a function which a program interposes, and which never look it up. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>

/* A function of a library that PROGRAM has, too, for others to call. */
struct target {
	GElf_Addr address;
	uint32_t symbol; /* of the library */
	bool called;     /* the library calls its own */
	const struct object *program;
};

struct targets {
	struct target *item; /* owned */
	size_t count, room;
};

static bool is_function(const struct symbols *symbols, uint32_t index)
{
	GElf_Sym sym;

	symbols_get(symbols, index, &sym);
	return GELF_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF;
}

/* The function QUERY of LIBRARY, if it is one that never asks for it by name. */
static void add_target(struct targets *targets, const struct witness *library,
		       const struct symbol_query *query, const struct object *program)
{
	GElf_Sym sym;
	uint32_t symbol = symbols_find(&library->by->symbols, query, &sym);

	/* Weak ones are C++'s: the same in several objects. */
	if (!symbol || !is_function(&library->by->symbols, symbol) ||
	    GELF_ST_BIND(sym.st_info) != STB_GLOBAL || GELF_ST_VISIBILITY(sym.st_other) == STV_PROTECTED ||
	    (library->symbol[symbol] & (USED_INSIDE | OVERRIDDEN)))
		return;
	ALLOC_GROW(targets->item, targets->count + 1, targets->room);
	targets->item[targets->count++] =
		(struct target){ .address = sym.st_value, .symbol = symbol, .program = program };
}

/* What PROGRAM interposes: functions of it that others in its process call. */
static void add_program(const struct advice *advice, const struct witness *program, struct targets *targets)
{
	const struct object *object = program->by->object;

	for (uint32_t i = 1; i < program->by->symbols.count; i++) {
		GElf_Sym sym;
		if (!(program->symbol[i] & USED_OUTSIDE) || !is_function(&program->by->symbols, i))
			continue;
		symbols_get(&program->by->symbols, i, &sym);
		char *name = symbols_string_copy(&program->by->symbols, sym.st_name);
		const struct symbol_query query = { .name = name,
						    .gnu_hash = symbol_gnu_hash(name),
						    .class = SYMBOL_ANY };
		for (size_t k = 0; k < object->scope.count; k++) {
			const struct object *member = object->scope.member[k];
			const struct witness *library = evidence_of(advice->evidence, member);
			if (library && library != program && !library->by->symbolic &&
			    member->arch->direct_call)
				add_target(&targets[member->index], library, &query, object);
		}
		free(name);
	}
}

static int compare_targets(const void *a, const void *b)
{
	const struct target *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	if (left->symbol != right->symbol)
		return left->symbol < right->symbol ? -1 : 1;
	return (left->program->index > right->program->index) -
	       (left->program->index < right->program->index);
}

static void call(struct targets *targets, GElf_Addr address)
{
	size_t low = 0, high = targets->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (targets->item[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < targets->count && targets->item[low].address == address; low++)
		targets->item[low].called = true;
}

/* Finds the TARGETS, sorted, that the code of LIBRARY calls. */
static void read_code(const struct bind_object *library, struct targets *targets)
{
	const struct elf_image *image = &library->image;
	const struct arch *arch = library->object->arch;
	GElf_Addr first = targets->item[0].address, last = targets->item[targets->count - 1].address, to;
	uint64_t start;

	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *load = &image->phdr[i];
		if (load->p_type != PT_LOAD || !(load->p_flags & PF_X) || load->p_filesz < DIRECT_CALL_SIZE ||
		    !elf_image_offset(image, load->p_vaddr, load->p_filesz, &start))
			continue;
		for (uint64_t at = 0; at <= load->p_filesz - DIRECT_CALL_SIZE; at += arch->code_step)
			if (arch->direct_call(image->data + start + at, load->p_vaddr + at, &to) &&
			    to >= first && to <= last)
				call(targets, to);
	}
}

static void tell(struct advice *advice, const struct bind_object *library, const struct targets *targets)
{
	struct finding *finding = NULL;
	size_t programs = 0;

	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->item[i];
		bool again = i && targets->item[i - 1].symbol == target->symbol;
		if (!target->called)
			continue;
		programs = again ? programs + 1 : 1;
		if (finding && programs > finding->price.programs)
			finding->price.programs = programs;
		if (again)
			continue;
		char *name = evidence_symbol(library, target->symbol);
		if (!finding) {
			finding = finding_add(&advice->findings, FINDING_INTERPOSED, library->object,
					      "calls its own %s directly where others get that of %s", name,
					      evidence_short(target->program));
			finding->price.programs = 1;
		}
		finding_detail(finding, name, "%s has it too, and others in its process call that one",
			       target->program->path);
		free(name);
	}
}

void advise_direct(struct advice *advice)
{
	const struct evidence *evidence = advice->evidence;
	struct targets *targets = xcalloc(evidence->count + 1, sizeof *targets);

	for (size_t i = 0; i < evidence->count; i++) {
		const struct witness *witness = evidence_of(evidence, evidence->table->object[i]);
		if (witness && object_is_program(witness->by->object))
			add_program(advice, witness, targets);
	}
	for (size_t i = 0; i < evidence->count; i++) {
		const struct witness *witness = targets[i].count ? advice_near(advice, i) : NULL;
		if (witness) {
			qsort(targets[i].item, targets[i].count, sizeof *targets[i].item, compare_targets);
			read_code(witness->by, &targets[i]);
			tell(advice, witness->by, &targets[i]);
		}
		free(targets[i].item);
	}
	free(targets);
}
