/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolving relocations; see bind.h. */
#include "bind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "diag.h"

/* What a reference asks for: the same number for the same name and version, whoever asks. */
struct wanted {
	const char *name;                     /* into some object's image */
	const struct symbol_version *version; /* of some object; NULL for none */
	uint32_t gnu_hash;                    /* of name */
};

struct bind {
	const struct root *root;
	struct bind_object **object; /* by object->index; NULL where not met, &unusable where not readable */
	size_t object_count;
	struct wanted *wanted;       /* by number; 0 is unused */
	uint32_t wanted_count, wanted_room;
	uint32_t *bucket;            /* open addressing: numbers, 0 for a free place */
	uint32_t bucket_mask;
};

/* What a searchlist remembers of one number, for one class: which symbol of which member. */
struct memo {
	uint32_t serial; /* the searchlist's, when this was found out */
	uint32_t member; /* index in the searchlist; for the unique table in that of the process */
	uint32_t symbol; /* 0: nobody defines it */
};

static struct bind_object unusable;

struct bind *bind_new(const struct root *root)
{
	struct bind *bind = xcalloc(1, sizeof *bind);

	bind->root = root;
	bind->wanted_count = 1;
	return bind;
}

static void close_object(struct bind_object *object)
{
	if (object == &unusable)
		return;
	symbols_release(&object->symbols);
	elf_image_release(&object->image);
	free(object->name);
	free(object);
}

