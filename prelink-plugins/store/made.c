/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a store was made of; see made.h. */
#include "store/made.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "alloc.h"
#include "outfile.h"
#include "plan/store_file.h"
#include "store/contents.h"

#define MADE_MAGIC 0x3144414du /* "MAD1", in the byte order of the machine that wrote it */

struct made_header {
	uint32_t magic;
	uint32_t crc;   /* CRC-32 of all that follows this field */
	uint32_t store; /* that of the store */
	uint32_t tool;  /* that of the program that wrote it */
	uint32_t program_count, object_count, text_size;
	uint32_t reserved;
};
#define CRC_START (offsetof(struct made_header, crc) + sizeof(uint32_t))

static char *path_of(const char *store)
{
	return xasprintf("%s.made", store);
}

/* --- keys --- */

static uint64_t add_text(uint64_t digest, const char *text)
{
	return identity_add_bytes(digest, (const unsigned char *)text, (uint32_t)strlen(text) + 1);
}

/* OBJECT's file. */
static uint64_t own_key(struct made_keys *keys, const struct object *object)
{
	const struct stat *st = &object->st;
	const uint64_t word[] = { st->st_dev,
				  st->st_ino,
				  (uint64_t)st->st_size,
				  (uint64_t)st->st_mtim.tv_sec,
				  (uint64_t)st->st_mtim.tv_nsec,
				  (uint64_t)st->st_ctim.tv_sec,
				  (uint64_t)st->st_ctim.tv_nsec,
				  object->kind };

	ALLOC_REACH(keys->own, object->index, keys->own_count);
	uint64_t *key = &keys->own[object->index];
	if (*key)
		return *key;
	*key = add_text(IDENTITY_START, object->path);
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		*key = identity_add(*key, word[i]);
	return *key;
}

/* OBJECT, and where it looks for symbols when dlopen is asked for it. */
static uint64_t natural_key(struct made_keys *keys, const struct object *object)
{
	ALLOC_REACH(keys->natural, object->index, keys->natural_count);
	uint64_t key = keys->natural[object->index];

	if (key)
		return key;
	key = identity_add(own_key(keys, object), object->scope.count);
	for (size_t i = 0; i < object->scope.count; i++)
		key = identity_add(key, own_key(keys, object->scope.member[i]));
	return keys->natural[object->index] = key;
}

static uint64_t add_list(struct made_keys *keys, uint64_t key, const struct object_list *list)
{
	key = identity_add(key, list->count);
	for (size_t i = 0; i < list->count; i++)
		key = identity_add(key, natural_key(keys, list->member[i]));
	return key;
}

uint64_t made_key(struct made_keys *keys, const struct object *program)
{
	uint64_t key = identity_add(IDENTITY_START, keys->options->all);

	key = add_list(keys, key, &program->scope);
	key = identity_add(key, program->loader ? own_key(keys, program->loader) : 0);
	for (size_t i = 0; i < program->plugin_count; i++) {
		const struct plugin_scope *plugin = &program->plugin[i];

		key = identity_add(key, own_key(keys, plugin->plugin));
		key = add_list(keys, key, &plugin->scope);
		for (size_t k = 0; plugin->entry && k < plugin->entry->soname_count; k++)
			key = add_text(key, plugin->entry->soname[k]);
	}
	return key;
}

void made_keys_release(struct made_keys *keys)
{
	free(keys->own);
	free(keys->natural);
}

/* --- what there is --- */

static uint32_t keep_text(struct made *made, const char *text)
{
	size_t size = strlen(text) + 1, at = made->text_size;

	ALLOC_GROW(made->text, at + size, made->text_room);
	memcpy(made->text + at, text, size);
	made->text_size += size;
	return (uint32_t)at;
}

void made_add_program(struct made *made, struct made_program program, const char *why)
{
	if (!made->text_size)
		keep_text(made, "");
	program.why = why ? keep_text(made, why) : 0;
	ALLOC_NEXT(made->program, made->program_count);
	made->program[made->program_count++] = program;
}

void made_add_object(struct made *made, const char *path, uint32_t number)
{
	ALLOC_NEXT(made->object, made->object_count);
	made->object[made->object_count++] = (struct made_object){ keep_text(made, path), number };
}

