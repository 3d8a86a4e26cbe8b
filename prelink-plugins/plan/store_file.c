/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a store; see store_file.h. */
#include "plan/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"

uint32_t store_file_crc(const unsigned char *bytes, uint64_t size)
{
	const size_t at = offsetof(struct store_header, crc), after = at + sizeof(uint32_t);
	static const unsigned char zero[sizeof(uint32_t)];
	uLong crc = crc32_z(crc32_z(0, bytes, at), zero, sizeof zero);

	return (uint32_t)crc32_z(crc, bytes + after, size - after);
}

const char *store_file_distrust(const struct stat *st)
{
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others can write it";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "it is somebody else's";
	if (st->st_size > LIMIT_STORE)
		return "it is damaged";
	return NULL;
}

/* All of FD, whose size is known, into STORE. */
static int read_bytes(struct store_file *store, int fd, const char *outside)
{
	uint64_t done = 0;
	ssize_t length = 1;

	store->bytes = xmalloc(store->size);
	while (done < store->size && length > 0) {
		length = read(fd, store->bytes + done, store->size - done);
		if (length > 0)
			done += (uint64_t)length;
	}
	if (length < 0)
		return diag_errno(outside, "reading the store");
	store->size = done;
	return 0;
}

/* For reading the records of STORE. */
static struct record_io io_of(const struct store_file *store, bool rela)
{
	return record_io(&store->form, rela, store->bytes, store->size);
}

static struct store_program program_at(const struct record_io *io, const struct store_file *store,
				       size_t index)
{
	struct store_program program;

	record_get(io, store->header.program, RECORD_PROGRAM, index, &program);
	return program;
}

/* Reads the header, which says by its magic in which byte order; false where it is none that we know. */
static bool read_header(struct store_file *store)
{
	struct store_header *header = &store->header;
	struct record_io io = io_of(store, false);

	if (store->size < sizeof(struct store_front))
		return false;
	record_next(&io, RECORD_STORE, header);
	if (header->magic != STORE_MAGIC) {
		store->form.big_endian = true;
		io = io_of(store, false);
		record_next(&io, RECORD_STORE, header);
	}
	if (header->magic != STORE_MAGIC || header->size != store->size ||
	    !record_table_fits(&io, header->program, RECORD_PROGRAM))
		return false;
	store->form.is64 = header->elf_class == ELFCLASS64;
	store->damaged = header->crc != store_file_crc(store->bytes, store->size);
	for (size_t i = 0; i < header->program.count; i++)
		store->plans += program_at(&io, store, i).plan != 0;
	return true;
}

int store_file_read(struct store_file *store, const struct root *root, const char *path)
{
	char *outside = root_outside(root, path);
	int fd = root_open(root, path, O_RDONLY | O_CLOEXEC), status = 0;
	struct stat st;

	*store = (struct store_file){ .path = xstrdup(path) };
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		status = diag_errno(outside, "opening the store");
	else if (fd >= 0 && fstat(fd, &st))
		status = diag_errno(outside, "reading the store");
	else if (fd >= 0 && !(store->why = store_file_distrust(&st))) {
		store->size = (uint64_t)st.st_size;
		status = read_bytes(store, fd, outside);
		if (status == 0 && !read_header(store))
			store->why = "it is damaged, or of another version";
	}
	if (fd >= 0)
		close(fd);
	if (status || store->why) {
		free(store->bytes);
		store->bytes = NULL;
	}
	free(outside);
	return status;
}

void store_file_release(struct store_file *store)
{
	free(store->path);
	free(store->bytes);
	*store = (struct store_file){ 0 };
}

/* The first program whose dynamic section may have DIGEST. */
static size_t first_program(const struct record_io *io, const struct store_file *store, uint64_t digest)
{
	size_t low = 0, high = store->header.program.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (program_at(io, store, middle).dynamic < digest)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum store_answer store_file_find(const struct store_file *store, const struct placed *program,
				  const struct arch *arch, struct stored *stored)
{
	if (!store || !store->bytes || !arch || !program->has_identity ||
	    store->header.machine != arch->machine || store->form.is64 != program->image.is64 ||
	    store->form.big_endian != program->image.big_endian)
		return STORE_NO_WORD;
	stored->io = io_of(store, arch->rela);
	size_t first = first_program(&stored->io, store, program->identity.dynamic);
	for (size_t i = first; i < store->header.program.count && i - first < LIMIT_ALIKE; i++) {
		struct store_program found = program_at(&stored->io, store, i);

		if (found.dynamic != program->identity.dynamic)
			break;
		if (!stored_is(stored, &(struct planned){ .identity = found.identity }, program))
			continue;
		return found.plan == 0               ? STORE_NO_PLAN :
		       stored_at(stored, found.plan) ? STORE_PLAN :
						       STORE_NO_WORD;
	}
	return STORE_NO_WORD;
}
