/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that an image's bytes are in, copies of it, and changes that are undone again; see
 * elf_memory.h. */
#include "elf_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "scratch.h"

/* ---- Memory ---- */

enum { PAGE = ELF_IMAGE_TOUCHED };

unsigned char *elf_memory_dirty(size_t bytes)
{
	return xcalloc(bytes / PAGE / 8 + 1, 1);
}

static int out_of_memory(const struct elf_image *image)
{
	return diag_errno(image->path, "copying it in memory");
}

/* Gives IMAGE memory for SIZE bytes, of which nothing is kept for the next image. */
static int map_memory(struct elf_image *image, size_t size)
{
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			  0);

	if (data == MAP_FAILED)
		return out_of_memory(image);
	image->data = data;
	image->mapped = size;
	return 0;
}

/* Gives IMAGE memory for SIZE bytes. */
static int take_memory(struct elf_image *image, size_t size)
{
	if (size > SCRATCH_MAX) {
		scratch_release(); /* who needs that much has no use for what is kept, until later */
		if (map_memory(image, size))
			return -1;
		madvise(image->data, size, MADV_HUGEPAGE);
		return 0;
	}
	image->data = scratch_take(size, &image->room);
	if (image->data)
		return 0;
	image->room = 0;
	return out_of_memory(image);
}

void elf_memory_give(struct elf_image *image)
{
	unsigned char *start = image->data - image->origin;

	if (image->mapped && !image->borrowed)
		munmap(start, image->mapped);
	if (image->room && !image->borrowed)
		scratch_give(start, image->room);
	if (!image->borrowed)
		free(image->dirty);
	image->mapped = image->room = image->origin = 0;
	image->shared = image->borrowed = false;
	image->dirty = NULL;
}

/* Makes the memory of MEMORY that of IMAGE. */
static void take_over(struct elf_image *image, const struct elf_image *memory)
{
	image->data = memory->data;
	image->mapped = memory->mapped;
	image->room = memory->room;
	image->origin = memory->origin;
	image->file_at = memory->file_at;
	image->borrowed = memory->borrowed;
	image->shared = memory->shared;
	image->dirty = memory->dirty;
}

enum elf_image_status elf_memory_decode(struct elf_image *image, struct elf_image *memory, size_t size)
{
	enum elf_image_status status = elf_image_init(image, memory->data, size, memory->path);

	if (status != ELF_IMAGE_OK) {
		elf_memory_give(memory);
		return status;
	}
	take_over(image, memory);
	return ELF_IMAGE_OK;
}

/* Fills SIZE bytes at DATA from the start of FD. */
static int read_all(int fd, unsigned char *data, size_t size, const char *path)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = pread(fd, data + at, size - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return diag_errno(path, "reading the file");
		if (got == 0)
			return diag_error(path, "reading the file: it became shorter meanwhile; run again");
		at += (size_t)got;
	}
	return 0;
}

enum elf_image_status elf_image_read(struct elf_image *image, int fd, const char *path, size_t max)
{
	struct elf_image memory = { .path = path };
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)SELFMAG ||
	    (uint64_t)st.st_size > (max < SCRATCH_MAX ? max : SCRATCH_MAX))
		return elf_image_open(image, fd, path);
	*image = (struct elf_image){ .path = path };
	if (take_memory(&memory, (size_t)st.st_size))
		return ELF_IMAGE_BAD;
	if (read_all(fd, memory.data, (size_t)st.st_size, path)) {
		elf_memory_give(&memory);
		return ELF_IMAGE_BAD;
	}
	memory.dirty = elf_memory_dirty((size_t)st.st_size);
	return elf_memory_decode(image, &memory, (size_t)st.st_size);
}

/* ---- Going through all bytes ---- */

static bool is_very_large(const struct elf_image *image)
{
	return image->size > SCRATCH_MAX;
}

/* Bytes of the page that starts at AT, of SIZE in all. */
static size_t page_part(size_t at, size_t size)
{
	return size - at < PAGE ? size - at : PAGE;
}

/* Gives back the pages that are the file's in [from, to) of IMAGE, FROM at the start of one. */
static void relax(const struct elf_image *image, size_t from, size_t to)
{
	if (!image->shared || sysconf(_SC_PAGESIZE) != PAGE)
		return;
	for (size_t at = from, end; at < to; at = end + PAGE) {
		for (end = at; end < to && !elf_touched(image, end); end += PAGE)
			;
		if (end > at)
			madvise(image->data + at, end - at, MADV_DONTNEED);
	}
}

/* Bytes that are gone through at once. */
enum { PIECE = 8 << 20 };

