/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening objects; see opened.h. */
#include "bind/opened.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bind/own_libc.h"
#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "mapfault.h"
#include "resident.h"
#include "same_file.h"

/* Bytes of files that are mapped before it is asked how much of them is in memory. */
enum { ASK_AFTER = 16 << 20 };

static struct bind_object unusable;

struct opened *opened_new(const struct root *root)
{
	struct opened *opened = xcalloc(1, sizeof *opened);

	opened->root = root;
	opened->asked = asked_new();
	opened->definers = definers_new();
	pthread_mutex_init(&opened->lock, NULL);
	pthread_cond_init(&opened->bound, NULL);
	return opened;
}

static void close_object(struct bind_object *object)
{
	if (object == &unusable)
		return;
	symbols_release(&object->symbols);
	elf_image_release(&object->image);
	free(object->shadows.item);
	free(object->name);
	free(object->bound);
	free(object);
}

void opened_free(struct opened *opened)
{
	for (size_t i = 0; i < opened->object_count; i++)
		if (opened->object[i])
			close_object(opened->object[i]);
	asked_free(opened->asked);
	pthread_mutex_destroy(&opened->lock);
	pthread_cond_destroy(&opened->bound);
	definers_free(opened->definers);
	free(opened->indexed);
	free(opened->object);
	free(opened);
}

/* Of ALL objects, or those that were used since the last time.  Other threads may be reading: what they read
 * comes back from the file. */
static void rest(struct opened *opened, bool all)
{
	for (size_t i = 0; i < opened->object_count; i++) {
		struct bind_object *object = opened->object[i];
		if (!object || object == &unusable || (!all && !object->used))
			continue;
		madvise(object->image.data, object->image.size, MADV_DONTNEED);
		object->used = false;
	}
}

void opened_rest(struct opened *opened, bool all)
{
	pthread_mutex_lock(&opened->lock);
	rest(opened, all);
	pthread_mutex_unlock(&opened->lock);
}

void opened_index(struct opened *opened)
{
	pthread_mutex_lock(&opened->lock);
	if (!opened->indexed) {
		definers_sort(opened->definers);
		opened->indexed = xcalloc(opened->object_count + 1, sizeof(struct bind_object *));
		for (size_t i = 0; i < opened->object_count; i++)
			opened->indexed[i] = opened->object[i];
	}
	pthread_mutex_unlock(&opened->lock);
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
	if (dynamic == 0 && symbols_load(&object->symbols, &object->image, &object->dynamic) == 0) {
		if (object->object->arch && object->object->arch->options_tag)
			object->options = dynamic_value(&object->dynamic, &object->image,
							object->object->arch->options_tag);
		return 0;
	}
	elf_image_release(&object->image);
	return -1;
}

/* The place of the object with that INDEX. */
static struct bind_object **object_place(struct opened *opened, size_t index)
{
	ALLOC_REACH(opened->object, index, opened->object_count);
	return &opened->object[index];
}

/* False where it cannot be read, or its file was made shorter since it was mapped, which was said. */
static bool is_whole(const struct bind_object *object)
{
	return object != &unusable && !mapfault_in(object->image.data, object->image.size);
}

static struct bind_object *open_object(struct opened *opened, struct object *object)
{
	if (object->unreadable)
		return &unusable;
	struct bind_object *new = xcalloc(1, sizeof *new);

	new->object = object;
	if (map_object(opened->root, new)) {
		free(new);
		return &unusable;
	}
	if (!is_whole(new)) {
		close_object(new);
		return &unusable;
	}
	uint64_t flags = new->dynamic.value[DT_FLAGS];
	new->own_libc = own_libc_is(&new->image);
	new->symbolic = new->dynamic.has[DT_SYMBOLIC] || (flags & DF_SYMBOLIC);
	new->bind_now = new->dynamic.has[DT_BIND_NOW] || (flags & DF_BIND_NOW) ||
			(new->dynamic.flags_1 &DF_1_NOW);
	new->name = xcalloc(new->symbols.count + 1, sizeof *new->name);
	new->asked = opened->asked;
	new->name_bytes = 4 * new->symbols.strings_size + LIMIT_STRING;
	definers_add(opened->definers, object->index, &new->symbols);
	opened->mapped += new->image.size;
	if (opened->mapped > ASK_AFTER) {
		opened->mapped = 0;
		if (resident_is_much())
			rest(opened, false);
	}
	return new;
}

struct bind_object *opened_open(struct opened *opened, struct object *object)
{
	pthread_mutex_lock(&opened->lock);
	struct bind_object **place = object_place(opened, object->index);
	if (!*place)
		*place = open_object(opened, object);
	struct bind_object *found = *place;
	found->used = true;
	pthread_mutex_unlock(&opened->lock);
	return is_whole(found) ? found : NULL;
}

struct bind_object *opened_find(struct opened *opened, size_t index)
{
	pthread_mutex_lock(&opened->lock);
	struct bind_object *found = index < opened->object_count ? opened->object[index] : NULL;
	pthread_mutex_unlock(&opened->lock);
	return found && is_whole(found) ? found : NULL;
}
