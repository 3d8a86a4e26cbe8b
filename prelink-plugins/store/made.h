/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a store was made of: a file beside it, PATH.made, by which the next one takes over the plans of
 * programs of which nothing has changed (carry.h).
 *
 * It has a key for each program that was looked at: a digest of everything that its plan depends on, which
 * are the files of all objects that it may load (path, device, inode, size and times of each), the order in
 * which they are searched, what asks for them by which name, and this very build of prelink.  So it holds on
 * one file system alone, and is not left where SOURCE_DATE_EPOCH is set, as for who makes an image.  It
 * belongs to one store, by that one's checksum; one that is damaged, of another store, or that others can
 * write counts for nothing.  Removing it costs time, no more. */
#ifndef MADE_H
#define MADE_H

#include "object.h"
#include "options.h"

/* A program, and what came of it. */
struct made_program {
	uint64_t key;
	uint32_t plan;     /* offset in the store; 0: it has none */
	uint32_t identity; /* likewise, of its struct identity */
	uint32_t why;      /* it has none: offset in `text`; 0 where it has one */
	uint32_t reserved;
};

/* An object that is in some plan, by its number in the store. */
struct made_object {
	uint32_t path; /* offset in `text` */
	uint32_t number;
};

/* In memory as in the file, of this machine's byte order.  All zero: empty.  Arrays are owned. */
struct made {
	struct made_program *program; /* by ascending key, once it was read */
	struct made_object *object;
	char *text; /* strings with their NULs; the first is empty */
	size_t program_count, object_count, text_size, text_room;
};

/* Keys of the programs of one table. */
struct made_keys {
	const struct options *options;
	uint64_t *own, *natural; /* by object->index; 0: not known yet.  Owned */
	size_t own_count, natural_count;
};
uint64_t made_key(struct made_keys *keys, const struct object *program);
void made_keys_release(struct made_keys *keys);

void made_add_program(struct made *made, struct made_program program, const char *why);
void made_add_object(struct made *made, const char *path, uint32_t number);

/* The checksum of the program that this is, another build of which may make other plans; 0
 * where it cannot be read. */
uint32_t made_tool(void);
/* Reads what belongs to the store at PATH, whose checksum is CRC, and was written by TOOL; stays empty where
 * there is no such, or it does not count. */
void made_read(struct made *made, const struct root *root, const char *path, uint32_t crc, uint32_t tool);
/* The program with that KEY, NULL where there is none. */
const struct made_program *made_find(const struct made *made, uint64_t key);

/* Writes it, as TOOL's, beside the store at PATH, whose checksum is CRC.  0, or -1 after a message. */
int made_write(struct made *made, const struct root *root, const char *path, uint32_t crc, uint32_t tool);
void made_release(struct made *made);

#endif
