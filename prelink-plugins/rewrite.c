/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing rewritten objects and taking them back; see rewrite.h. */
#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diag.h"
#include "outfile.h"

/* ---- Reading ---- */

int object_open(const struct root *root, const struct object *object, struct elf_image *image)
{
	struct stat st;
	int fd = root_open(root, object->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return diag_errno(object->path, "opening it to rewrite it");
	if (fstat(fd, &st))
		diag_errno(object->path, "reading its size");
	else if (st.st_dev != object->st.st_dev || st.st_ino != object->st.st_ino ||
		 st.st_size != object->st.st_size || st.st_mtim.tv_sec != object->st.st_mtim.tv_sec ||
		 st.st_mtim.tv_nsec != object->st.st_mtim.tv_nsec)
		diag_error(object->path, "opening it to rewrite it: it was changed by somebody else while we "
			   "worked; run again");
	else if (elf_image_open(image, fd, object->path) == ELF_IMAGE_OK)
		return fd;
	close(fd);
	return -1;
}

int original_init(struct elf_image *original, const struct elf_image *present, int fd)
{
	if (elf_image_clone(original, present, fd, NULL, 0))
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
 * for its tag means nothing.  Without room the object goes unstamped. */
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

/* Undoes what OUT would be as a file, in memory, and compares. */
static bool proven(const struct rewritten *out, const struct elf_image *original, int fd)
{
	struct elf_image file;
	bool same = false;

	if (elf_image_clone(&file, &out->image, fd, out->tail, out->tail_size))
		return false;
	if (undo_image(&file) == 0) {
		same = file.size == original->size && memcmp(file.data, original->data, file.size) == 0;
		if (!same)
			diag_error(original->path, "trying to undo it in memory: the result differs from the "
				   "original; it is left as it was; please report this");
	}
	elf_image_release(&file);
	return same;
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

enum object_skip rewrite_image(const struct rewrite *rewrite, const struct object *object,
			       const struct elf_image *original, int fd, struct rewritten *out, bool *changed,
			       const char **why)
{
	struct undo undo = { .arch = arch_find(original) };
	enum object_skip skip = SKIP_NOT;

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
	if (elf_image_clone(&out->image, original, fd, NULL, 0))
		return SKIP_MALFORMED;
	if (object->kind == OBJECT_LIBRARY)
		skip = move_library(rewrite, object, &out->image, &undo, why);
	else if (rewrite->program)
		skip = rewrite->program(rewrite->context, object, &out->image, &undo, changed);
	else
		*changed = false;
	if (!skip && *changed && stamp(&out->image, stamp_time(object)))
		skip = SKIP_MALFORMED;
	if (!skip && *changed)
		skip = undo_append(&out->image, original, &undo, fd, &out->tail, &out->tail_size);
	if (!skip && *changed && !proven(out, original, fd))
		skip = SKIP_MALFORMED;
	rebase_words_release(&undo.words);
	if (skip || !*changed)
		rewritten_release(out);
	return skip;
}

bool rewritten_equals(const struct rewritten *out, const struct elf_image *present)
{
	return out->image.size + out->tail_size == present->size &&
	       memcmp(out->image.data, present->data, out->image.size) == 0 &&
	       memcmp(out->tail, present->data + out->image.size, out->tail_size) == 0;
}

void rewritten_release(struct rewritten *out)
{
	elf_image_release(&out->image);
	free(out->tail);
	*out = (struct rewritten){ 0 };
}

/* ---- Files that are not to be touched ---- */

/* True if somebody other than the file's owner and root could put another file in its place. */
static bool directory_is_shared(const struct rewrite *rewrite, const struct object *object)
{
	char *directory = xstrdup(object->path);
	struct stat st;

	*strrchr(directory, '/') = '\0';
	bool known = root_stat(rewrite->root, *directory ? directory : "/", &st) == 0;

	free(directory);
	return !known || st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0) ||
	       (st.st_uid != 0 && st.st_uid != object->st.st_uid);
}

static bool is_immutable(int fd)
{
	int flags;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

/* Why the file of OBJECT, open as FD, is not to be replaced whatever it holds. */
static enum object_skip check_file(const struct rewrite *rewrite, const struct object *object, int fd)
{
	if (is_immutable(fd))
		return SKIP_IMMUTABLE;
	if (rewrite->privileged)
		return SKIP_NOT;
	if (object->st.st_mode & (S_ISUID | S_ISGID) || fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return SKIP_SETID;
	return directory_is_shared(rewrite, object) ? SKIP_WRITABLE_DIR : SKIP_NOT;
}

/* ---- Replacing files ---- */

static int replace(const struct rewrite *rewrite, const struct object *object, const void *data, size_t size,
		   const void *tail, size_t tail_size)
{
	struct outfile out;

	if (rewrite->dry_run)
		return 0;
	if (outfile_begin(&out, rewrite->root, object->path, &object->st))
		return -1;
	if (outfile_write(&out, data, size) || (tail_size && outfile_write(&out, tail, tail_size))) {
		outfile_abandon(&out);
		return -1;
	}
	return outfile_commit(&out);
}

/* Rewrites OBJECT, whose file is PRESENT, mapped from FD, and whose original is ORIGINAL. */
static int rewrite_present(const struct rewrite *rewrite, struct object *object, const struct elf_image *present,
			   const struct elf_image *original, int fd)
{
	struct rewritten out;
	const char *why;
	bool changed;
	int result = 0;

	object->skip = rewrite_image(rewrite, object, original, fd, &out, &changed, &why);
	if (object->skip || !changed) {
		object->outcome = OUTCOME_NONE;
		if (object->skip == SKIP_MALFORMED)
			return diag_error(object->path, "rewriting it: %s; it is left as it was",
					  why ? why : object_skip_text(object->skip));
		if (why)
			diag_warn(object->path, "left as it was: %s", why);
		/* A program that is to be as it was made, and is not. */
		if (!object->skip && present->size != original->size)
			result = replace(rewrite, object, original->data, original->size, NULL, 0);
		return result;
	}
	if (rewritten_equals(&out, present)) {
		object->outcome = OUTCOME_UNCHANGED;
	} else {
		result = replace(rewrite, object, out.image.data, out.image.size, out.tail, out.tail_size);
		object->outcome = result ? OUTCOME_FAILED : OUTCOME_PRELINKED;
	}
	rewritten_release(&out);
	return result;
}

int rewrite_object(const struct rewrite *rewrite, struct object *object)
{
	struct elf_image present, original;
	int result = -1, fd;

	if (object->skip || object->kind == OBJECT_LOADER || (object->kind == OBJECT_LIBRARY && !object->has_slot))
		return 0;
	object->outcome = OUTCOME_FAILED;
	fd = object_open(rewrite->root, object, &present);
	if (fd < 0)
		return -1;
	object->skip = check_file(rewrite, object, fd);
	if (object->skip) {
		object->outcome = OUTCOME_NONE;
		result = 0;
	} else if (original_init(&original, &present, fd) == 0) {
		result = rewrite_present(rewrite, object, &present, &original, fd);
		elf_image_release(&original);
	}
	elf_image_release(&present);
	close(fd);
	return result;
}

int undo_object(const struct rewrite *rewrite, struct object *object)
{
	struct elf_image present;
	int result = -1, fd;

	object->outcome = OUTCOME_FAILED;
	fd = object_open(rewrite->root, object, &present);
	if (fd < 0)
		return -1;
	if (!undo_present(&present)) {
		object->outcome = OUTCOME_UNCHANGED;
		result = 0;
	} else if (check_file(rewrite, object, fd) == SKIP_IMMUTABLE) {
		object->skip = SKIP_IMMUTABLE;
		diag_error(object->path, "undoing: the file is immutable; run chattr -i on it and try again");
	} else if (undo_image(&present) == 0) {
		result = replace(rewrite, object, present.data, present.size, NULL, 0);
		object->outcome = result ? OUTCOME_FAILED : OUTCOME_UNDONE;
	}
	elf_image_release(&present);
	close(fd);
	return result;
}