/* End of the piece that starts at AT, at most TO. */
static uint64_t piece_end(uint64_t at, uint64_t to)
{
	uint64_t end = (at / PIECE + 1) * PIECE;

	return end < to ? end : to;
}

static void relax_piece(const struct elf_image *image, uint64_t from, uint64_t to)
{
	if (is_very_large(image))
		relax(image, from / PAGE * PAGE, to);
}

/* Copies IMAGE's bytes to TO. */
static void copy_bytes(unsigned char *to, const struct elf_image *image)
{
	for (uint64_t at = 0, end; at < image->size; at = end) {
		end = piece_end(at, image->size);
		memcpy(to + at, image->data + at, end - at);
		relax_piece(image, at, end);
	}
}

/* Bytes of memory that an image of SIZE bytes has behind it, so that appending seldom takes another copy. */
static size_t slack(size_t size)
{
	return size / 16 + (64 << 10);
}

/* Bytes of the memory that IMAGE has. */
static size_t memory_size(const struct elf_image *image)
{
	return image->mapped + image->room; /* one of them is 0 */
}

/* Bytes of it from its data on. */
static size_t capacity(const struct elf_image *image)
{
	return memory_size(image) - image->origin;
}

/* Leaves FRONT bytes of MEMORY, which is new, before its data. */
static void reserve(struct elf_image *memory, size_t front)
{
	memory->data += front;
	memory->origin = front;
}

/* Notes in COPY, which has the bytes of IMAGE and none of it noted yet, what was touched in IMAGE. */
static void copy_touched(struct elf_image *copy, const struct elf_image *image)
{
	if (!image->dirty)
		return;
	copy->dirty = elf_memory_dirty(memory_size(copy));
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at))
			elf_touch(copy, at, page_part(at, image->size));
}

/* Moves IMAGE to memory that has FRONT bytes before it and TAIL after it. */
static int move_memory(struct elf_image *image, size_t front, size_t tail)
{
	struct elf_image memory = { .path = image->path, .file_at = image->file_at };
	size_t size = front + image->size + tail;

	if (take_memory(&memory, size + slack(size)))
		return -1;
	reserve(&memory, front);
	copy_bytes(memory.data, image);
	copy_touched(&memory, image);
	elf_memory_give(image);
	take_over(image, &memory);
	return 0;
}

int elf_image_grow(struct elf_image *image, size_t front, size_t tail)
{
	if ((image->origin < front || capacity(image) < image->size + tail) &&
	    move_memory(image, front, tail))
		return -1;
	image->data -= front;
	image->size += front;
	image->origin -= front;
	image->file_at -= (int64_t)front;
	memset(image->data, 0, front);
	memset(image->data + image->size, 0, tail);
	elf_touch(image, 0, front);
	elf_touch(image, image->size, tail);
	return 0;
}

int elf_image_append(struct elf_image *image, const void *data, size_t size)
{
	if (capacity(image) < image->size + size && elf_image_grow(image, 0, size))
		return -1;
	memcpy(image->data + image->size, data, size);
	elf_touch(image, image->size, size);
	image->size += size;
	return 0;
}

/* Maps the file FD in COPY, with memory for SIZE bytes of which FRONT come before, and brings it to the bytes
 * of IMAGE, which knows where it differs from the file. */
static int copy_dirty(struct elf_image *copy, const struct elf_image *image, int fd, size_t front,
		      size_t size)
{
	struct stat st;
	size_t shared = 0;

	if (fstat(fd, &st))
		return diag_errno(image->path, "reading the file's size");
	if (st.st_size > image->file_at)
		shared = (size_t)(st.st_size - image->file_at);
	if (shared > image->size)
		shared = image->size;
	if (map_memory(copy, size)) /* what is kept for other files must not be a mapping of this one */
		return -1;
	reserve(copy, front);
	copy->dirty = elf_memory_dirty(size);
	copy->shared = true;
	if (shared && mmap(copy->data, shared, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)image->file_at) == MAP_FAILED)
		return diag_errno(image->path, "mapping the file");
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at)) {
			memcpy(copy->data + at, image->data + at, page_part(at, image->size));
			elf_touch(copy, at, page_part(at, image->size));
		}
	return 0;
}

static int copy_all(struct elf_image *copy, const struct elf_image *image, size_t front, size_t size)
{
	if (take_memory(copy, size))
		return -1;
	reserve(copy, front);
	copy_bytes(copy->data, image);
	copy_touched(copy, image);
	return 0;
}

