/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolving relocations; see bind.h. */
#include "bind/bind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bind/bind_tables.h"
#include "diag.h"
#include "bind/ifunc.h"
#include "bind/own_libc.h"
#include "resident.h"
#include "bind/target.h"

/* Bytes of files that are mapped before it is asked how much of them is in memory. */
enum { ASK_AFTER = 16 << 20 };

static struct bind_object unusable;

struct bind *bind_new(const struct root *root)
{
	struct bind *bind = xcalloc(1, sizeof *bind);
	struct tables *tables = xcalloc(1, sizeof *tables);

	tables->root = root;
	tables->wanted = wanted_new();
	tables->definers = definers_new();
	pthread_mutex_init(&tables->lock, NULL);
	pthread_cond_init(&tables->bound, NULL);
	bind->tables = tables;
	bind->owner = true;
	return bind;
}

struct bind *bind_share(struct bind *bind)
{
	struct bind *other = xcalloc(1, sizeof *other);

	other->tables = bind->tables;
	return other;
}

static void close_object(struct bind_object *object)
{
	if (object == &unusable)
		return;
	symbols_release(&object->symbols);
	elf_image_release(&object->image);
	shadows_release(&object->shadows);
	free(object->name);
	free(object->fill);
	free(object);
}

static void free_tables(struct tables *tables)
{
	for (size_t i = 0; i < tables->object_count; i++)
		if (tables->object[i])
			close_object(tables->object[i]);
	wanted_free(tables->wanted);
	pthread_mutex_destroy(&tables->lock);
	pthread_cond_destroy(&tables->bound);
	definers_free(tables->definers);
	free(tables->indexed);
	free(tables->object);
	free(tables);
}

void bind_free(struct bind *bind)
{
	if (!bind)
		return;
	searchlist_release(&bind->natural);
	searchlist_release(&bind->shared[0]);
	searchlist_release(&bind->shared[1]);
	binding_list_release(&bind->list);
	if (bind->owner)
		free_tables(bind->tables);
	free(bind);
}

/* Of ALL objects, or those that were used since the last time.  Other threads may be reading: what they read
 * comes back from the file. */
static void rest(struct tables *tables, bool all)
{
	for (size_t i = 0; i < tables->object_count; i++) {
		struct bind_object *object = tables->object[i];
		if (!object || object == &unusable || (!all && !object->used))
			continue;
		madvise(object->image.data, object->image.size, MADV_DONTNEED);
		object->used = false;
	}
}

void bind_rest(struct bind *bind, bool all)
{
	pthread_mutex_lock(&bind->tables->lock);
	rest(bind->tables, all);
	pthread_mutex_unlock(&bind->tables->lock);
}

