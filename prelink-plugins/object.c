/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of objects; see object.h. */
#include "object.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static int compare_inodes(const void *a, const void *b)
{
	const struct stat *left = &((const struct object *)a)->st, *right = &((const struct object *)b)->st;

	if (left->st_ino != right->st_ino)
		return left->st_ino < right->st_ino ? -1 : 1;
	return (left->st_dev > right->st_dev) - (left->st_dev < right->st_dev);
}

void object_table_init(struct object_table *table)
{
	*table = (struct object_table){ 0 };
	pthread_mutex_init(&table->lock, NULL);
}

static void free_nothing(void *node)
{
	(void)node;
}

void object_table_release(struct object_table *table)
{
	tdestroy(table->inodes, free_nothing);
	for (size_t i = 0; i < table->count; i++)
		object_release(table->object[i]);
	free(table->object);
	for (size_t i = 0; i < table->kept_count; i++)
		free(table->kept[i]);
	free(table->kept);
	pthread_mutex_destroy(&table->lock);
	*table = (struct object_table){ 0 };
}

struct object *object_table_find(struct object_table *table, dev_t dev, ino_t ino)
{
	struct object key = { .st = { .st_dev = dev, .st_ino = ino } };

	pthread_mutex_lock(&table->lock);
	struct object **found = tfind(&key, &table->inodes, compare_inodes);
	struct object *object = found ? *found : NULL;
	pthread_mutex_unlock(&table->lock);
	return object;
}

void object_set_path(struct object *object, const struct root *root, const char *path)
{
	object->shown = root_outside(root, path);
	object->path = object->shown + strlen(root->path);
}

void object_leave(struct object *object, enum object_skip skip)
{
	if (object->skip == SKIP_NOT)
		object->skip = skip;
}

/* Moves the names of OBJECT, which is the same file as KEPT, to that one. */
static void merge(struct object *kept, struct object *object)
{
	for (size_t i = 0; i < object->names.count; i++)
		path_list_add(&kept->names, object->names.path[i]);
	if (strcmp(object->path, kept->path) < 0) {
		char *path = kept->path, *shown = kept->shown;

		kept->path = object->path;
		kept->shown = object->shown;
		object->path = path;
		object->shown = shown;
	}
	kept->listed |= object->listed;
	kept->named |= object->named;
	if (object->skip && (!kept->skip || object->skip < kept->skip))
		kept->skip = object->skip;
}

struct object *object_table_add(struct object_table *table, struct object *object)
{
	pthread_mutex_lock(&table->lock);
	struct object **found = tsearch(object, &table->inodes, compare_inodes);
	if (found && *found != object) {
		merge(*found, object);
		object_release(object);
		object = *found;
	} else {
		ALLOC_NEXT(table->object, table->count);
		object->index = table->count;
		table->object[table->count++] = object;
	}
	pthread_mutex_unlock(&table->lock);
	return object;
}

int object_compare_paths(const void *a, const void *b)
{
	return strcmp((*(struct object *const *)a)->path, (*(struct object *const *)b)->path);
}

static int compare_with_path(const void *key, const void *element)
{
	return strcmp(key, (*(struct object *const *)element)->path);
}

struct object *object_find_path(struct object *const *sorted, size_t count, const char *path)
{
	struct object *const *found =
		count ? bsearch(path, sorted, count, sizeof(struct object *), compare_with_path) : NULL;

	return found ? *found : NULL;
}

static void want_all(const struct object_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->member[i]->wanted = true;
}

void object_table_want(struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];

		if (!object->listed)
			continue;
		object->wanted = true;
		want_all(&object->scope);
		for (size_t j = 0; j < object->plugin_count; j++)
			want_all(&object->plugin[j].scope);
	}
}

void object_table_sort(struct object_table *table)
{
	if (table->count)
		qsort(table->object, table->count, sizeof(struct object *), object_compare_paths);
	for (size_t i = 0; i < table->count; i++) {
		table->object[i]->index = i;
		path_list_sort(&table->object[i]->names);
	}
}

void object_table_keep(struct object_table *table, void *memory)
{
	ALLOC_NEXT(table->kept, table->kept_count);
	table->kept[table->kept_count++] = memory;
}

static bool is_to_rewrite(const struct object *object)
{
	return object->wanted && object->skip == SKIP_NOT && object->outcome == OUTCOME_NONE;
}

bool object_is_listed(const struct object *object)
{
	return object->listed;
}

