/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolving relocations; see bind.h. */
#include "bind.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "definers.h"
#include "diag.h"
#include "ifunc.h"
#include "resident.h"
#include "wanted.h"

/* Where more objects may define a name, the first few that are asked will: not worth a list of answers. */
enum { ANSWERS_MAX = 64 };

/* What all handles share, read and changed under the lock but for what never changes while several threads look:
 * root, wanted, definers and indexed. */
struct tables {
	const struct root *root;
	pthread_mutex_t lock;
	pthread_cond_t bound;        /* some object's `binding` became BOUND */
	struct bind_object **object; /* by object->index; NULL where not met, &unusable where not readable */
	size_t object_count;
	uint64_t mapped;             /* bytes of files mapped since it was last asked what they take */
	struct wanted_table *wanted; /* what all relocations ask for; its numbers */
	struct definers *definers;   /* what the objects define that were open when bind_index() was called */
	struct bind_object **indexed; /* those, by object->index; NULL before */
};

struct bind {
	struct tables *tables;
	bool owner;                  /* of the tables: not made by bind_share() */
	struct searchlist natural;   /* bind_natural()'s, from object to object */
	struct searchlist shared[2]; /* bind_searchlist()'s */
	struct binding_list list;
};

/* What a searchlist remembers of one number, for one class: which symbol of which member. */
struct memo {
	uint32_t serial; /* the searchlist's, when this was found out */
	uint32_t member; /* 1 + index in the searchlist; in the unique table, object->index */
	uint32_t symbol; /* 0: nobody defines it */
};

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