/* Gives IMAGE, which is a plain copy of OTHER, header tables of its own. */
static void copy_headers(struct elf_image *image, const struct elf_image *other)
{
	image->phdr = xreallocarray(NULL, other->phnum + 1, sizeof *image->phdr);
	image->shdr = xreallocarray(NULL, other->shnum + 1, sizeof *image->shdr);
	if (other->phnum)
		memcpy(image->phdr, other->phdr, other->phnum * sizeof *image->phdr);
	if (other->shnum)
		memcpy(image->shdr, other->shdr, other->shnum * sizeof *image->shdr);
}

/* True where IMAGE's bytes can be a mapping of the file they came from. */
static bool can_share(const struct elf_image *image)
{
	return image->dirty && image->file_at >= 0 && image->file_at % sysconf(_SC_PAGESIZE) == 0;
}

int elf_image_clone(struct elf_image *copy, const struct elf_image *image, int fd, size_t front, size_t room,
		    bool share)
{
	struct elf_image memory = { .path = image->path, .file_at = image->file_at };
	size_t size = front + image->size + room + slack(image->size);
	int result;

	*copy = (struct elf_image){ .path = image->path };
	if (fd >= 0 && (share || is_very_large(image)) && can_share(image))
		result = copy_dirty(&memory, image, fd, front, size);
	else
		result = copy_all(&memory, image, front, size);
	if (result) {
		elf_memory_give(&memory);
		return -1;
	}
	*copy = *image;
	take_over(copy, &memory);
	copy_headers(copy, image);
	return 0;
}

void elf_image_view(struct elf_image *view, const struct elf_image *image)
{
	*view = *image;
	view->borrowed = true;
	copy_headers(view, image);
}

/* Bytes of what elf_memory_dirty() gave for the memory that SAVED was in. */
static size_t dirty_bytes(const struct elf_saved *saved)
{
	return (saved->origin + saved->size) / PAGE / 8 + 1;
}

int elf_image_save(const struct elf_image *image, struct elf_saved *saved)
{
	struct elf_image memory = { .path = image->path };
	size_t bytes = 0;

	*saved = (struct elf_saved){ .size = image->size, .origin = image->origin };
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at))
			bytes += page_part(at, image->size);
	if (take_memory(&memory, bytes + 1))
		return -1;
	saved->pages = memory.data;
	saved->mapped = memory.mapped;
	saved->room = memory.room;
	saved->dirty = elf_memory_dirty(saved->origin + saved->size);
	if (image->dirty)
		memcpy(saved->dirty, image->dirty, dirty_bytes(saved));
	else
		memset(saved->dirty, 0xff, dirty_bytes(saved));
	for (size_t at = 0, to = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at)) {
			memcpy(saved->pages + to, image->data + at, page_part(at, image->size));
			to += page_part(at, image->size);
		}
	return 0;
}

void elf_image_restore(struct elf_image *image, const struct elf_saved *saved,
		       const struct elf_image *original, size_t front)
{
	const struct elf_image then = { .dirty = saved->dirty, .origin = saved->origin };
	const unsigned char *from = saved->pages;

	image->size = saved->size;
	for (size_t at = 0; at < image->size; at += PAGE) {
		size_t part = page_part(at, image->size);

		if (elf_touched(&then, at)) {
			memcpy(image->data + at, from, part);
			from += part;
		} else if (elf_touched(image, at)) { /* then it lies behind the front */
			memcpy(image->data + at, original->data + (at - front), part);
		}
	}
	if (image->dirty)
		memcpy(image->dirty, saved->dirty, dirty_bytes(saved));
}

void elf_saved_release(struct elf_saved *saved)
{
	struct elf_image memory = {
		.data = saved->pages, .mapped = saved->mapped, .room = saved->room, .dirty = saved->dirty
	};

	elf_memory_give(&memory);
	*saved = (struct elf_saved){ 0 };
}

void elf_image_relax(const struct elf_image *image)
{
	relax(image, 0, image->size);
}

int elf_image_for_each(const struct elf_image *image, uint64_t from, uint64_t to, void *context,
		       int (*each)(void *context, const unsigned char *data, size_t size))
{
	int result = 0;

	for (uint64_t at = from, end; at < to && result == 0; at = end) {
		end = piece_end(at, to);
		result = each(context, image->data + at, end - at);
		relax_piece(image, at, end);
	}
	return result;
}

bool elf_image_same(const struct elf_image *a, const struct elf_image *b, size_t size)
{
	if (size > a->size || size > b->size)
		return false;
	for (uint64_t at = 0, end; at < size; at = end) {
		end = piece_end(at, size);
		if (memcmp(a->data + at, b->data + at, end - at) != 0)
			return false;
		relax_piece(a, at, end);
		relax_piece(b, at, end);
	}
	return true;
}