void bind_index(struct bind *bind)
{
	struct tables *tables = bind->tables;

	pthread_mutex_lock(&tables->lock);
	if (!tables->indexed) {
		definers_sort(tables->definers);
		tables->indexed = xcalloc(tables->object_count + 1, sizeof(struct bind_object *));
		for (size_t i = 0; i < tables->object_count; i++)
			tables->indexed[i] = tables->object[i];
	}
	pthread_mutex_unlock(&tables->lock);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int map_object(const struct root *root, struct bind_object *object)
{
	const char *path = object->object->shown;
	struct stat st;
	int fd = root_open(root, object->object->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum elf_image_status status;

	if (fd < 0)
		return diag_errno(path, "reading it to bind its symbols");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (object->object->st.st_ino && !same_file(&st, &object->object->st))) {
		close(fd);
		return diag_error(path, "binding its symbols: the file has changed since it was looked at; "
					"run again");
	}
	status = elf_image_open(&object->image, fd, path);
	close(fd);
	if (status == ELF_IMAGE_NOT_ELF)
		return diag_error(path, "binding its symbols: it is no ELF file any more; run again");
	if (status != ELF_IMAGE_OK)
		return -1;
	int dynamic = dynamic_init(&object->dynamic, &object->image);
	if (dynamic > 0)
		diag_error(path, "binding its symbols: it has no dynamic section; link it dynamically, or "
				 "leave it out");
	if (dynamic == 0 && symbols_load(&object->symbols, &object->image, &object->dynamic) == 0)
		return 0;
	elf_image_release(&object->image);
	return -1;
}

/* The place of the object with that INDEX. */
static struct bind_object **object_place(struct tables *tables, size_t index)
{
	if (index >= tables->object_count) {
		size_t count = 2 * index + 64;
		tables->object = xreallocarray(tables->object, count, sizeof *tables->object);
		memset(tables->object + tables->object_count, 0,
		       (count - tables->object_count) * sizeof *tables->object);
		tables->object_count = count;
	}
	return &tables->object[index];
}

/* Versions are compared again and again: their names go where the others are. */
static void keep_version_names(struct tables *tables, struct symbols *symbols)
{
	for (size_t i = 0; i < symbols->version_count; i++)
		if (symbols->version[i].name)
			symbols->version[i].name = wanted_name(tables->wanted, symbols->version[i].name);
}

static struct bind_object *open_object(struct tables *tables, struct object *object)
{
	struct bind_object *opened = xcalloc(1, sizeof *opened);

	opened->object = object;
	if (map_object(tables->root, opened)) {
		free(opened);
		return &unusable;
	}
	opened->own_libc = own_libc_is(&opened->image);
	uint64_t flags = opened->dynamic.value[DT_FLAGS];
	opened->symbolic = opened->dynamic.has[DT_SYMBOLIC] || (flags & DF_SYMBOLIC);
	opened->bind_now = opened->dynamic.has[DT_BIND_NOW] || (flags & DF_BIND_NOW) ||
			   (opened->dynamic.flags_1 & DF_1_NOW);
	opened->name = xcalloc(opened->symbols.count + 1, sizeof *opened->name);
	keep_version_names(tables, &opened->symbols);
	definers_add(tables->definers, object->index, &opened->symbols);
	tables->mapped += opened->image.size;
	if (tables->mapped > ASK_AFTER) {
		tables->mapped = 0;
		if (resident_is_much())
			rest(tables, false);
	}
	return opened;
}

struct bind_object *bind_open(struct bind *bind, struct object *object)
{
	struct tables *tables = bind->tables;

	pthread_mutex_lock(&tables->lock);
	struct bind_object **place = object_place(tables, object->index);
	if (!*place)
		*place = open_object(tables, object);
	struct bind_object *opened = *place;
	opened->used = true;
	pthread_mutex_unlock(&tables->lock);
	return opened == &unusable ? NULL : opened;
}

struct bind_object *bind_opened(const struct bind *bind, size_t index)
{
	struct tables *tables = bind->tables;
	struct bind_object *opened;

	pthread_mutex_lock(&tables->lock);
	opened = index < tables->object_count ? tables->object[index] : NULL;
	pthread_mutex_unlock(&tables->lock);
	return opened == &unusable ? NULL : opened;
}

uint32_t binding_number(struct bind *bind, struct bind_object *by, const struct binding *binding)
{
	uint32_t *place = &by->name[binding->symbol];
	uint32_t number = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	if (!number) {
		GElf_Sym sym;
		symbols_get(&by->symbols, binding->symbol, &sym);
		number = wanted_number(bind->tables->wanted, symbols_string(&by->symbols, sym.st_name),
				       symbols_reference(&by->symbols, binding->symbol));
		__atomic_store_n(place, number, __ATOMIC_RELEASE);
	}
	return number;
}

struct searchlist *bind_searchlist(struct bind *bind, unsigned which)
{
	return &bind->shared[which];
}

/* Relocations. */

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
	if (GELF_ST_BIND(ref.st_info) == STB_LOCAL || symbol_binds_locally(&ref))
		binding_set(binding, BINDING_SELF, &(struct definition){ by, binding->symbol, 0 });
	else
		binding->result = BINDING_OPEN;
}

static struct binding *add_binding(struct binding_list *list)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 1024;
		list->item = xreallocarray(list->item, list->room, sizeof *list->item);
	}
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

static void read_table(struct bind_object *by, const struct table *table, bool rela, bool plt,
		       struct binding_list *list)
{
	size_t step = rela ? elf_rela_size(&by->image) : elf_rel_size(&by->image);
	uint64_t size = table->size;