bool object_is_library_to_rewrite(const struct object *object)
{
	return is_to_rewrite(object) && object->kind == OBJECT_LIBRARY && object->has_slot;
}

bool object_is_loader_to_rewrite(const struct object *object)
{
	return is_to_rewrite(object) && object->kind == OBJECT_LOADER && object_moves(object);
}

bool object_is_program_to_rewrite(const struct object *object)
{
	return is_to_rewrite(object) && object_is_program(object);
}

bool object_is_to_undo(const struct object *object)
{
	return object->listed && (object->prelinked || object->remains);
}

struct object_list object_table_select(const struct object_table *table,
				       bool (*is)(const struct object *object))
{
	struct object_list list = { 0 };

	for (size_t i = 0; i < table->count; i++)
		if (is(table->object[i]))
			object_list_add(&list, table->object[i]);
	return list;
}

void object_release(struct object *object)
{
	free(object->shown);
	path_list_release(&object->names);
	free(object->interp);
	free(object->soname);
	free(object->found);
	free(object->rpath);
	free(object->library_path);
	free(object->runpath);
	for (size_t i = 0; i < object->needed_count; i++)
		free(object->needed[i].name);
	free(object->needed);
	plugin_list_release(&object->plugins);
	free(object->scope.member);
	free(object->plugin);
	free(object->missing);
	free(object->no_plan);
	free(object);
}

const char *object_kind_text(enum object_kind kind)
{
	static const char *const text[] = { "library", "pie", "exec", "loader" };

	return text[kind];
}

const char *object_skip_text(enum object_skip skip)
{
	static const char *const text[SKIP_COUNT] = {
		[SKIP_NOT] = "not skipped",
		[SKIP_SETID] = "set-user-id, set-group-id or has file capabilities",
		[SKIP_WRITABLE_DIR] = "its directory can be written by others",
		[SKIP_IMMUTABLE] = "immutable or append-only, or its directory is (chattr)",
		[SKIP_DEBUG_INFO] = "holds debugging information that would be wrong after a move",
		[SKIP_RELOCATION] = "has relocations that cannot be moved",
		[SKIP_TRAILING_DATA] = "data follows the end of the ELF file",
		[SKIP_NO_SECTIONS] = "has no section headers to keep the original's record in",
		[SKIP_LAYOUT_FULL] = "no room left in the address range",
		[SKIP_BLACKLISTED] = "blacklisted",
		[SKIP_MALFORMED] = "malformed",
		[SKIP_OTHER_MACHINE] = "of a machine that is not supported",
		[SKIP_NO_SLOTS] = "there are no slots on its machine, which only a store serves",
		[SKIP_LOADER] = "the dynamic linker itself",
		[SKIP_MISSING] = "a dependency cannot be found",
		[SKIP_NO_ROOM] = "its program headers cannot be given more room",
		[SKIP_LIMIT] =
			"takes more addresses, or needs more objects or directories, than prelink allows",
		[SKIP_SIGNED] = "signed (security.ima, security.evm)",
		[SKIP_NOT_OURS] = "belongs to another user",
		[SKIP_OTHERS] =
			"another prelink prelinked it, whose -u gives it back, as does its package installed again",
		[SKIP_UNENDED] =
			"its dynamic section has no end of its own (linked with --spare-dynamic-tags=0)",
		[SKIP_SELF_CHECKED] = "its bytes are compared with a digest when it is loaded",
	};

	return skip < SKIP_COUNT && text[skip] ? text[skip] : "skipped";
}

const char *object_skip_cure(enum object_skip skip)
{
	static const char *const text[SKIP_COUNT] = {
		[SKIP_WRITABLE_DIR] = "--with-unsafe takes it all the same",
		[SKIP_SIGNED] = "--with-unsafe takes it all the same",
		[SKIP_IMMUTABLE] = "chattr -i -a makes it one that can be replaced",
		[SKIP_DEBUG_INFO] = "strip it, or name the file without debugging information",
		[SKIP_UNENDED] = "link it again without that option",
		[SKIP_NO_SLOTS] = "name it with --store",
		[SKIP_NOT_OURS] = "prelink-run starts programs fast and changes no file, root can prelink it",
	};

	return skip < SKIP_COUNT ? text[skip] : NULL;
}

void object_list_add(struct object_list *list, struct object *object)
{
	ALLOC_NEXT(list->member, list->count);
	list->member[list->count++] = object;
}

bool object_list_has(const struct object_list *list, const struct object *object)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->member[i] == object)
			return true;
	return false;
}
