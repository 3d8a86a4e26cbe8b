/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replacing files in several threads; see replace.h. */
#include "rewrite/replace.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "elf_copy.h"
#include "mapfault.h"
#include "rewrite/undo.h"
#include "threads.h"

/* Files that one thread prepares before it commits them together (outfile_commit_all()). */
enum { GROUP = 32 };

/* What the threads share. */
struct work {
	struct rewriting *rewriting;
	struct object **objects; /* the largest file first, so that no thread is left with one at the end */
	size_t count;
	replace_prepare *prepare;
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

/* True if OUT has what it should have, of CRC as replace_write() says. */
static bool is_written(const struct outfile *out, const char *path, const uint32_t *crc)
{
	struct elf_image written;

	if (elf_image_open(&written, out->fd, path) != ELF_IMAGE_OK)
		return false;
	bool good = crc                    ? undo_crc(&written) == *crc :
		    undo_present(&written) ? undo_leads_back(&written) :
					     true;

	elf_image_release(&written);
	return good;
}

int replace_write(const struct rewriting *rewriting, const struct object *object, struct outfile *out,
		  const struct elf_image *image, const uint32_t *crc)
{
	if (rewriting->options->dry_run)
		return 0;
	if (outfile_begin(out, rewriting->root, object->path, &object->st))
		return -1;
	int result = elf_image_for_each(image, 0, image->size, out, write_piece);
	if (result == 0 && image->memory.shared && !is_written(out, object->shown, crc))
		result = diag_error(
			object->shown,
			"replacing it: somebody changes the file meanwhile; left alone, run again");
	if (result) {
		outfile_abandon(out);
		return -1;
	}
	return 0;
}

/* GLib takes what a module says of itself from giomodule.cache beside it only while the module was
 * not changed after that (ctime; gio/giomodule.c), and else loads them all at each start.  What
 * MODULE says is what it said. */
static void keep_gio_cache(const struct root *root, const char *module)
{
	char *path = xasprintf("%.*s/giomodule.cache", (int)(strrchr(module, '/') - module), module);
	int fd = root_open(root, path, O_RDONLY);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		const struct timespec times[2] = { st.st_atim, st.st_mtim };

		futimens(fd, times);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}

/* Ends the files of GROUP, all at once.  0, or -1 after a message for each that failed. */
static int commit(const struct root *root, struct group *group)
{
	int result = group->count ? outfile_commit_all(group->out, group->count) : 0;

	for (size_t i = 0; i < group->count; i++)
		if (group->out[i].committed)
			keep_gio_cache(root, group->object[i]->path);
		else
			group->object[i]->outcome = OUTCOME_FAILED;
	group->count = 0;
	return result;
}

/* Times that one file is made, of a large one fewer: whoever makes files shorter and longer again, and their
 * times what they were, does that for ever. */
enum { TRIES = 1000, TRIES_MIN = 3, TRIED_MAX = 1 << 30 /* bytes */ };

static bool may_try(const struct object *object, uint64_t tries)
{
	return tries < TRIES_MIN ||
	       (tries < TRIES && tries * (uint64_t)object->st.st_size < (uint64_t)TRIED_MAX);
}

/* Makes VERDICT OBJECT's own. */
static void make_certain(struct object *object, const struct verdict *verdict)
{
	object->outcome = verdict->outcome;
	object_leave(object, verdict->skip);
	if (verdict->change.asked) {
		free(object->no_plan);
		object->no_plan = verdict->change.no_plan;
	}
}

/* Prepares OBJECT.  What was made of it while some file became zeros, in whatever thread, is thrown away, and
 * made again without that file: so each time one file more is left out. */
static int prepare_whole(struct work *work, struct object *object, struct outfile *out)
{
	for (unsigned i = 0; may_try(object, i); i++) {
		unsigned faults = mapfault_count();
		struct verdict verdict = { .skip = SKIP_NOT };
		int result = work->prepare(work->rewriting, object, out, &verdict);

		if (mapfault_count() == faults) {
			make_certain(object, &verdict);
			return result;
		}
		outfile_abandon(out);
		free(verdict.change.no_plan);
	}
	return diag_error(object->shown,
			  "rewriting it: files become shorter all the time; left alone, run again");
}

/* Prepares OBJECT, and commits GROUP where it is full then. */
static int work_on(struct work *work, struct object *object, struct group *group)
{
	struct outfile *out = &group->out[group->count];

	if (prepare_whole(work, object, out)) {
		object->outcome = OUTCOME_FAILED;
		return -1;
	}
	if (work->rewriting->options->dry_run ||
	    (object->outcome != OUTCOME_PRELINKED && object->outcome != OUTCOME_UNDONE))
		return 0;
	group->object[group->count++] = object;
	return group->count == GROUP ? commit(work->rewriting->root, group) : 0;
}

static void work_thread(void *argument)
{
	struct work *work = argument;
	struct group group = { .count = 0 };
	bool failed = false;

	pthread_mutex_lock(&work->lock);
	while (work->next < work->count) {
		struct object *object = work->objects[work->next++];

		pthread_mutex_unlock(&work->lock);
		failed |= work_on(work, object, &group) != 0;
		pthread_mutex_lock(&work->lock);
		work->done++;
		progress_show(&work->rewriting->progress, object->path, work->done);
	}
	pthread_mutex_unlock(&work->lock);
	failed |= commit(work->rewriting->root, &group) != 0;
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

int replace_files(struct rewriting *rewriting, const struct object_list *list, replace_prepare *prepare,
		  unsigned jobs, const char *what)
{
	struct work work = { .rewriting = rewriting, .count = list->count, .prepare = prepare };

	work.objects = xreallocarray(NULL, list->count + 1, sizeof *work.objects);
	if (list->count)
		memcpy(work.objects, list->member, list->count * sizeof *work.objects);
	qsort(work.objects, list->count, sizeof *work.objects, compare_size);
	pthread_mutex_init(&work.lock, NULL);
	progress_begin(&rewriting->progress, what, what ? list->count : 0);
	threads_run(jobs, work_thread, &work);
	progress_end(&rewriting->progress);
	pthread_mutex_destroy(&work.lock);
	free(work.objects);
	return work.result == WORK_OK ? 0 : -1;
}
