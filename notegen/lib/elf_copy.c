/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of an image, and changes that are undone again; see elf_copy.h. */
#include "elf_copy.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "mapfault.h"
#include "scratch.h"

enum { PAGE = ELF_MEMORY_PAGE };

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
	if (!image->memory.shared || sysconf(_SC_PAGESIZE) != PAGE)
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

/* Bytes of the memory that IMAGE has, from its data on. */
static size_t capacity(const struct elf_image *image)
{
	return elf_memory_size(&image->memory) - elf_image_origin(image);
}

/* Notes in MEMORY, which has the bytes of IMAGE after FRONT others and nothing noted yet, what was touched in
 * IMAGE. */
static void copy_touched(struct elf_memory *memory, const struct elf_image *image, size_t front)
{
	if (!image->memory.dirty)
		return;
	elf_memory_watch(memory, elf_memory_size(memory));
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at))
			elf_memory_touch(memory, front + at, page_part(at, image->size));
}

/* Fills MEMORY, of SIZE bytes, with IMAGE's after FRONT others. */
static int copy_all(struct elf_memory *memory, const struct elf_image *image, size_t front, size_t size)
{
	if (elf_memory_take(memory, size, image->path))
		return -1;
	copy_bytes(memory->start + front, image);
	copy_touched(memory, image, front);
	return 0;
}

/* Moves IMAGE to memory that has FRONT bytes before it and TAIL after it. */
static int move_memory(struct elf_image *image, size_t front, size_t tail)
{
	struct elf_memory memory = { 0 };
	size_t size = front + image->size + tail;

	if (copy_all(&memory, image, front, size + slack(size)))
		return -1;
	elf_memory_give(&image->memory);
	image->memory = memory;
	image->data = memory.start + front;
	return 0;
}

int elf_image_grow(struct elf_image *image, size_t front, size_t tail)
{
	if ((elf_image_origin(image) < front || capacity(image) < image->size + tail) &&
	    move_memory(image, front, tail))
		return -1;
	image->data -= front;
	image->size += front;
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

/* Maps the file FD in MEMORY, of SIZE bytes of which FRONT come before, and brings it to the bytes of IMAGE,
 * which knows where it differs from the file. */
static int copy_dirty(struct elf_memory *memory, const struct elf_image *image, int fd, size_t front,
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
	/* What is kept for other files must not be a mapping of this one. */
	if (elf_memory_map(memory, size, image->path))
		return -1;
	elf_memory_watch(memory, size);
	memory->shared = true;
	if (shared && mmap(memory->start + front, shared, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)image->file_at) == MAP_FAILED)
		return diag_errno(image->path, "mapping the file");
	if (shared)
		mapfault_watch(memory->start + front, shared, (uint64_t)image->file_at, image->path);
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at)) {
			memcpy(memory->start + front + at, image->data + at, page_part(at, image->size));
			elf_memory_touch(memory, front + at, page_part(at, image->size));
		}
	return 0;
}

/* Gives IMAGE, which is a plain copy of OTHER, header tables and section names of its own. */
static void copy_headers(struct elf_image *image, const struct elf_image *other)
{
	image->phdr = xreallocarray(NULL, other->phnum + 1, sizeof *image->phdr);
	image->shdr = xreallocarray(NULL, other->shnum + 1, sizeof *image->shdr);
	if (other->phnum)
		memcpy(image->phdr, other->phdr, other->phnum * sizeof *image->phdr);
	if (other->shnum)
		memcpy(image->shdr, other->shdr, other->shnum * sizeof *image->shdr);
	if (other->names) {
		image->names = xmalloc(other->names_size);
		memcpy(image->names, other->names, other->names_size);
	}
}

/* True where IMAGE's bytes can be a mapping of the file they came from. */
static bool can_share(const struct elf_image *image)
{
	return image->memory.dirty && image->file_at >= 0 && image->file_at % sysconf(_SC_PAGESIZE) == 0;
}

int elf_image_clone(struct elf_image *copy, const struct elf_image *image, int fd, size_t front, size_t room)
{
	struct elf_memory memory = { 0 };
	size_t size = front + image->size + room + slack(image->size);
	int result;

	*copy = (struct elf_image){ .path = image->path };
	if (fd >= 0 && is_very_large(image) && can_share(image))
		result = copy_dirty(&memory, image, fd, front, size);
	else
		result = copy_all(&memory, image, front, size);
	if (result) {
		elf_memory_give(&memory);
		return -1;
	}
	*copy = *image;
	copy->memory = memory;
	copy->data = memory.start + front;
	copy_headers(copy, image);
	return 0;
}

void elf_image_view(struct elf_image *view, const struct elf_image *image)
{
	*view = *image;
	view->memory.borrowed = true;
	copy_headers(view, image);
}

/* Bytes of what is noted of the memory that SAVED was in. */
static size_t dirty_bytes(const struct elf_saved *saved)
{
	return bits_size((saved->origin + saved->size) / PAGE);
}

int elf_image_save(const struct elf_image *image, struct elf_saved *saved)
{
	size_t bytes = 0;

	*saved = (struct elf_saved){ .size = image->size, .origin = elf_image_origin(image) };
	for (size_t at = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at))
			bytes += page_part(at, image->size);
	if (elf_memory_take(&saved->pages, bytes + 1, image->path))
		return -1;
	elf_memory_watch(&saved->pages, saved->origin + saved->size);
	if (image->memory.dirty)
		memcpy(saved->pages.dirty, image->memory.dirty, dirty_bytes(saved));
	else
		memset(saved->pages.dirty, 0xff, dirty_bytes(saved));
	for (size_t at = 0, to = 0; at < image->size; at += PAGE)
		if (elf_touched(image, at)) {
			memcpy(saved->pages.start + to, image->data + at, page_part(at, image->size));
			to += page_part(at, image->size);
		}
	return 0;
}

void elf_image_restore(struct elf_image *image, const struct elf_saved *saved,
		       const struct elf_image *original, size_t front)
{
	const unsigned char *from = saved->pages.start;

	image->size = saved->size;
	for (size_t at = 0; at < image->size; at += PAGE) {
		size_t part = page_part(at, image->size);

		if (elf_memory_touched(&saved->pages, saved->origin + at)) {
			memcpy(image->data + at, from, part);
			from += part;
		} else if (elf_touched(image, at)) { /* then it lies behind the front */
			memcpy(image->data + at, original->data + (at - front), part);
		}
	}
	if (image->memory.dirty)
		memcpy(image->memory.dirty, saved->pages.dirty, dirty_bytes(saved));
}

void elf_saved_release(struct elf_saved *saved)
{
	elf_memory_give(&saved->pages);
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
