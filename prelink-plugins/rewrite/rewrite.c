/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing rewritten objects and taking them back; see rewrite.h. */
#include "rewrite/rewrite.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "diag.h"
#include "elf_copy.h"
#include "outfile.h"
#include "rebase/page_end.h"
#include "threads.h"

/* ---- Reading ---- */

int object_open(const struct root *root, const struct object *object, size_t max, struct elf_image *image)
{
	struct stat st;
	char *path = root_outside(root, object->path);
	int fd = root_open(root, object->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		diag_errno(path, "opening it to rewrite it");
	else if (fstat(fd, &st))
		diag_errno(path, "reading its size");
	else if (st.st_dev != object->st.st_dev || st.st_ino != object->st.st_ino ||
		 st.st_size != object->st.st_size || st.st_mtim.tv_sec != object->st.st_mtim.tv_sec ||
		 st.st_mtim.tv_nsec != object->st.st_mtim.tv_nsec)
		diag_error(path, "opening it to rewrite it: somebody else changed it meanwhile; run again");
	else if (elf_image_read(image, fd, path, max) == ELF_IMAGE_OK)
		return fd;
	if (fd >= 0)
		close(fd);
	free(path);
	return -1;
}

void object_close(struct elf_image *image, int fd)
{
	char *path = (char *)(uintptr_t)image->path;

	elf_image_release(image);
	free(path);
	close(fd);
}

int original_init(struct elf_image *original, const struct elf_image *present, int fd)
{
	if (elf_image_clone(original, present, fd, 0, 0, false))
		return -1;
	if (undo_present(present) && undo_image(original)) {
		elf_image_release(original);
		return -1;
	}
	return 0;
}

/* ---- Rewriting in memory ---- */

/* What DT_GNU_PRELINKED says: when the original was made, in seconds, so that the result depends on the
 * file alone; reproducible builds have no time after SOURCE_DATE_EPOCH. */
static uint64_t stamp_time(const struct object *object)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t mtime = object->st.st_mtim.tv_sec > 0 ? (uint64_t)object->st.st_mtim.tv_sec : 1;

	if (epoch && *epoch) {
		char *end;
		uint64_t limit = strtoull(epoch, &end, 10);

		if (*end == '\0' && limit > 0 && limit < mtime)
			return limit;
	}
	return mtime;
}

/* Puts DT_GNU_PRELINKED and DT_CHECKSUM (its value comes with the undo record) into IMAGE's dynamic
 * section: over the same tags, or into two spare entries after the last.  What a DT_NULL entry holds but for
 * its tag means nothing (gABI): where there is no room for the tags, as lld leaves none, both are in the
 * first one of those, for our module to see.  It has room for them in ELFCLASS64; elsewhere the object goes
 * unstamped.  Only libraries are known by a stamp. */
static int stamp(struct elf_image *image, uint64_t time, struct undo *undo)
{
	const int64_t tags[2] = { DT_GNU_PRELINKED, DT_CHECKSUM };
	const uint64_t values[2] = { time, 0 };
	size_t place[2], step = elf_dyn_size(image);
	struct dynamic dynamic;

	if (dynamic_init(&dynamic, image))
		return -1;
	size_t next = dynamic.count;

	for (size_t i = 0; i < 2; i++) {
		place[i] = next;
		for (size_t j = 0; j < dynamic.count; j++) {
			GElf_Dyn entry;

			dynamic_entry(&dynamic, image, j, &entry);
			if (entry.d_tag == tags[i])
				place[i] = j;
		}
		next += place[i] == next;
	}
	if (next - dynamic.count > dynamic.spare) {
		undo->stamped_null = image->is64 && dynamic.null == 0 && time <= UINT32_MAX;
		if (undo->stamped_null)
			elf_put64(image, dynamic.offset + dynamic.count * step + step / 2, time << 32);
		return 0;
	}
	for (size_t i = 0; i < 2; i++) {
		GElf_Dyn entry = { .d_tag = tags[i], .d_un.d_val = values[i] };

		elf_put_dyn(image, dynamic.offset + place[i] * step, &entry);
	}
	return 0;
}

/* Lowest address of IMAGE's segments, rounded down as struct object's `start` is. */
static GElf_Addr image_start(const struct elf_image *image)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD)
			return p->p_align > 1 ? p->p_vaddr - p->p_vaddr % p->p_align : p->p_vaddr;
	}
	return 0;
}

static enum object_skip move_library(const struct rewrite *rewrite, const struct object *object,
				     struct elf_image *image, struct undo *undo, const char **why)
{
	struct rebase rebase = {
		.delta = (int64_t)(object->slot - image_start(image)),
		.fill = true,
	};
	enum object_skip skip = rebase_image(image, undo->arch, &rebase, &undo->words);

