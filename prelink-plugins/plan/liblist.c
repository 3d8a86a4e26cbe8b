/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of libraries and conflicts that older ld.so's take; see liblist.h. */
#include "plan/liblist.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "bind/loader.h"
#include "elf/static_tls.h"
#include "bind/target.h"

#define COPY_MAX (1u << 20) /* bytes */
#define NOT_STAMPED "a library of it is not at a slot"

/* ---- Conflicts in the making ---- */

/* What conflicts of one object go by. */
struct maker {
	struct liblist *list;
	struct bind *bind;
	const struct object *loader;
	const struct elf_image *image; /* of the object, as ld.so will map it */
	struct bind_object *by;
};

static struct conflict *add_conflict(struct liblist *list, GElf_Addr address, uint32_t type, uint64_t addend)
{
	struct conflicts *to = type == list->arch->r_irelative ? &list->resolvers : &list->words;

	ALLOC_GROW(to->item, to->count + 1, to->room);
	to->item[to->count] = (struct conflict){
		{ .r_offset = address, .r_info = GELF_R_INFO(0ull, type), .r_addend = (int64_t)addend },
		TLS_NOTHING,
		0
	};
	return &to->item[to->count++];
}

/* True if COPY has something of BY's word at ADDRESS. */
static bool overlaps(const struct copy *copy, const struct bind_object *by, GElf_Addr address)
{
	return copy->provider == by && address + elf_word_size(&by->image) > copy->from &&
	       address < copy->from + copy->size;
}

/* The same for the word of BY at ADDRESS, and for the copy that the program has of it. */
static void add_word(const struct maker *maker, GElf_Addr address, uint32_t type, uint64_t addend)
{
	struct liblist *list = maker->list;

	add_conflict(list, address, type, addend);
	for (size_t i = 0; i < list->copy_count; i++) {
		const struct copy *copy = &list->copy[i];

		if (!overlaps(copy, maker->by, address))
			continue;
		if (address >= copy->from &&
		    address - copy->from + elf_word_size(&maker->by->image) <= copy->size)
			add_conflict(list, copy->to + (address - copy->from), type, addend);
		else
			list->torn = true;
	}
}

/* The number that the SIZE bytes, up to 8, at ADDRESS of the file IMAGE are; zeros
 * where it has none (.bss). */
static uint64_t bytes_in_file(const struct elf_image *image, GElf_Addr address, uint64_t size)
{
	uint64_t value = 0, offset;

	if (size == sizeof value && elf_image_offset(image, address, size, &offset))
		return elf_get64(image, offset);
	for (uint64_t i = 0; i < size; i++)
		if (elf_image_offset(image, address + i, 1, &offset))
			value |= (uint64_t)image->data[offset] << 8 * (image->big_endian ? size - 1 - i : i);
	return value;
}

/* The word at ADDRESS in the file; 0 where it is not in it. */
static uint64_t word_in_file(const struct elf_image *image, GElf_Addr address)
{
	return bytes_in_file(image, address, elf_word_size(image));
}

static GElf_Addr place(const struct object *object, GElf_Addr address)
{
	return object->kind == OBJECT_LOADER ? loader_place(object, address) : bind_place(object, address);
}

/* Index of OBJECT in the scope, if it has thread-local storage; else -1. */
static ssize_t module_of(const struct liblist *list, const struct object *object)
{
	for (size_t i = 0; i < list->scope->count; i++)
		if (list->scope->member[i] == object)
			return list->tls[i] ? (ssize_t)i : -1;
	return -1;
}

static const char *add_tls(const struct maker *maker, const struct binding *binding)
{
	struct liblist *list = maker->list;
	GElf_Addr address = place(maker->by->object, binding->address);
	uint64_t offset = binding->value + (uint64_t)binding->addend;

	if (binding->result == BINDING_ZERO) /* ld.so leaves the word as it is */
		return NULL;
	if (binding->result != BINDING_SELF && binding->result != BINDING_FOUND)
		return "a thread variable that nobody defines";
	for (size_t i = 0; i < list->copy_count; i++)
		if (overlaps(&list->copy[i], maker->by, address))
			return "a copy of where a thread variable is";
	ssize_t module = module_of(list, binding->provider->object);

	if (module < 0)
		return "a thread variable of an object that has none";
	if (binding->kind == RELOC_TLS_OFFSET) {
		add_conflict(list, address, list->arch->r_word, offset);
		return NULL;
	}
	if (binding->kind != RELOC_TLS_MODULE && binding->kind != RELOC_TLS_TP)
		return "a descriptor of a thread variable, which ld.so alone can make";
	bool number = binding->kind == RELOC_TLS_MODULE;
	struct conflict *conflict = add_conflict(list, address, list->arch->r_word, number ? 0 : offset);

	conflict->part = number ? TLS_NUMBER : TLS_OFFSET;
	conflict->module = (size_t)module;
	return NULL;
}