static int compare_keys(const void *a, const void *b)
{
	const struct made_program *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

const struct made_program *made_find(const struct made *made, uint64_t key)
{
	const struct made_program wanted = { .key = key };

	return made->program_count ?
		       bsearch(&wanted, made->program, made->program_count, sizeof wanted, compare_keys) :
		       NULL;
}

void made_release(struct made *made)
{
	free(made->program);
	free(made->object);
	free(made->text);
	*made = (struct made){ 0 };
}

/* --- the file --- */

uint32_t made_tool(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned char part[65536];
	ssize_t length = 0;
	uLong crc = 0;

	while (fd >= 0 && (length = read(fd, part, sizeof part)) > 0)
		crc = crc32_z(crc, part, (size_t)length);
	if (fd >= 0)
		close(fd);
	return length ? 0 : (uint32_t)crc;
}

static uint64_t file_size(const struct made_header *h)
{
	return sizeof *h + h->program_count * (uint64_t)sizeof(struct made_program) +
	       h->object_count * (uint64_t)sizeof(struct made_object) + h->text_size;
}

static struct made_header header_for(const struct made *made, uint32_t crc, uint32_t tool)
{
	struct made_header h = { .magic = MADE_MAGIC, .store = crc, .tool = tool };

	h.program_count = (uint32_t)made->program_count;
	h.object_count = (uint32_t)made->object_count;
	h.text_size = (uint32_t)made->text_size;
	return h;
}

static uint32_t checksum(const struct made_header *h, const struct made *made)
{
	uLong crc = crc32_z(0, (const unsigned char *)h + CRC_START, sizeof *h - CRC_START);

	crc = crc32_z(crc, (const unsigned char *)made->program, made->program_count * sizeof *made->program);
	crc = crc32_z(crc, (const unsigned char *)made->object, made->object_count * sizeof *made->object);
	return (uint32_t)crc32_z(crc, (const unsigned char *)made->text, made->text_size);
}

/* SIZE bytes of FD, in memory of their own, with a zero behind them; NULL where there are not so many. */
static void *read_part(int fd, size_t size)
{
	char *part = xcalloc(size + 1, 1);
	size_t done = 0;
	ssize_t length = 1;

	while (done < size && length > 0) {
		length = read(fd, part + done, size - done);
		done += length > 0 ? (size_t)length : 0;
	}
	if (done == size)
		return part;
	free(part);
	return NULL;
}

/* True if what was read is as it was written, for the store with the checksum CRC, by TOOL. */
static bool is_whole(const struct made_header *h, const struct made *made, uint32_t crc, uint32_t tool)
{
	if (!made->program || !made->object || !made->text || h->crc != checksum(h, made) ||
	    h->store != crc || !h->tool || h->tool != tool)
		return false;
	for (size_t i = 0; i < made->program_count; i++)
		if (made->program[i].why >= made->text_size)
			return false;
	for (size_t i = 0; i < made->object_count; i++)
		if (made->object[i].path >= made->text_size)
			return false;
	return true;
}

/* Reads the file FD; false where it counts for nothing. */
static bool read_file(struct made *made, int fd, uint32_t crc, uint32_t tool)
{
	struct made_header h;
	struct stat st;

	if (fstat(fd, &st) || store_file_distrust(&st) || read(fd, &h, sizeof h) != sizeof h ||
	    h.magic != MADE_MAGIC || (uint64_t)st.st_size != file_size(&h))
		return false;
	*made = (struct made){ .program_count = h.program_count,
			       .object_count = h.object_count,
			       .text_size = h.text_size };
	made->program = read_part(fd, h.program_count * sizeof *made->program);
	made->object = read_part(fd, h.object_count * sizeof *made->object);
	made->text = read_part(fd, h.text_size);
	return is_whole(&h, made, crc, tool);
}

void made_read(struct made *made, const struct root *root, const char *path, uint32_t crc, uint32_t tool)
{
	char *beside = path_of(path);
	int fd = root_open(root, beside, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && !read_file(made, fd, crc, tool))
		made_release(made);
	if (fd >= 0)
		close(fd);
	free(beside);
}

static int put(struct outfile *out, const struct made_header *h, const struct made *made)
{
	return outfile_write(out, h, sizeof *h) ||
	       outfile_write(out, made->program, made->program_count * sizeof *made->program) ||
	       outfile_write(out, made->object, made->object_count * sizeof *made->object) ||
	       outfile_write(out, made->text, made->text_size);
}

int made_write(struct made *made, const struct root *root, const char *path, uint32_t crc, uint32_t tool)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *beside = path_of(path);
	struct outfile out;
	int status = -1;

	if (made->program_count)
		qsort(made->program, made->program_count, sizeof *made->program, compare_keys);
	struct made_header h = header_for(made, crc, tool);
	h.crc = checksum(&h, made);
	if (epoch && *epoch) {
		status = store_remove(root, beside);
	} else if (outfile_begin(&out, root, beside, NULL) == 0) {
		if (put(&out, &h, made) == 0)
			status = outfile_commit(&out);
		else
			outfile_abandon(&out);
	}
	free(beside);
	return status;
}
