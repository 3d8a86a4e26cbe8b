/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a store; see store_file.h. */
#include "plan/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "diag.h"
#include "rtld/store_format.h"

/* Why the module would pass over the file of ST; NULL if it takes it. */
static const char *distrust(const struct stat *st)
{
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others can write it";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "it is somebody else's";
	if (st->st_size < (off_t)sizeof(struct store_header) || st->st_size > UINT32_MAX)
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

static struct elf_image image_of(const struct store_file *store)
{
	struct elf_image image = store->form;

	image.data = store->bytes;
	image.size = store->size;
	return image;
}

/* The table of programs; false where there is none inside the file. */
static bool programs_at(const struct store_file *store, uint32_t *at)
{
	struct elf_image image = image_of(store);
	uint32_t count = elf_get32(&image, 20);

	*at = elf_get32(&image, 16);
	return elf_get64(&image, 8) == store->size && *at <= store->size &&
	       count <= (store->size - *at) / sizeof(struct store_program);
}

/* Reads the header; false where it is none that we know. */
static bool read_header(struct store_file *store)
{
	struct elf_image image = image_of(store);
	uint32_t at;

	if (store->size < sizeof(struct store_header))
		return false;
	if (elf_get32(&image, 0) != STORE_MAGIC)
		image.big_endian = store->form.big_endian = true;
	if (elf_get32(&image, 0) != STORE_MAGIC || !programs_at(store, &at))
		return false;
	store->form.is64 = elf_get16(&image, 6) == ELFCLASS64;
	store->machine = elf_get16(&image, 4);
	store->programs = elf_get32(&image, 20);
	for (size_t i = 0; i < store->programs; i++)
		store->plans += elf_get32(&image, at + i * sizeof(struct store_program) + 12) != 0;
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
	else if (fd >= 0 && !(store->why = distrust(&st))) {
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

static bool same_identity(const struct stored *in, uint32_t at, const struct identity *wanted)
{
	struct planned planned = { .identity = at };
	struct identity identity;

	return stored_identity(in, &planned, &identity) && identity.dynamic == wanted->dynamic &&
	       identity.headers == wanted->headers && identity.content == wanted->content &&
	       identity.content_size == wanted->content_size && identity.symbols == wanted->symbols;
}

enum store_answer store_file_find(const struct store_file *store, const struct placed *program, bool rela,
				  struct stored *stored)
{
	struct elf_image image = store ? image_of(store) : (struct elf_image){ 0 };
	uint32_t at = 0;

	if (!image.data || !program->has_identity || image.is64 != program->image.is64 ||
	    image.big_endian != program->image.big_endian || !programs_at(store, &at))
		return STORE_NO_WORD;
	stored->io = record_io(&image, rela, store->bytes, store->size);
	for (size_t i = 0; i < store->programs; i++) {
		uint64_t entry = at + i * sizeof(struct store_program);
		uint32_t plan = elf_get32(&image, entry + 12);

		if (elf_get64(&image, entry) != program->identity.dynamic ||
		    !same_identity(stored, elf_get32(&image, entry + 8), &program->identity))
			continue;
		return plan == 0 ? STORE_NO_PLAN : stored_at(stored, plan) ? STORE_PLAN : STORE_NO_WORD;
	}
	return STORE_NO_WORD;
}