/* Enters what BINDING of maker->by needs.  NULL, or what stands against it. */
static const char *add_binding(const struct maker *maker, const struct binding *binding)
{
	const struct arch *arch = maker->list->arch;
	struct target target = binding_target(maker->by, binding);
	GElf_Addr address = place(maker->by->object, binding->address);

	if (!binding->rela)
		return "a relocation without addend";
	if (binding->protected && binding->kind == RELOC_GLOB_DAT && binding->sym_type != STT_FUNC)
		return "protected data, of which the program may have a copy";
	if (target.base && target.base != maker->loader)
		return NOT_STAMPED;
	if (target.base)
		target.value = loader_place(target.base, target.value);
	if (binding->result == BINDING_FOUND && binding->sym_bind == STB_GNU_UNIQUE)
		maker->list->unique = true;
	switch (target.kind) {
	case TARGET_VALUE:
	case TARGET_RELATIVE:
		if (word_in_file(maker->image, address) != target.value)
			add_word(maker, address, arch->r_word, target.value);
		return NULL;
	case TARGET_IFUNC: add_word(maker, address, arch->r_irelative, target.value); return NULL;
	case TARGET_TLS: return add_tls(maker, binding);
	case TARGET_COPY: return NULL; /* add_copies() */
	case TARGET_UNDEFINED: return "a symbol that nobody defines";
	case TARGET_TYPE: break;
	}
	return "a type of relocation that cannot be had ahead of time";
}

/* Binds OBJECT in the program's scope and enters what that takes. */
static const char *add_object(struct maker *maker, struct object *object, const struct elf_image *image,
			      const struct bind_scope *scope, struct binding_list *bindings)
{
	const char *why = NULL;

	maker->image = image;
	maker->by = bind_open(maker->bind, object);
	if (!maker->by || bind_in(maker->bind, object, scope, bindings))
		return "its symbols could not be bound";
	for (size_t i = 0; !why && i < bindings->count; i++)
		why = add_binding(maker, &bindings->item[i]);
	return why;
}

/* ---- Copies ---- */

/* What the copy in PROGRAM gets from the file IMAGE.  What relocations change of that follows with the
 * provider's own. */
static const char *add_copied_bytes(struct liblist *list, const struct copy *copy,
				    const struct elf_image *image, const struct elf_image *program)
{
	uint64_t at = 0, size, value, word = elf_word_size(image);

	for (; (size = copy->size - at) >= 4; at += size) {
		size = size >= word ? word : 4;
		value = bytes_in_file(image, copy->from + at, size);
		if (value != bytes_in_file(program, copy->to + at, size))
			add_conflict(list, copy->to + at,
				     size == word ? list->arch->r_word : list->arch->r_word32, value);
	}
	if (bytes_in_file(image, copy->from + at, size) == bytes_in_file(program, copy->to + at, size))
		return NULL;
	if (copy->size < 4)
		return "a copy of less than a word";
	at = copy->size - 4;
	add_conflict(list, copy->to + at, list->arch->r_word32, bytes_in_file(image, copy->from + at, 4));
	return NULL;
}

/* Symbol INDEX of BY. */
static GElf_Sym symbol_of(const struct bind_object *by, uint32_t index)
{
	GElf_Sym symbol = { 0 };

	if (index < by->symbols.count)
		symbols_get(&by->symbols, index, &symbol);
	return symbol;
}

static const char *add_copy(struct planner *planner, struct liblist *list, const struct bind_object *by,
			    const struct binding *binding)
{
	const struct bind_object *provider = binding->provider;

	if (binding->result == BINDING_ZERO)
		return NULL;
	if (binding->result != BINDING_FOUND || provider->object->kind != OBJECT_LIBRARY ||
	    !bind_placed(provider->object))
		return "a copy of what is not at a slot";
	uint64_t own = symbol_of(by, binding->symbol).st_size;
	uint64_t size = symbol_of(provider, binding->definition).st_size;
	struct copy copy = { provider, bind_place(provider->object, binding->value), binding->address,
			     size < own ? size : own };
	const struct placed *placed = plan_look_at(planner, provider->object);

	if (!placed)
		return "a file of it could not be read";
	if (copy.size > COPY_MAX)
		return "a copy of more than a megabyte";
	ALLOC_NEXT(list->copy, list->copy_count);
	list->copy[list->copy_count++] = copy;
	return add_copied_bytes(list, &copy, &placed->image, &by->image);
}