/* Of ALL objects, or those that were used since the last time.  Other threads may be reading: what they read comes back
 * from the file. */
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
	const char *path = object->object->path;
	struct stat st;
	int fd = root_open(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
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

/* The object with that INDEX, if it was opened. */
static struct bind_object *opened_before(const struct bind *bind, size_t index)
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

/* Searchlists. */

struct place {
	uint32_t serial; /* the searchlist's, if the object is a member */
	uint32_t at;     /* index of the member */
};

/* Notes where the member AT of LIST is. */
static void set_place(struct searchlist *list, const struct tables *tables, size_t at)
{
	size_t index = list->member[at]->object->index;

	if (index >= list->place_count) {
		size_t count = 2 * index + 64;
		list->place = xreallocarray(list->place, count, sizeof *list->place);
		memset(list->place + list->place_count, 0, (count - list->place_count) * sizeof *list->place);
		list->place_count = count;
	}
	if (list->place[index].serial == list->serial) /* it is there twice, and the first time counts */
		return;
	list->place[index] = (struct place){ list->serial, (uint32_t)at };
	if (!definers_cover(tables->definers, index))
		list->unindexed[list->unindexed_count++] = (uint32_t)at;
}

int searchlist_set(struct searchlist *list, struct bind *bind, const struct object_list *objects,
		   const struct object *executable)
{
	int result = 0;

	list->member = xreallocarray(list->member, objects->count + 1, sizeof *list->member);
	list->unindexed = xreallocarray(list->unindexed, objects->count + 1, sizeof *list->unindexed);
	list->count = list->unindexed_count = 0;
	list->executable = executable;
	for (size_t i = 0; i < objects->count; i++) {
		struct bind_object *opened = bind_open(bind, objects->member[i]);
		if (opened)
			list->member[list->count++] = opened;
		else
			result = -1;
	}
	if (++list->serial == 0) { /* wrapped: what lies there would look fresh */
		memset(list->memo, 0, 2 * list->memo_size * sizeof *list->memo);
		memset(list->place, 0, list->place_count * sizeof *list->place);
		list->serial = 1;
	}
	for (size_t i = 0; i < list->count; i++)
		set_place(list, bind->tables, i);
	return result;
}

void searchlist_release(struct searchlist *list)
{
	free(list->member);
	free(list->memo);
	free(list->place);
	free(list->unindexed);
	*list = (struct searchlist){ 0 };
}

struct searchlist *bind_searchlist(struct bind *bind, unsigned which)
{
	return &bind->shared[which];
}

/* Numbers are handed out while a list is in use. */
static void make_room(struct searchlist *list, uint32_t number)
{
	if (number < list->memo_size)
		return;
	size_t size = 2 * (size_t)number + 4096;
	list->memo = xreallocarray(list->memo, 2 * size, sizeof *list->memo);
	memset(list->memo + 2 * list->memo_size, 0, 2 * (size - list->memo_size) * sizeof *list->memo);
	list->memo_size = size;
}

bool definition_in(const struct bind *bind, struct bind_object *object, uint32_t number,
		   enum symbol_class class, struct definition *definition)
{
	const struct wanted *wanted = wanted_at(bind->tables->wanted, number);
	struct symbol_query query = { wanted->name, wanted->gnu_hash, wanted->version, class };
	GElf_Sym sym;

	definition->symbol = symbols_find(&object->symbols, &query, &sym);
	definition->object = definition->symbol ? object : NULL;
	return definition->symbol != 0;
}

/* Asks, once for all lists, each indexed object that may define NUMBER.  Not indexed ones: those have to be asked each
 * time, and so have all where this returns NULL. */
static const struct answers *answers_of(const struct bind *bind, uint32_t number, enum symbol_class class)
{
	const struct tables *tables = bind->tables;
	struct wanted *wanted = wanted_at(tables->wanted, number);
	unsigned which = (class & SYMBOL_PLT) != 0;
	struct answer item[ANSWERS_MAX];
	struct definition definition;
	uint32_t count = 0;
	size_t length;

	if (!tables->indexed)
		return NULL;
	const struct answers *answers = wanted_answers(wanted, which);
	if (answers)
		return answers;
	const struct definer *span = definers_of(tables->definers, wanted->gnu_hash, &length);
	if (length > ANSWERS_MAX)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (span[i].hash == definers_hash(wanted->gnu_hash) &&
		    definition_in(bind, tables->indexed[span[i].object], number, class, &definition))
			item[count++] = (struct answer){ span[i].object, definition.symbol };
	return wanted_keep(tables->wanted, wanted, which, item, count);
}

/* Index of the first member of LIST from FROM on that may define NUMBER; list->count for none.  Sets SYMBOL to what it
 * defines, or to 0 where that has still to be asked. */
static size_t next_member(const struct bind *bind, const struct searchlist *list, uint32_t number,
			  enum symbol_class class, size_t from, uint32_t *symbol)
{
	const struct answers *answers = answers_of(bind, number, class);
	size_t found = list->count;

	*symbol = 0;
	if (!answers)
		return from;
	for (size_t i = 0; i < answers->count; i++) {
		const struct answer *answer = &answers->item[i];
		if (answer->object >= list->place_count)
			continue;
		const struct place *place = &list->place[answer->object];
		if (place->serial == list->serial && place->at >= from && place->at < found) {
			found = place->at;
			*symbol = answer->symbol;
		}
	}
	for (size_t i = 0; i < list->unindexed_count && list->unindexed[i] < found; i++)
		if (list->unindexed[i] >= from) {
			*symbol = 0;
			return list->unindexed[i];
		}
	return found;
}

static bool walk(const struct bind *bind, const struct searchlist *list, uint32_t number,
		 enum symbol_class class, struct definition *definition)
{
	uint32_t symbol;

	while ((definition->next = next_member(bind, list, number, class, definition->next, &symbol)) < list->count) {
		struct bind_object *member = list->member[definition->next++];
		if ((class & SYMBOL_COPY) && member->object == list->executable)
			continue;
		definition->object = member;
		definition->symbol = symbol;
		if (symbol || definition_in(bind, member, number, class, definition))
			return true;
	}
	*definition = (struct definition){ .next = definition->next };
	return false;
}

bool searchlist_next(const struct bind *bind, struct searchlist *list, uint32_t number,
		     enum symbol_class class, struct definition *definition)
{
	if (definition->next || (class & SYMBOL_COPY))
		return walk(bind, list, number, class, definition);
	make_room(list, number);
	struct memo *memo = &list->memo[2 * number + class];
	if (memo->serial != list->serial) {
		walk(bind, list, number, class, definition);
		*memo = (struct memo){ list->serial, definition->next, definition->symbol };
	}
	definition->next = memo->member;
	definition->symbol = memo->symbol;
	definition->object = memo->symbol ? list->member[memo->member - 1] : NULL;
	return definition->object != NULL;
}

/* One reference on its way through a scope. */
struct lookup {
	struct bind *bind;
	const struct bind_scope *scope;
	struct bind_object *by; /* whose relocation it is */
	uint32_t number;
	enum symbol_class class;
	struct definition found; /* its `object` is NULL for nothing */
};

static bool lookup_in(struct lookup *lookup, struct searchlist *list)
{
	lookup->found.next = 0;
	return list && searchlist_next(lookup->bind, list, lookup->number, lookup->class, &lookup->found);
}

/* DT_SYMBOLIC puts the object itself in front of its scope, but the main program's. */
static bool lookup_in_self(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;

	if (!lookup->by->symbolic || (scope->global && scope->global->executable == lookup->by->object))
		return false;
	return definition_in(lookup->bind, lookup->by, lookup->number, lookup->class, &lookup->found);
}

/* do_lookup_x over all lists of the scope, but for what it does about unique symbols. */
static bool lookup_scope(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;

	if (scope->deepbind)
		return lookup_in(lookup, scope->local) || lookup_in(lookup, scope->global);
	return lookup_in_self(lookup) || lookup_in(lookup, scope->global) || lookup_in(lookup, scope->local);
}

void unique_table_forget(struct unique_table *table)
{
	if (++table->serial == 0) {
		memset(table->memo, 0, table->size * sizeof *table->memo);
		table->serial = 1;
	}
}

void unique_table_release(struct unique_table *table)
{
	free(table->memo);
	*table = (struct unique_table){ 0 };
}

static struct memo *unique_place(struct unique_table *table, uint32_t number)
{
	if (number >= table->size) {
		size_t size = 2 * (size_t)number + 4096;
		table->memo = xreallocarray(table->memo, size, sizeof *table->memo);
		memset(table->memo + table->size, 0, (size - table->size) * sizeof *table->memo);
		table->size = size;
		table->serial += table->serial == 0;
	}
	return &table->memo[number];
}

/* STB_GNU_UNIQUE: one definition of the name for the whole process, the first that anybody was bound to; a
 * COPY relocation makes the executable's copy that one.  glibc's do_lookup_unique. */
static void lookup_unique(struct lookup *lookup, uint32_t reference)
{
	struct bind *bind = lookup->bind;
	struct unique_table *table = lookup->scope->unique;
	bool copy = lookup->class & SYMBOL_COPY;
	const char *name = wanted_at(bind->tables->wanted, lookup->number)->name;
	struct memo *unique = unique_place(table, wanted_number(bind->tables->wanted, name, NULL));

	if (unique->serial != table->serial) {
		const struct bind_object *owner = copy ? lookup->by : lookup->found.object;
		*unique = (struct memo){ table->serial, owner->object->index,
					 copy ? reference : lookup->found.symbol };
	} else if (!copy) {
		lookup->found.object = opened_before(bind, unique->member);
		lookup->found.symbol = unique->symbol;
	}
}

/* A reference that is protected is the object's own, unless everybody agrees on it anyway; see the end of
 * _dl_lookup_symbol_x. */
static void lookup_protected(struct lookup *lookup, uint32_t reference)
{
	struct lookup call = *lookup;

	if (lookup->class != SYMBOL_PLT) {
		call.class = SYMBOL_PLT;
		if (!lookup_scope(&call))
			return;
	}
	if (call.found.object != lookup->by)
		lookup->found = (struct definition){ lookup->by, reference, 0 };
}

static enum symbol_class class_of(enum reloc_kind kind)
{
	switch (kind) {
	case RELOC_JUMP_SLOT:
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_TP:
	case RELOC_TLSDESC:
		return SYMBOL_PLT;
	case RELOC_COPY:
		return SYMBOL_COPY;
	default:
		return SYMBOL_ANY;
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

static void resolve(struct bind *bind, struct bind_object *by, const struct bind_scope *scope,
		    struct binding *binding)
{
	struct lookup lookup = { .bind = bind, .scope = scope, .by = by, .class = binding_class(binding),
				 .number = binding_number(bind, by, binding) };

	if (!lookup_scope(&lookup)) {
		binding->result = binding->weak ? BINDING_ZERO : BINDING_UNDEFINED;
		return;
	}
	GElf_Sym sym;
	symbols_get(&lookup.found.object->symbols, lookup.found.symbol, &sym);
	if (GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE && scope->unique)
		lookup_unique(&lookup, binding->symbol);
	if (binding->protected)
		lookup_protected(&lookup, binding->symbol);
	binding_set(binding, BINDING_FOUND, &lookup.found);
}

/* Relocations. */

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
		return diag_error(object->path, "binding its symbols: no table for its machine; leave it "
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
			resolve(bind, by, scope, binding);
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

/* Values. */

bool bind_placed(const struct object *object)
{
	return object->kind == OBJECT_EXEC ||
	       (object->kind == OBJECT_LIBRARY && object->has_slot && object->skip == SKIP_NOT);
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
	struct target target = { kind, bind_place(provider->object, address) + addend, NULL };

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
	case BINDING_ZERO:
		return (struct target){ TARGET_VALUE, addend, NULL };
	case BINDING_SELF:
	case BINDING_FOUND:
		break;
	default:
		return (struct target){ TARGET_UNDEFINED, 0, NULL };
	}
	if (binding->sym_type == STT_TLS)
		return (struct target){ TARGET_TLS, 0, NULL };
	if (binding->sym_type == STT_GNU_IFUNC && !binding->undefined) {
		if (addend)
			return (struct target){ TARGET_TYPE, 0, NULL };
		return placed_target(binding->provider, binding->value, 0, TARGET_IFUNC);
	}
	/* ld.so adds the load bias even to a local symbol that is undefined, and moving the object does not
	 * move that symbol: no one value is right. */
	if (binding->result == BINDING_SELF && binding->undefined)
		return (struct target){ TARGET_TYPE, 0, NULL };
	if (binding->absolute)
		return (struct target){ TARGET_VALUE, binding->value + addend, NULL };
	return placed_target(binding->provider, binding->value, addend, TARGET_VALUE);
}

struct target binding_target(const struct bind_object *by, const struct binding *binding)
{
	switch (binding->kind) {
	case RELOC_COPY:
		return (struct target){ TARGET_COPY, 0, NULL };
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_TP:
	case RELOC_TLSDESC:
		return (struct target){ TARGET_TLS, 0, NULL };
	case RELOC_IRELATIVE:
		return placed_target(by, binding->addend, 0, TARGET_IFUNC);
	case RELOC_GLOB_DAT:
	case RELOC_JUMP_SLOT:
		/* Some machines add the addend, some do not; no linker writes one. */
		if (binding->addend)
			return (struct target){ TARGET_TYPE, 0, NULL };
		return symbol_target(binding);
	case RELOC_WORD:
		return symbol_target(binding);
	default:
		return (struct target){ TARGET_TYPE, 0, NULL };
	}
}

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
		if (target.kind != TARGET_VALUE || (binding->plt && stubs && binding->kind != RELOC_IRELATIVE) ||
		    (!binding->rela && (binding->kind == RELOC_WORD || binding->kind == RELOC_IRELATIVE)))
			continue;
		by->fill[by->fill_count++] =
			(struct fill){ bind_place(by->object, binding->address), target.value };
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
	const struct bind_object *by = opened_before(bind, object->index);
	uint64_t offset;

	if (!by)
		return 0;
	for (size_t i = 0; i < by->fill_count; i++) {
		if (!elf_image_offset(image, by->fill[i].address, elf_word_size(image), &offset))
			return diag_error(object->path, "filling in bound values: the relocation at 0x%llx is "
					  "outside the file; the file is damaged",
					  (unsigned long long)by->fill[i].address);
		elf_put_word(image, offset, by->fill[i].value);
	}
	return by->fill_count;
}
