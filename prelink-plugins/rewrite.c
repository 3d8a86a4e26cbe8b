/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing rewritten objects and taking them back; see rewrite.h. */
#include "rewrite.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "diag.h"
#include "outfile.h"
#include "page_end.h"
#include "threads.h"

/* ---- Reading ---- */

int object_open(const struct root *root, const struct object *object, struct elf_image *image)
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
	else if (elf_image_read(image, fd, path) == ELF_IMAGE_OK)
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
	if (elf_image_clone(original, present, fd, 0))
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
 * section: over the same tags, or into two spare entries after the last.  What a spare one holds but
 * for its tag means nothing.  Without room the object goes unstamped.  Only libraries are known by a
 * stamp. */
static int stamp(struct elf_image *image, uint64_t time)
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
	if (next - dynamic.count > dynamic.spare)
		return 0;
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

/* Makes COPY what ORIGINAL, mapped from FD, is, with ROOM bytes of zeros behind it. */
static int clone_with_room(struct elf_image *copy, const struct elf_image *original, int fd, uint64_t room)
{
	if (elf_image_clone(copy, original, fd, room))
		return -1;
	memset(copy->data + copy->size, 0, room);
	elf_touch(copy, copy->size, room);
	copy->size += room;
	return 0;
}

enum object_skip rewrite_image(const struct rewrite *rewrite, const struct object *object,
			       const struct elf_image *original, int fd, struct rewritten *out, bool *changed,
			       const char **why)
{
	struct undo undo = { .arch = arch_find(original) };
	enum object_skip skip = SKIP_NOT;
	struct page_end end = { 0 };

	*out = (struct rewritten){ 0 };
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
	if (clone_with_room(&out->image, original, fd, end.room))
		return SKIP_MALFORMED;
	if (object_moves(object)) {
		skip = move_library(rewrite, object, &out->image, &undo, why);
		if (!skip && object->kind == OBJECT_LIBRARY)
			page_end_fill(&out->image, &end);
	}
	else if (rewrite->program)
		skip = rewrite->program(rewrite->context, object, &out->image, &undo, changed);
	else
		*changed = false;
	if (!skip && object_moves(object) && stamp(&out->image, stamp_time(object)))
		skip = SKIP_MALFORMED;
	if (!skip && *changed)
		skip = undo_append(&out->image, original, &undo, fd, &out->tail, &out->tail_size);
	rebase_words_release(&undo.words);
	if (skip || !*changed)
		rewritten_release(out);
	return skip;
}

bool rewritten_equals(const struct rewritten *out, const struct elf_image *present)
{
	return out->image.size + out->tail_size == present->size &&
	       elf_image_same(&out->image, present, out->image.size) &&
	       memcmp(out->tail, present->data + out->image.size, out->tail_size) == 0;
}

void rewritten_release(struct rewritten *out)
{
	elf_image_release(&out->image);
	free(out->tail);
	*out = (struct rewritten){ 0 };
}

/* ---- Replacing files ---- */

/* Objects that one thread works on before it commits them together (outfile_commit_all()). */
enum { GROUP = 32 };

/* What the threads share. */
struct work {
	const struct rewrite *rewrite;
	struct object *const *objects;
	size_t count;
	int (*prepare)(const struct rewrite *rewrite, struct object *object, struct outfile *out);
	enum { WORK_OK = 0, WORK_FAILED } result; /* under lock, as the next two */
	size_t next, done;
	pthread_mutex_t lock;
	pthread_mutex_t large; /* held while working on a file that takes much memory */
};

/* Of files that are larger (bytes), one is worked on at a time: several copies of each are in memory. */
enum { LARGE = 16 << 20 };