/* The program's COPY relocations, before anybody's words. */
static const char *add_copies(struct planner *planner, struct bind *bind, struct liblist *list,
			      struct object *program, const struct bind_scope *scope,
			      struct binding_list *bindings)
{
	const struct bind_object *by = bind_open(bind, program);
	const char *why = NULL;

	if (!by || bind_in(bind, program, scope, bindings))
		return "its symbols could not be bound";
	if (bindings->relative)
		return "it has RELATIVE relocations";
	if (dynamic_has_textrel(&by->dynamic))
		return "it has text relocations";
	for (size_t i = 0; !why && i < bindings->count; i++)
		if (bindings->item[i].kind == RELOC_COPY)
			why = add_copy(planner, list, by, &bindings->item[i]);
	return why;
}

/* ---- The list ---- */

/* True if ld.so, asked for NAME, could have found OBJECT by it. */
static bool may_mean(const char *name, const struct object *object)
{
	const char *slash = strrchr(name, '/');

	if (strchr(name, '$'))
		return false;
	if (!slash && object->soname && strcmp(name, object->soname) == 0)
		return true;
	for (size_t i = 0; i < object->names.count; i++) {
		const char *path = object->names.path[i];

		if (strcmp(name, slash ? path : strrchr(path, '/') + 1) == 0)
			return true;
	}
	return false;
}

/* The name by which ld.so knows OBJECT: as who needed it first called it. */
static const char *name_of(const struct object *program, const struct object *object)
{
	for (size_t i = 0; i < program->scope.count; i++) {
		const struct object *member = program->scope.member[i];

		for (size_t j = 0; j < member->needed_count; j++)
			if (member->needed[j].tag == DT_NEEDED && may_mean(member->needed[j].name, object))
				return member->needed[j].name;
	}
	return NULL;
}

/* True if PLACED, of OBJECT, is where and what the list can say. */
static bool is_stamped(const struct object *object, const struct placed *placed)
{
	if (object->kind == OBJECT_LOADER)
		return placed->stamped && placed->start == object->slot && placed->dynamic.checksum;
	return placed->slot;
}

static bool tls_sound(const GElf_Phdr *tls)
{
	return !tls || (tls->p_align && static_tls_sound(tls));
}

static const char *add_lib(struct liblist *list, const struct object *program, const struct object *object,
			   const struct placed *placed)
{
	const char *name = name_of(program, object);

	if (!name)
		return "a library of it is needed by a name that is not known";
	if (placed->dynamic.gnu_prelinked > UINT32_MAX || placed->dynamic.checksum > UINT32_MAX)
		return NOT_STAMPED;
	list->lib[list->lib_count] = (GElf_Lib){ .l_time_stamp = (uint32_t)placed->dynamic.gnu_prelinked,
						 .l_checksum = (uint32_t)placed->dynamic.checksum };
	list->name[list->lib_count++] = xstrdup(name);
	return NULL;
}

/* Looks at the file of each object of the scope. */
static const char *add_libs(struct planner *planner, struct liblist *list, struct object *program)
{
	const char *why = NULL;

	list->tls = xcalloc(program->scope.count, sizeof *list->tls);
	list->lib = xcalloc(program->scope.count, sizeof *list->lib);
	list->name = xcalloc(program->scope.count, sizeof *list->name);
	for (size_t i = 0; !why && i < program->scope.count; i++) {
		struct object *object = program->scope.member[i];
		const struct placed *placed = plan_look_at(planner, object);

		for (size_t j = 0; j < object->needed_count; j++)
			if (object->needed[j].tag != DT_NEEDED)
				return "DT_FILTER or DT_AUXILIARY in its start-up scope";
		if (!placed)
			return "a file of it could not be read";
		if (object == program && placed_is_audited(placed, program))
			return "it has an audit module of its own";
		list->tls[i] = static_tls_find(&placed->image);
		if (!tls_sound(list->tls[i]))
			return "PT_TLS is malformed";
		if (object != program)
			why = is_stamped(object, placed) ? add_lib(list, program, object, placed) :
							   NOT_STAMPED;
	}
	return why;
}

/* STB_GNU_UNIQUE symbols are to be the only ones of their name in the process, and ld.so knows them from the
 * lookups that the list spares it.  That makes no difference to who does not load anything later. */
static bool may_load(const struct object *program)
{
	for (size_t i = 0; i < program->scope.count; i++) {
		const char *soname = program->scope.member[i]->soname;

		if (soname && strncmp(soname, "libdl.so", strlen("libdl.so")) == 0)
			return true;
	}
	return program->plugin_count != 0;
}