void bind_free(struct bind *bind)
{
	if (!bind)
		return;
	for (size_t i = 0; i < bind->object_count; i++)
		if (bind->object[i])
			close_object(bind->object[i]);
	free(bind->object);
	free(bind->wanted);
	free(bind->bucket);
	free(bind);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int map_object(struct bind *bind, struct bind_object *object)
{
	const char *path = object->object->path;
	struct stat st;
	int fd = root_open(bind->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
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
		diag_error(path, "binding its symbols: it has no dynamic section; link it dynamically, or leave "
			   "it out");
	if (dynamic == 0 && symbols_load(&object->symbols, &object->image, &object->dynamic) == 0)
		return 0;
	elf_image_release(&object->image);
	return -1;
}

struct bind_object *bind_open(struct bind *bind, struct object *object)
{
	if (object->index >= bind->object_count) {
		size_t count = 2 * object->index + 64;
		bind->object = xreallocarray(bind->object, count, sizeof *bind->object);
		memset(bind->object + bind->object_count, 0,
		       (count - bind->object_count) * sizeof *bind->object);
		bind->object_count = count;
	}
	struct bind_object **place = &bind->object[object->index];
	if (*place)
		return *place == &unusable ? NULL : *place;
	struct bind_object *opened = xcalloc(1, sizeof *opened);
	opened->object = object;
	if (map_object(bind, opened)) {
		free(opened);
		*place = &unusable;
		return NULL;
	}
	uint64_t flags = opened->dynamic.value[DT_FLAGS];
	opened->symbolic = opened->dynamic.has[DT_SYMBOLIC] || (flags & DF_SYMBOLIC);
	opened->bind_now = opened->dynamic.has[DT_BIND_NOW] || (flags & DF_BIND_NOW) ||
			   (opened->dynamic.flags_1 & DF_1_NOW);
	opened->name = xcalloc(opened->symbols.count + 1, sizeof *opened->name);
	*place = opened;
	return opened;
}

/* Numbers. */

static bool same_version(const struct symbol_version *a, const struct symbol_version *b)
{
	if (a == b)
		return true;
	return a && b && a->hash == b->hash && a->hidden == b->hidden && strcmp(a->name, b->name) == 0;
}

static uint32_t wanted_hash(const struct wanted *wanted)
{
	uint32_t hash = wanted->gnu_hash;

	if (wanted->version)
		hash ^= (wanted->version->hash + wanted->version->hidden) * 0x9e3779b1u;
	return hash ^ hash >> 15;
}

static void grow_buckets(struct bind *bind)
{
	uint32_t mask = bind->bucket_mask ? 2 * bind->bucket_mask + 1 : (1 << 14) - 1;

	free(bind->bucket);
	bind->bucket = xcalloc(mask + 1ul, sizeof *bind->bucket);
	bind->bucket_mask = mask;
	for (uint32_t number = 1; number < bind->wanted_count; number++) {
		uint32_t at = wanted_hash(&bind->wanted[number]) & mask;
		while (bind->bucket[at])
			at = (at + 1) & mask;
		bind->bucket[at] = number;
	}
}

static uint32_t number_of(struct bind *bind, const char *name, const struct symbol_version *version)
{
	struct wanted wanted = { name, version, symbol_gnu_hash(name) };

	if (bind->wanted_count > bind->bucket_mask / 2)
		grow_buckets(bind);
	uint32_t at = wanted_hash(&wanted) & bind->bucket_mask;
	for (; bind->bucket[at]; at = (at + 1) & bind->bucket_mask) {
		const struct wanted *old = &bind->wanted[bind->bucket[at]];
		if (old->gnu_hash == wanted.gnu_hash && same_version(old->version, version) &&
		    strcmp(old->name, name) == 0)
			return bind->bucket[at];
	}
	if (bind->wanted_count >= bind->wanted_room) {
		bind->wanted_room = bind->wanted_room ? 2 * bind->wanted_room : 8192;
		bind->wanted = xreallocarray(bind->wanted, bind->wanted_room, sizeof *bind->wanted);
	}
	bind->bucket[at] = bind->wanted_count;
	bind->wanted[bind->wanted_count] = wanted;
	return bind->wanted_count++;
}

static uint32_t reference_number(struct bind *bind, struct bind_object *by, uint32_t symbol,
				 const GElf_Sym *sym)
{
	if (!by->name[symbol])
		by->name[symbol] = number_of(bind, symbols_string(&by->symbols, sym->st_name),
					     symbols_reference(&by->symbols, symbol));
	return by->name[symbol];
}

/* Searchlists. */

int searchlist_set(struct searchlist *list, struct bind *bind, const struct object_list *objects,
		   const struct object *executable)
{
	int result = 0;

	list->member = xreallocarray(list->member, objects->count + 1, sizeof *list->member);
	list->count = 0;
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
		memset(list->unique, 0, list->memo_size * sizeof *list->unique);
		list->serial = 1;
	}
	return result;
}

void searchlist_release(struct searchlist *list)
{
	free(list->member);
	free(list->memo);
	free(list->unique);
	*list = (struct searchlist){ 0 };
}

/* Numbers are handed out while a list is in use. */
static void make_room(struct searchlist *list, uint32_t number)
{
	if (number < list->memo_size)
		return;
	size_t size = 2 * (size_t)number + 4096;
	list->memo = xreallocarray(list->memo, 2 * size, sizeof *list->memo);
	memset(list->memo + 2 * list->memo_size, 0, 2 * (size - list->memo_size) * sizeof *list->memo);
	list->unique = xreallocarray(list->unique, size, sizeof *list->unique);
	memset(list->unique + list->memo_size, 0, (size - list->memo_size) * sizeof *list->unique);
	list->memo_size = size;
}

static struct memo walk(const struct bind *bind, const struct searchlist *list, uint32_t number,
			enum symbol_class class)
{
	const struct wanted *wanted = &bind->wanted[number];
	struct symbol_query query = { wanted->name, wanted->gnu_hash, wanted->version, class };
	struct memo found = { list->serial, 0, 0 };
	GElf_Sym sym;

	for (size_t i = 0; i < list->count; i++) {
		const struct bind_object *member = list->member[i];
		if ((class & SYMBOL_COPY) && member->object == list->executable)
			continue;
		found.symbol = symbols_find(&member->symbols, &query, &sym);
		if (found.symbol) {
			found.member = i;
			break;
		}
	}
	return found;
}

/* The first definition in LIST; its `symbol` is 0 where there is none. */
static struct memo search_list(const struct bind *bind, struct searchlist *list, uint32_t number,
			       enum symbol_class class)
{
	if (class & SYMBOL_COPY)
		return walk(bind, list, number, class);
	make_room(list, number);
	struct memo *memo = &list->memo[2 * number + class];
	if (memo->serial != list->serial)
		*memo = walk(bind, list, number, class);
	return *memo;
}

/* One reference on its way through a scope. */
struct lookup {
	struct bind *bind;
	const struct bind_scope *scope;
	struct bind_object *by; /* whose relocation it is */
	uint32_t number;
	enum symbol_class class;
	struct bind_object *provider; /* what was found; NULL for nothing */
	uint32_t definition;
	GElf_Sym sym;
};

static bool lookup_in(struct lookup *lookup, struct searchlist *list)
{
	if (!list)
		return false;
	struct memo memo = search_list(lookup->bind, list, lookup->number, lookup->class);
	if (!memo.symbol)
		return false;
	lookup->provider = list->member[memo.member];
	lookup->definition = memo.symbol;
	symbols_get(&lookup->provider->symbols, memo.symbol, &lookup->sym);
	return true;
}

/* DT_SYMBOLIC puts the object itself in front of its scope, but the main program's. */
static bool lookup_in_self(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;
	const struct bind_object *by = lookup->by;

	if (!by->symbolic || scope->deepbind || (scope->global && scope->global->executable == by->object))
		return false;
	const struct wanted *wanted = &lookup->bind->wanted[lookup->number];
	struct symbol_query query = { wanted->name, wanted->gnu_hash, wanted->version, lookup->class };
	lookup->definition = symbols_find(&by->symbols, &query, &lookup->sym);
	lookup->provider = lookup->definition ? lookup->by : NULL;
	return lookup->definition != 0;
}

/* do_lookup_x over all lists of the scope, but for what it does about unique symbols. */
static bool lookup_scope(struct lookup *lookup)
{
	const struct bind_scope *scope = lookup->scope;

	lookup->provider = NULL;
	if (scope->deepbind)
		return lookup_in(lookup, scope->local) || lookup_in(lookup, scope->global);
	return lookup_in_self(lookup) || lookup_in(lookup, scope->global) || lookup_in(lookup, scope->local);
}

/* STB_GNU_UNIQUE: one definition of the name for the whole process, the first that anybody was bound to; a
 * COPY relocation makes the executable's copy that one.  glibc's do_lookup_unique. */
static void lookup_unique(struct lookup *lookup, uint32_t reference)
{
	struct bind *bind = lookup->bind;
	struct searchlist *process = lookup->scope->global ? lookup->scope->global : lookup->scope->local;
	uint32_t number = number_of(bind, bind->wanted[lookup->number].name, NULL);
	struct memo *unique;

	make_room(process, number);
	unique = &process->unique[number];
	if (unique->serial != process->serial) {
		bool copy = lookup->class & SYMBOL_COPY;
		const struct bind_object *owner = copy ? lookup->by : lookup->provider;
		*unique = (struct memo){ process->serial, owner->object->index,
					 copy ? reference : lookup->definition };
	} else if (!(lookup->class & SYMBOL_COPY)) {
		lookup->provider = bind->object[unique->member];
		lookup->definition = unique->symbol;
		symbols_get(&lookup->provider->symbols, unique->symbol, &lookup->sym);
	}
}

/* A reference that is protected is the object's own, unless everybody agrees on it anyway; see the end of
 * _dl_lookup_symbol_x. */
static void lookup_protected(struct lookup *lookup, uint32_t reference, const GElf_Sym *ref)
{
	struct lookup call = *lookup;

	if (lookup->class != SYMBOL_PLT) {
		call.class = SYMBOL_PLT;
		if (!lookup_scope(&call))
			return;
	}
	if (call.provider == lookup->by)
		return;
	lookup->provider = lookup->by;
	lookup->definition = reference;
	lookup->sym = *ref;
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

static void set_definition(struct binding *binding, enum binding_result result, struct bind_object *provider,
			   uint32_t definition, const GElf_Sym *sym)
{
	binding->result = result;
	binding->provider = provider;
	binding->definition = definition;
	binding->sym_type = GELF_ST_TYPE(sym->st_info);
	binding->sym_bind = GELF_ST_BIND(sym->st_info);
	binding->absolute = sym->st_shndx == SHN_ABS;
	binding->value = sym->st_value;
}

static void resolve(struct bind *bind, struct bind_object *by, const struct bind_scope *scope,
		    struct binding *binding)
{
	GElf_Sym ref = { 0 };

	if (binding->symbol < by->symbols.count) /* else there is no symbol table at all, and 0 is meant */
		symbols_get(&by->symbols, binding->symbol, &ref);
	binding->protected = GELF_ST_VISIBILITY(ref.st_other) == STV_PROTECTED;
	if (GELF_ST_BIND(ref.st_info) == STB_LOCAL || symbol_binds_locally(&ref)) {
		set_definition(binding, BINDING_SELF, by, binding->symbol, &ref);
		return;
	}
	struct lookup lookup = { .bind = bind, .scope = scope, .by = by, .class = class_of(binding->kind) };
	lookup.number = reference_number(bind, by, binding->symbol, &ref);
	if (!lookup_scope(&lookup)) {
		binding->result = GELF_ST_BIND(ref.st_info) == STB_WEAK ? BINDING_ZERO : BINDING_UNDEFINED;
		return;
	}
	if (GELF_ST_BIND(lookup.sym.st_info) == STB_GNU_UNIQUE)
		lookup_unique(&lookup, binding->symbol);
	if (binding->protected)
		lookup_protected(&lookup, binding->symbol, &ref);
	set_definition(binding, BINDING_FOUND, lookup.provider, lookup.definition, &lookup.sym);
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

static bool names_symbol(enum reloc_kind kind)
{
	return kind != RELOC_NONE && kind != RELOC_RELATIVE && kind != RELOC_IRELATIVE;
}

static void bind_table(struct bind *bind, struct bind_object *by, const struct bind_scope *scope,
		       const struct table *table, bool rela, bool plt, struct binding_list *list)
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
		const struct binding *before = list->count > 1 ? binding - 1 : NULL;
		uint32_t symbol = GELF_R_SYM(reloc.r_info);
		bool again = before && before->symbol == symbol && before->result != BINDING_NONE &&
			     names_symbol(kind) && class_of(before->kind) == class_of(kind);
		if (again) /* ld.so's l_lookup_cache; here it saves the lookup */
			*binding = *before;
		binding->address = reloc.r_offset;
		binding->addend = reloc.r_addend;
		binding->type = GELF_R_TYPE(reloc.r_info);
		binding->symbol = symbol;
		binding->kind = kind;
		binding->plt = plt;
		if (names_symbol(kind) && !again)
			resolve(bind, by, scope, binding);
	}
}

int bind_object(struct bind *bind, struct object *object, const struct bind_scope *scope,
		struct binding_list *list)
{
	struct bind_object *by = bind_open(bind, object);

	list->count = list->relative = 0;
	if (!by)
		return -1;
	if (!object->arch)
		return diag_error(object->path, "binding its symbols: no table for its machine; leave it out");
	bind_table(bind, by, scope, &by->dynamic.rel, false, false, list);
	bind_table(bind, by, scope, &by->dynamic.rela, true, false, list);
	bind_table(bind, by, scope, &by->dynamic.jmprel, by->dynamic.jmprel_is_rela, true, list);
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