	*why = rebase.why;
	if (skip)
		return skip;
	undo->delta = rebase.delta;
	undo->fill = undo->arch->rela;
	if (rewrite->fill && rewrite->fill(rewrite->context, object, image))
		return SKIP_MALFORMED;
	return SKIP_NOT;
}

/* Bytes of memory before a program's copy, which the room for its plan seldom exceeds (elf_image_grow()). */
enum { FRONT = 1 << 20 };

/* Makes COPY what ORIGINAL, the file FD, is, with ROOM bytes of zeros behind it. */
static int clone_with_room(struct elf_image *copy, const struct elf_image *original, int fd, uint64_t room,
			   bool program)
{
	if (elf_image_clone(copy, original, fd, program ? FRONT : 0, room,
			    program && original->memory.shared))
		return -1;
	memset(copy->data + copy->size, 0, room);
	elf_touch(copy, copy->size, room);
	copy->size += room;
	return 0;
}

enum object_skip rewrite_image(const struct rewrite *rewrite, const struct object *object,
			       const struct elf_image *original, int fd, struct elf_image *out, bool *changed,
			       const char **why)
{
	struct undo undo = { .arch = arch_find(original) };
	enum object_skip skip = SKIP_NOT;
	struct page_end end = { 0 };

	*out = (struct elf_image){ 0 };
	*why = NULL;
	*changed = true;
	if (!undo.arch)
		return SKIP_OTHER_MACHINE;
	if (elf_image_extent(original) < original->size)
		return SKIP_TRAILING_DATA;
	if (elf_image_find_section(original, UNDO_SECTION)) {
		*why = "prelinked by another program, with which it has to be undone first";
		return SKIP_MALFORMED;
	}
	if (object->kind == OBJECT_LIBRARY)
		page_end_find(original, &end);
	if (clone_with_room(out, original, fd, end.room, !object_moves(object)))
		return SKIP_MALFORMED;
	if (object_moves(object)) {
		skip = move_library(rewrite, object, out, &undo, why);
		if (!skip && object->kind == OBJECT_LIBRARY)
			page_end_fill(out, &end);
	} else if (rewrite->program) {
		skip = rewrite->program(rewrite->context, object, out, &undo, changed);
	} else {
		*changed = false;
	}
	if (!skip && object_moves(object) && stamp(out, stamp_time(object), &undo))
		skip = SKIP_MALFORMED;
	if (!skip && *changed)
		skip = undo_append(out, original, &undo);
	rebase_words_release(&undo.words);
	if (skip || !*changed)
		elf_image_release(out);
	return skip;
}

/* ---- Replacing files ---- */

/* Files that one thread prepares before it commits them together (outfile_commit_all()). */
enum { GROUP = 32 };

/* What the threads share. */
struct work {
	const struct rewrite *rewrite;
	struct object **objects; /* the largest file first, so that no thread is left with one at the end */
	size_t count;
	int (*prepare)(const struct rewrite *rewrite, struct object *object, struct outfile *out);
	enum { WORK_OK = 0, WORK_FAILED } result; /* under lock, as the next two */
	size_t next, done;
	pthread_mutex_t lock;
};

/* What one of them has prepared. */
struct group {
	struct object *object[GROUP];
	struct outfile out[GROUP];
	size_t count;
};

static int write_piece(void *context, const unsigned char *data, size_t size)
{
	return outfile_write(context, data, size);
}

/* Writes IMAGE, which is to replace OBJECT's file, but for committing it.  0, or -1 after a message. */
static int write_new(const struct rewrite *rewrite, const struct object *object, struct outfile *out,
		     const struct elf_image *image)
{
	if (rewrite->dry_run)
		return 0;
	if (outfile_begin(out, rewrite->root, object->path, &object->st))
		return -1;
	if (elf_image_for_each(image, 0, image->size, out, write_piece)) {
		outfile_abandon(out);
		return -1;
	}
	return 0;
}

/* OBJECT is left alone, because of object->skip or since there is nothing to do to it. */
static int leave_alone(const struct rewrite *rewrite, struct object *object, struct outfile *out,
		       const struct elf_image *present, const struct elf_image *original, const char *why)
{
	object->outcome = OUTCOME_NONE;
	if (object->skip == SKIP_MALFORMED) {
		object->outcome = OUTCOME_FAILED;
		return diag_error(present->path, "rewriting it: %s; it is left as it was",
				  why ? why : object_skip_text(object->skip));
	}
	if (object->skip || !undo_present(present))
		return 0;
	/* A program that no longer gains anything. */
	object->outcome = OUTCOME_UNDONE;
	return write_new(rewrite, object, out, original);
}