static const char *make(struct planner *planner, struct bind *bind, struct liblist *list,
			struct object *program, const struct elf_image *image)
{
	struct maker maker = { .list = list, .bind = bind, .loader = program->loader };
	struct searchlist *global = bind_searchlist(bind, 0);
	const struct bind_scope scope = { .global = global };
	struct binding_list bindings = { 0 };
	const char *why = add_libs(planner, list, program);

	if (!why && searchlist_set(global, bind->opened, &program->scope, program))
		why = "its symbols could not be bound";
	if (!why)
		why = add_copies(planner, bind, list, program, &scope, &bindings);
	for (size_t i = program->scope.count; !why && i-- > 0;) {
		struct object *object = program->scope.member[i];
		const struct placed *placed = plan_look_at(planner, object);

		why = add_object(&maker, object, object == program ? image : &placed->image, &scope,
				 &bindings);
	}
	binding_list_release(&bindings);
	if (!why && list->torn)
		why = "a copy of a part of a word";
	if (!why && list->unique && may_load(program))
		why = "C++ symbols that have to be the only ones, and it may load plugins";
	return why;
}

struct liblist *liblist_make(struct planner *planner, struct object *program, const struct elf_image *image,
			     const char **why)
{
	*why = NULL;
	if (!loader_helps(program))
		return NULL;
	struct liblist *list = xcalloc(1, sizeof *list);

	list->arch = program->arch;
	list->scope = &program->scope;
	struct workbench *bench = workbench_take(planner);

	*why = make(planner, bench->bind, list, program, image);
	for (size_t i = 0; i < program->scope.count; i++)
		workbench_used(planner, bench, program->scope.member[i]);
	workbench_leave(planner, bench);
	if (*why) {
		liblist_free(list);
		return NULL;
	}
	return list;
}

void liblist_free(struct liblist *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->lib_count; i++)
		free(list->name[i]);
	free(list->name);
	free(list->lib);
	free(list->tls);
	free(list->copy);
	free(list->words.item);
	free(list->resolvers.item);
	free(list);
}

/* ---- As it is in a file ---- */

bool liblist_in(const struct placed *placed)
{
	return elf_image_find_section(&placed->image, LIBLIST_SECTION) != 0;
}

/* Finds section NAME of PLACED, if it has bytes that are whole records of SIZE: where
 * in the file, and COUNT. */
static bool find_section(const struct placed *placed, const char *name, size_t size, uint64_t *offset,
			 size_t *count)
{
	const struct elf_image *image = &placed->image;
	size_t section = elf_image_find_section(image, name);

	if (!section || image->shdr[section].sh_type == SHT_NOBITS || image->shdr[section].sh_size % size)
		return false;
	*count = image->shdr[section].sh_size / size;
	*offset = image->shdr[section].sh_offset;
	return true;
}

static GElf_Lib read_lib(const struct elf_image *image, uint64_t at)
{
	return (GElf_Lib){ .l_name = elf_get32(image, at),
			   .l_time_stamp = elf_get32(image, at + 4),
			   .l_checksum = elf_get32(image, at + 8),
			   .l_version = elf_get32(image, at + 12),
			   .l_flags = elf_get32(image, at + 16) };
}

/* 0, or -1 where PLACED holds no list, or a damaged one. */
static int read_list(struct liblist *list, const struct placed *placed)
{
	const struct elf_image *image = &placed->image;
	size_t libs = 0, conflicts = 0, step = elf_rela_size(image);
	uint64_t lib, conflict;

	if (!find_section(placed, LIBLIST_SECTION, sizeof *list->lib, &lib, &libs) ||
	    !find_section(placed, CONFLICT_SECTION, step, &conflict, &conflicts))
		return -1;
	list->lib = xcalloc(libs + 1, sizeof *list->lib);
	list->name = xcalloc(libs + 1, sizeof *list->name);
	for (; list->lib_count < libs; list->lib_count++) {
		GElf_Lib *read = &list->lib[list->lib_count];

		*read = read_lib(image, lib + list->lib_count * sizeof *read);
		list->name[list->lib_count] = dynamic_string(&placed->dynamic, image, read->l_name);
		if (!list->name[list->lib_count])
			return -1;
	}
	for (size_t i = 0; i < conflicts; i++)
		elf_get_rel(image, conflict + i * step, true,
			    &add_conflict(list, 0, list->arch->r_word, 0)->rela);
	return 0;
}

struct liblist *liblist_present(struct planner *planner, struct object *program)
{
	const struct placed *placed = program->arch ? plan_look_at(planner, program) : NULL;
	if (!placed || program->kind != OBJECT_EXEC)
		return NULL;
	struct liblist *list = xcalloc(1, sizeof *list);

	list->arch = program->arch;
	if (read_list(list, placed) == 0)
		return list;
	liblist_free(list);
	return NULL;
}