/* Writes what is to replace OBJECT's file, but for committing it.  0, or -1 after a message. */
static int write_new(const struct rewrite *rewrite, const struct object *object, struct outfile *out,
		     const struct elf_image *image, const void *tail, size_t tail_size)
{
	if (rewrite->dry_run)
		return 0;
	if (outfile_begin(out, rewrite->root, object->path, &object->st))
		return -1;
	if (outfile_write(out, image->data, image->size) ||
	    (tail_size && outfile_write(out, tail, tail_size))) {
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
	return write_new(rewrite, object, out, original, NULL, 0);
}

/* Rewrites OBJECT, whose file is PRESENT, mapped from FD, and whose original is ORIGINAL. */
static int rewrite_present(const struct rewrite *rewrite, struct object *object, struct outfile *out,
			   const struct elf_image *present, const struct elf_image *original, int fd)
{
	struct rewritten new;
	const char *why;
	bool changed;
	int result = 0;

	object->skip = rewrite_image(rewrite, object, original, fd, &new, &changed, &why);
	if (object->skip || !changed)
		return leave_alone(rewrite, object, out, present, original, why);
	if (rewritten_equals(&new, present)) {
		object->outcome = OUTCOME_UNCHANGED;
	} else {
		result = write_new(rewrite, object, out, &new.image, new.tail, new.tail_size);
		object->outcome = OUTCOME_PRELINKED;
	}
	rewritten_release(&new);
	return result;
}

static int prepare_rewrite(const struct rewrite *rewrite, struct object *object, struct outfile *out)
{
	struct elf_image present, undone;
	int result = -1, fd;

	bool program = object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE;

	if (object->skip || (!program && !object_moves(object)))
		return 0;
	fd = object_open(rewrite->root, object, &present);
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
	int result = -1, fd = object_open(rewrite->root, object, &present);

	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		object->outcome = OUTCOME_UNCHANGED;
		result = 0;
	} else if (undo_image(&present) == 0) {
		result = write_new(rewrite, object, out, &present, NULL, 0);
		object->outcome = OUTCOME_UNDONE;
	}
	object_close(&present, fd);
	return result;
}

/* Ends the files that were written for the COUNT objects, all at once. */
static int commit(struct object *const *objects, struct outfile *out, const bool *written, size_t count)
{
	struct outfile files[GROUP];
	size_t place[GROUP], pending = 0;

	for (size_t i = 0; i < count; i++)
		if (written[i]) {
			place[pending] = i;
			files[pending++] = out[i];
		}
	if (pending == 0)
		return 0;
	int result = outfile_commit_all(files, pending);

	for (size_t i = 0; i < pending; i++)
		if (!files[i].committed)
			objects[place[i]]->outcome = OUTCOME_FAILED;
	return result;
}

static int prepare(struct work *work, struct object *object, struct outfile *out)
{
	bool large = object->st.st_size > LARGE;

	if (large)
		pthread_mutex_lock(&work->large);
	int result = work->prepare(work->rewrite, object, out);
	if (large)
		pthread_mutex_unlock(&work->large);
	return result;
}

static void work_on_group(struct work *work, struct object *const *objects, size_t count)
{
	const struct rewrite *rewrite = work->rewrite;
	struct outfile out[GROUP];
	bool written[GROUP], failed = false;

	for (size_t i = 0; i < count; i++) {
		objects[i]->outcome = OUTCOME_NONE;
		bool bad = prepare(work, objects[i], &out[i]) != 0;

		if (bad)
			objects[i]->outcome = OUTCOME_FAILED;
		failed |= bad;
		written[i] = !rewrite->dry_run && (objects[i]->outcome == OUTCOME_PRELINKED ||
						   objects[i]->outcome == OUTCOME_UNDONE);
		pthread_mutex_lock(&work->lock);
		work->done++;
		if (rewrite->progress)
			rewrite->progress(rewrite->context, objects[i], work->done, work->count);
		pthread_mutex_unlock(&work->lock);
	}
	if (commit(objects, out, written, count) || failed) {
		pthread_mutex_lock(&work->lock);
		work->result = WORK_FAILED;
		pthread_mutex_unlock(&work->lock);
	}
}

static void work_thread(void *argument)
{
	struct work *work = argument;

	for (;;) {
		pthread_mutex_lock(&work->lock);
		size_t first = work->next;
		work->next += GROUP;
		pthread_mutex_unlock(&work->lock);
		if (first >= work->count)
			return;
		work_on_group(work, work->objects + first,
			      work->count - first < GROUP ? work->count - first : GROUP);
	}
}

static int run(struct work *work)
{
	pthread_mutex_init(&work->lock, NULL);
	pthread_mutex_init(&work->large, NULL);
	threads_run(work->rewrite->jobs, work_thread, work);
	pthread_mutex_destroy(&work->lock);
	pthread_mutex_destroy(&work->large);
	return work->result == WORK_OK ? 0 : -1;
}

int rewrite_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count)
{
	struct work work = { .rewrite = rewrite, .objects = objects, .count = count,
			     .prepare = prepare_rewrite };

	return run(&work);
}

int undo_objects(const struct rewrite *rewrite, struct object *const *objects, size_t count)
{
	struct work work = { .rewrite = rewrite, .objects = objects, .count = count,
			     .prepare = prepare_undo };

	return run(&work);
}