/* Rewrites OBJECT, whose file is PRESENT, mapped from FD, and whose original is ORIGINAL. */
static int rewrite_present(const struct rewrite *rewrite, struct object *object, struct outfile *out,
			   const struct elf_image *present, const struct elf_image *original, int fd)
{
	struct elf_image new;
	const char *why;
	bool changed;
	int result = 0;

	object->skip = rewrite_image(rewrite, object, original, fd, &new, &changed, &why);
	if (object->skip || !changed)
		return leave_alone(rewrite, object, out, present, original, why);
	if (new.size == present->size && elf_image_same(&new, present, new.size)) {
		object->outcome = OUTCOME_UNCHANGED;
	} else {
		result = write_new(rewrite, object, out, &new);
		object->outcome = OUTCOME_PRELINKED;
	}
	elf_image_release(&new);
	return result;
}

static int prepare_rewrite(const struct rewrite *rewrite, struct object *object, struct outfile *out)
{
	struct elf_image present, undone;
	int result = -1, fd;

	if (object->skip || (!object_is_program(object) && !object_moves(object)))
		return 0;
	fd = object_open(rewrite->root, object, READ_MAX, &present);
	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		result = rewrite_present(rewrite, object, out, &present, &present, fd);
	} else if (original_init(&undone, &present, fd) == 0) {
		result = rewrite_present(rewrite, object, out, &present, &undone, fd);
		elf_image_release(&undone);
	}
	object_close(&present, fd);
	return result;
}

static int prepare_undo(const struct rewrite *rewrite, struct object *object, struct outfile *out)
{
	struct elf_image present;
	int result = -1, fd = object_open(rewrite->root, object, SIZE_MAX, &present);

	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		object->outcome = OUTCOME_UNCHANGED;
		result = 0;
	} else if (undo_image(&present) == 0) {
		result = write_new(rewrite, object, out, &present);
		object->outcome = OUTCOME_UNDONE;
	}
	object_close(&present, fd);
	return result;
}

/* Ends the files of GROUP, all at once.  0, or -1 after a message for each that failed. */
static int commit(struct group *group)
{
	int result = group->count ? outfile_commit_all(group->out, group->count) : 0;

	for (size_t i = 0; i < group->count; i++)
		if (!group->out[i].committed)
			group->object[i]->outcome = OUTCOME_FAILED;
	group->count = 0;
	return result;
}

/* Prepares OBJECT, and commits GROUP where it is full then. */
static int work_on(struct work *work, struct object *object, struct group *group)
{
	struct outfile *out = &group->out[group->count];

	object->outcome = OUTCOME_NONE;
	if (work->prepare(work->rewrite, object, out)) {
		object->outcome = OUTCOME_FAILED;
		return -1;
	}
	if (work->rewrite->dry_run ||
	    (object->outcome != OUTCOME_PRELINKED && object->outcome != OUTCOME_UNDONE))
		return 0;
	group->object[group->count++] = object;
	return group->count == GROUP ? commit(group) : 0;
}

static void work_thread(void *argument)
{
	struct work *work = argument;
	const struct rewrite *rewrite = work->rewrite;
	struct group group = { .count = 0 };
	bool failed = false;

	pthread_mutex_lock(&work->lock);
	while (work->next < work->count) {
		struct object *object = work->objects[work->next++];

		pthread_mutex_unlock(&work->lock);
		failed |= work_on(work, object, &group) != 0;
		pthread_mutex_lock(&work->lock);
		work->done++;
		if (rewrite->progress)
			rewrite->progress(rewrite->context, object, work->done, work->count);
	}
	pthread_mutex_unlock(&work->lock);
	failed |= commit(&group) != 0;
	if (failed) {
		pthread_mutex_lock(&work->lock);
		work->result = WORK_FAILED;
		pthread_mutex_unlock(&work->lock);
	}
}

static int compare_size(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;

	if (x->st.st_size != y->st.st_size)
		return x->st.st_size < y->st.st_size ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int run(const struct rewrite *rewrite, struct object *const *objects, size_t count,
	       int (*prepare)(const struct rewrite *rewrite, struct object *object, struct outfile *out))
{
	struct work work = { .rewrite = rewrite, .count = count, .prepare = prepare };

	work.objects = xreallocarray(NULL, count + 1, sizeof *work.objects);
	if (count)
		memcpy(work.objects, objects, count * sizeof *objects);
	qsort(work.objects, count, sizeof *work.objects, compare_size);
	pthread_mutex_init(&work.lock, NULL);
	threads_run(rewrite->jobs, work_thread, &work);
	pthread_mutex_destroy(&work.lock);
	free(work.objects);
	return work.result == WORK_OK ? 0 : -1;
}

int rewrite_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count)
{
	return run(rewrite, objects, count, prepare_rewrite);
}

int undo_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count)
{
	return run(rewrite, objects, count, prepare_undo);
}