	/* Some linkers let DT_RELASZ cover DT_JMPREL as well; ld.so does not apply that twice either. */
	if (!plt && by->dynamic.jmprel.size && size >= by->dynamic.jmprel.size &&
	    table->offset + size == by->dynamic.jmprel.offset + by->dynamic.jmprel.size)
		size -= by->dynamic.jmprel.size;
	for (uint64_t at = 0; at + step <= size; at += step) {
		GElf_Rela reloc;
		elf_get_rel(&by->image, table->offset + at, rela, &reloc);
		enum reloc_kind kind = by->object->arch->reloc_kind(GELF_R_TYPE(reloc.r_info));
		if (kind == RELOC_RELATIVE)
			list->relative++;
		if (kind == RELOC_RELATIVE || kind == RELOC_NONE)
			continue;
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
}

int bind_relocs(struct bind *bind, struct object *object, struct binding_list *list)
{
	struct bind_object *by = bind_open(bind, object);

	list->count = list->relative = 0;
	if (!by)
		return -1;
	if (!object->arch)
		return diag_error(object->shown, "binding its symbols: no table for its machine; leave it "
						 "out");
	read_table(by, &by->dynamic.rel, false, false, list);
	read_table(by, &by->dynamic.rela, true, false, list);
	read_table(by, &by->dynamic.jmprel, by->dynamic.jmprel_is_rela, true, list);
	return 0;
}

int bind_object(struct bind *bind, struct object *object, const struct bind_scope *scope,
		struct binding_list *list)
{
	if (bind_relocs(bind, object, list))
		return -1;
	struct bind_object *by = bind_open(bind, object);
	for (size_t i = 0; i < list->count; i++) {
		struct binding *binding = &list->item[i];
		const struct binding *last = i ? binding - 1 : NULL;
		if (binding->result != BINDING_OPEN)
			continue;
		if (!last || last->symbol != binding->symbol || last->result == BINDING_NONE ||
		    class_of(last->kind) != class_of(binding->kind)) {
			bind_lookup(bind, by, scope, binding);
			continue;
		}
		binding->result = last->result; /* as in ld.so's l_lookup_cache */
		if (last->result == BINDING_FOUND)
			binding_set(binding, BINDING_FOUND,
				    &(struct definition){ last->provider, last->definition, 0 });
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

	symbols_get(&by->symbols, binding->symbol, &sym);
	*version = asked ? asked->name : NULL;
	return symbols_string(&by->symbols, sym.st_name);
}

/* What goes into the files of libraries. */

/* True if some ld.so that OBJECT gets to would take the word of a JUMP_SLOT for the address of its stub. */
static bool has_stubs(const struct bind_object *by, const struct object *object)
{
	for (size_t i = 0; i < object->scope.count; i++)
		if (object->scope.member[i]->audit_lazy)
			return true;
	return !by->bind_now;
}

/* Collects in BY what to fill in of the bindings in LIST. */
static void collect_fill(struct bind_object *by, const struct binding_list *list)
{
	bool stubs = has_stubs(by, by->object);

	by->fill = xreallocarray(NULL, list->count + 1, sizeof *by->fill);
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->item[i];
		struct target target = binding_target(by, binding);
		if (target.kind == TARGET_IFUNC && (target.value = ifunc_target(by, binding)) != 0)
			target.kind = TARGET_VALUE;
		if (target.kind != TARGET_VALUE ||
		    (binding->plt && stubs && binding->kind != RELOC_IRELATIVE) ||
		    (!binding->rela && (binding->kind == RELOC_WORD || binding->kind == RELOC_IRELATIVE)))
			continue;
		by->fill[by->fill_count++] = (struct fill){ bind_place(by->object, binding->address),
							    target.value };
	}
	by->fill = xreallocarray(by->fill, by->fill_count + 1, sizeof *by->fill);
}

/* True if BY is for this thread to bind; false, when that is done, if another one was first. */
static bool begin_natural(struct tables *tables, struct bind_object *by)
{
	pthread_mutex_lock(&tables->lock);
	while (by->natural == NATURAL_BUSY)
		pthread_cond_wait(&tables->bound, &tables->lock);
	bool first = by->natural == NATURAL_NONE;
	if (first)
		by->natural = NATURAL_BUSY;
	pthread_mutex_unlock(&tables->lock);
	return first;
}

static void end_natural(struct tables *tables, struct bind_object *by)
{
	pthread_mutex_lock(&tables->lock);
	by->natural = NATURAL_DONE;
	pthread_cond_broadcast(&tables->bound);
	pthread_mutex_unlock(&tables->lock);
}

int bind_natural(struct bind *bind, struct object *object)
{
	const struct bind_scope scope = { .local = &bind->natural };
	struct bind_object *by = bind_open(bind, object);

	if (!by)
		return -1;
	if (object->kind != OBJECT_LIBRARY || !bind_placed(object) || !begin_natural(bind->tables, by))
		return 0;
	int result = searchlist_set(&bind->natural, bind, &object->scope, NULL);
	if (result == 0)
		result = bind_object(bind, object, &scope, &bind->list);
	if (result == 0)
		collect_fill(by, &bind->list);
	end_natural(bind->tables, by);
	return result ? -1 : 0;
}

long bind_fill(const struct bind *bind, const struct object *object, struct elf_image *image)
{
	const struct bind_object *by = bind_opened(bind, object->index);
	uint64_t offset;

	if (!by)
		return 0;
	for (size_t i = 0; i < by->fill_count; i++) {
		if (!elf_image_offset(image, by->fill[i].address, elf_word_size(image), &offset))
			return diag_error(object->shown,
					  "filling in bound values: the relocation at 0x%llx is "
					  "outside the file; the file is damaged",
					  (unsigned long long)by->fill[i].address);
		elf_put_word(image, offset, by->fill[i].value);
	}
	return by->fill_count;
}
